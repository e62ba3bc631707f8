"""What a sensor says: values and their quality over time, before anybody delivers them."""

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress
from typing import Final

from simulation.metrics import Kind, Metric
from simulation.plant import SECOND, Mess, Plant

UNCERTAIN: Final = 0x40000000
BAD: Final = 0x80000000
_GRAIN = SECOND // 8_000
"""Times are multiples of it, so that milliseconds with fractions say them exactly."""
_WRONG = (
    (UNCERTAIN, True),
    (BAD, False),
    (0x808C0000, True),
    (0x40900000, True),
    (0x80310000, False),
    (0, False),  # a null that claims to be good
)
"""Statuses, and whether a value comes with them."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Columns of equal length, in the order of time (microseconds)."""

    times: list[int]
    values: list[float | None]
    statuses: list[int]

    def within(self, start: int, end: int, shift: int) -> "Signal":
        """What lies in `[start, end)`, told by a clock that is `shift` ahead."""
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        times = self.times[first:last]
        if shift:
            times = [time + shift for time in times]
        return Signal(times, self.values[first:last], self.statuses[first:last])

    def only(self, places: Sequence[int]) -> "Signal":
        """The readings at these places, in this order."""
        return Signal(
            [self.times[at] for at in places], [self.values[at] for at in places], [self.statuses[at] for at in places]
        )


def signal(plant: Plant, machine: int, metric: Metric) -> Signal:
    """Values are multiples of a quarter: their sums are exact in whatever order they are added."""
    rnd = random.Random(f"{plant.seed}/{machine}/{metric.name}")
    # Some series report right on the edges of buckets, others beside them.
    phase = 0 if rnd.random() < 0.3 else rnd.randrange(0, plant.interval, _GRAIN)
    times = [plant.start + phase + tick * plant.interval for tick in range(plant.ticks)]
    values: list[float | None] = list(_values(plant, metric, rnd))
    statuses = [0] * plant.ticks
    if Mess.QUALITY in plant.mess:
        for first, last in _stretches(plant.ticks, 2_500, 40, rnd):
            status, has_value = rnd.choice(_WRONG)
            statuses[first:last] = [status] * (last - first)
            if not has_value:
                values[first:last] = [None] * (last - first)
    if Mess.SILENCE in plant.mess:
        # All series of a machine are silent together.
        silent = random.Random(f"{plant.seed}/{machine}")
        speaks = [True] * plant.ticks
        for first, last in _stretches(plant.ticks, 10_000, max(plant.ticks // 40, 2), silent):
            speaks[first:last] = [False] * (last - first)
        return Signal(list(compress(times, speaks)), list(compress(values, speaks)), list(compress(statuses, speaks)))
    return Signal(times, values, statuses)


def _values(plant: Plant, metric: Metric, rnd: random.Random) -> Iterator[float]:
    if metric.kind is Kind.STATE:
        return _states(plant.ticks, rnd)
    if metric.kind is Kind.COUNTER:
        return _counts(plant, metric, rnd)
    return (200 + number / 4 for number in accumulate(rnd.choices((-2, -1, 0, 1, 2), k=plant.ticks)))


def _states(ticks: int, rnd: random.Random) -> Iterator[float]:
    left = 0
    for _ in range(ticks):
        if not left:
            state, left = float(rnd.randrange(4)), rnd.randrange(1, 200)
        left -= 1
        yield state


def _counts(plant: Plant, metric: Metric, rnd: random.Random) -> Iterator[float]:
    growth = rnd.choices((0.0, 0.25, 0.5, 1.0, 2.0), k=plant.ticks)
    resets = _moments(plant.ticks, 6_000, rnd) if Mess.RESETS in plant.mess and metric.modulus is None else set()
    dips = _moments(plant.ticks, 400, rnd) if Mess.DIPS in plant.mess and metric.dip_tolerance else set()
    wraps = metric.modulus if Mess.ROLLOVERS in plant.mess else None
    # It wraps in the first half of however short a span.
    count = metric.modulus - sum(growth[: plant.ticks // 2]) if wraps and metric.modulus else 100.0
    if wraps:
        count %= wraps
    for tick, more in enumerate(growth):
        count = float(rnd.randrange(3)) if tick in resets else count + more
        if wraps and count >= wraps:
            count -= wraps
        yield count - metric.dip_tolerance / 2 if tick in dips and count >= 1 else count


def _moments(ticks: int, every: int, rnd: random.Random) -> set[int]:
    """At least one, not at the very beginning."""
    return {rnd.randrange(ticks // 4, ticks) for _ in range(1 + ticks // every)}


def _stretches(ticks: int, every: int, longest: int, rnd: random.Random) -> Iterator[tuple[int, int]]:
    for _ in range(1 + ticks // every):
        first = rnd.randrange(ticks)
        yield first, min(first + rnd.randint(1, longest), ticks)
