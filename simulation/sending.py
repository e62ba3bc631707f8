"""All gateways at once, each in its own order: the next delivery goes out when the last one is acknowledged."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from simulation.deliveries import Delivery
from simulation.service import Customer
from simulation.wire import bodies


class Pace:
    """So many readings a second over all gateways; without a rate, as fast as they are acknowledged."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._next = 0.0

    async def allow(self, readings: int) -> None:
        if self._rate is None:
            return
        now = asyncio.get_running_loop().time()
        turn = max(self._next, now)
        self._next = turn + readings / self._rate
        await asyncio.sleep(turn - now)


async def send(
    customer: Customer,
    deliveries: Iterable[Delivery],
    *,
    rate: float | None = None,
    acknowledged: Callable[[int], None] = lambda _: None,
) -> int:
    """Readings acknowledged, which is all of them; `acknowledged` is told of each request. Trouble ends it all."""
    pace = Pace(rate)

    async def deliver(own: Sequence[Delivery]) -> int:
        count = 0
        for delivery in own:
            for body in bodies(delivery):
                await pace.allow(body.readings)
                await customer.send(body)
                acknowledged(body.readings)
                count += body.readings
        return count

    gateways = [list(own) for _, own in groupby(deliveries, key=lambda delivery: delivery.gateway)]
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(deliver(own)) for own in gateways]
    return sum(task.result() for task in running)
