"""A messy plant through the doors of a service on each engine: every bucket is right, at every moment."""

import itertools
import math
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel
import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from app.domain.access import Role
from app.store.database import Database
from simulation.comparison import STEPS, compare, pages
from simulation.deliveries import Delivery, Key, Part, Readings, settled
from simulation.differences import Comparison
from simulation.mess import deliveries
from simulation.metrics import STATUS, TEMPERATURE
from simulation.plant import DAY, HOUR, MINUTE, SECOND, ZONE, Plant
from simulation.sending import send
from simulation.service import Customer
from simulation.signals import Signal
from simulation.trouble import Trouble
from simulation.truth import days, fixed
from tests.asker import Asker, asking
from tests.doors import token_for

pytestmark = pytest.mark.anyio

START = int(datetime(2026, 3, 28, 22, tzinfo=UTC).timestamp()) * SECOND
PLANT = Plant(4, START, 7 * HOUR, 15 * SECOND, batch=350)
NUMBERS = itertools.count()


@pytest.fixture
async def asker(database: Database) -> AsyncIterator[Asker]:
    async with asking(database) as asker:
        yield asker


async def advance(asker: Asker, to: int) -> None:
    while await asker.house.keeper.advance(to) is None:
        await anyio.lowlevel.checkpoint()


def customer(asker: Asker) -> Customer:
    return Customer(asker.client, patience=5)


def parted(made: Sequence[Delivery], share: float) -> tuple[list[Delivery], list[Delivery]]:
    """The first share of what every gateway sends, and the rest."""
    early: list[Delivery] = []
    late: list[Delivery] = []
    for _, own in itertools.groupby(made, key=lambda delivery: delivery.gateway):
        all_of_it = list(own)
        cut = math.ceil(len(all_of_it) * share)
        early += all_of_it[:cut]
        late += all_of_it[cut:]
    return early, late


def right(found: Comparison, expected: dict[Key, Readings]) -> None:
    assert found.different == 0, found.words
    minutes = {(key, time // MINUTE) for key, readings in expected.items() for time in readings}
    assert found.compared > len(minutes)


async def test_every_bucket_is_right_while_notes_are_pending_and_when_they_are_settled(asker: Asker) -> None:
    await asker.house.model.apply(PLANT.model_text, "messy.yaml")
    made, speaker = deliveries(PLANT), customer(asker)
    early, late = parted(made, 0.6)
    stages = itertools.count(START, 40 * MINUTE)
    asks = itertools.cycle(STEPS.items())
    async with anyio.create_task_group() as tasks:

        async def keep_moving() -> None:
            """Tiers are refreshed, and somebody looks, while readings arrive."""
            while True:
                await advance(asker, min(next(stages), PLANT.end))
                await compare(speaker.ask, settled(made), dict([next(asks)]))

        tasks.start_soon(keep_moving)
        assert await send(speaker, early) == sum(map(len, early))
        tasks.cancel_scope.cancel()
    expected = settled(early)
    right(await compare(speaker.ask, expected), expected)
    await advance(asker, PLANT.start + PLANT.span // 2)
    assert await send(speaker, late) == sum(map(len, late))
    expected = settled(made)
    assert len(expected) == 20
    right(await compare(speaker.ask, expected), expected)
    await advance(asker, PLANT.end)
    right(await compare(speaker.ask, expected), expected)
    again = [delivery for delivery in late if delivery.gateway == 0]
    assert await send(speaker, again) == sum(map(len, again))
    expected = settled([*made, *again])
    right(await compare(speaker.ask, expected), expected)


async def test_what_is_not_right_is_told(asker: Asker) -> None:
    """One reading that nobody knows of, one that is not there, a series and a machine that the service never saw."""
    small = Plant(1, START, HOUR, 15 * SECOND, mess=frozenset())
    await asker.house.model.apply(small.model_text, "messy.yaml")
    made, speaker = deliveries(small), customer(asker)
    await send(speaker, made)
    expected = settled(made)
    right(await compare(speaker.ask, expected), expected)
    path = small.paths[0]
    extra = Part(path, TEMPERATURE.name, Signal([START + 1, START - 3 * MINUTE], [1_000.0, 1.0], [0, 0]))
    await send(speaker, [Delivery(0, 0, (extra,))])
    found = await compare(speaker.ask, expected)
    # The minute, quarter, hour, six hours and day of the first; the second has a bucket before all that were expected,
    # and changes their day.
    assert (found.missing, found.changed) == (0, 5)
    assert f"{path} {TEMPERATURE.name}, PT1M, bucket of 2026-03-28T22:00:00Z: count is 5, expected 4" in found.words[0]
    del expected[path, TEMPERATURE.name]
    expected[path, STATUS.name][START + 2 * HOUR] = (1.0, 0)
    expected[path, "messy.pressure"] |= {START - MINUTE: (1.0, 0)}
    found = await compare(speaker.ask, expected)
    assert (found.missing, found.additional) == (8, 0)
    nobody = {(f"{small.code}/line-1/nobody", TEMPERATURE.name): {START: (1.0, 0)}}
    found = await compare(speaker.ask, nobody)
    assert (found.compared, found.missing) == (5, 5)
    assert "the service has no such series" in found.words[0]


async def test_a_note_that_is_lost_is_found_in_every_tier(asker: Asker) -> None:
    small = Plant(1, START, HOUR, 15 * SECOND, mess=frozenset())
    await asker.house.model.apply(small.model_text, "messy.yaml")
    made, speaker = deliveries(small), customer(asker)
    await send(speaker, made)
    await advance(asker, START + DAY)
    late = Part(small.paths[0], TEMPERATURE.name, Signal([START + 1], [1_000.0], [0]))
    made.append(Delivery(0, 0, (late,)))
    await send(speaker, made[-1:])
    expected = settled(made)
    right(await compare(speaker.ask, expected), expected)
    async with asker.house.database.begin() as transaction:
        await transaction.execute(sa.text("DELETE FROM touched"))
    found = await compare(speaker.ask, expected)
    assert (found.changed, found.different) == (5, 5)
    assert [next(step for step in STEPS if f", {step}," in words) for words in found.words] == list(STEPS)
    assert "count is 4, expected 5" in found.words[0]


async def test_a_token_that_is_not_known_or_may_not_is_told(database: Database) -> None:
    made = deliveries(Plant(1, START, HOUR // 4, 15 * SECOND))
    async with asking(database, loopback_only=False) as asker:
        for headers, sentence in (
            ({"Authorization": "Bearer lg_nobody"}, "The service does not know this token. Make one with"),
            (await token_for(asker.house, Role.VIEWER), "This token may not do that. Make one with"),
        ):
            asker.client.headers.update(headers)
            with pytest.raises(ExceptionGroup) as caught:
                await send(customer(asker), made)
            assert sentence in str(caught.value.exceptions[0])


def test_pages_are_everything_once_and_cheap_enough() -> None:
    readings: Readings = {START + at * 10 * MINUTE: (1.0, 0) for at in range(6 * 24 * 20)}
    expected = {(f"p/l/m{at}", "x"): readings for at in range(200)}
    for step, width in STEPS.items():
        whole = days(ZONE) if step == "DAY" else fixed(width)
        seen: dict[Key, list[tuple[int, int]]] = {}
        for keys, start, end in pages(expected, step, width):
            assert len(keys) == 1 or len(keys) * (end - start) // width <= 100_000
            assert (whole(start)[0], whole(end)[0]) == (start, end)
            for key in keys:
                seen.setdefault(key, []).append((start, end))
        for spans in seen.values():
            assert spans[0][0] <= min(readings)
            assert spans[-1][1] > max(readings)
            assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
        assert seen.keys() == expected.keys()
    assert list(pages({}, "PT1M", MINUTE)) == []


@some.composite
def arrivals(draw: some.DrawFn) -> tuple[list[list[int]], list[int]]:
    """Twenty-four readings in some order, some of them more than once, in deliveries; and where the watermark goes."""
    order = draw(some.permutations(list(range(24)) + draw(some.lists(some.integers(0, 23), max_size=12))))
    cuts = sorted(draw(some.lists(some.integers(0, len(order)), max_size=5)))
    bounds = [0, *cuts, len(order)]
    moves = draw(some.lists(some.integers(-1, 40), min_size=len(bounds), max_size=len(bounds)))
    return [order[start:end] for start, end in itertools.pairwise(bounds) if start < end], moves


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(arriving=arrivals())
async def test_order_repetition_splitting_and_refreshing_do_not_matter(
    asker: Asker, arriving: tuple[list[list[int]], list[int]]
) -> None:
    pieces, moves = arriving
    number = next(NUMBERS)
    # Each run is a day later, where the watermark has not been.
    base = START + number * DAY
    path, speaker = f"p/l/machine-{number}", customer(asker)
    whole = Signal(
        [base + at * 100 * SECOND for at in range(24)],
        [None if at % 7 == 3 else at * 37 % 11 / 4 for at in range(24)],
        [0x40000000 if at % 5 == 0 else 0x808C0000 if at % 7 in (3, 4) else 0 for at in range(24)],
    )
    expected = settled([Delivery(0, 0, (Part(path, TEMPERATURE.name, whole),))])
    for piece, move in zip(pieces, moves, strict=False):
        await send(speaker, [Delivery(0, 0, (Part(path, TEMPERATURE.name, whole.only(piece)),))])
        if move >= 0:
            await advance(asker, base + move * MINUTE)
    right(await compare(speaker.ask, expected, zone="UTC"), expected)
    await advance(asker, base + moves[-1] * MINUTE)
    right(await compare(speaker.ask, expected, zone="UTC"), expected)


async def test_gateways_wait_for_a_service_that_is_busy_and_give_up_on_one_that_is_gone(asker: Asker) -> None:
    small = Plant(1, START, HOUR // 4, 15 * SECOND, batch=30)
    made = deliveries(small)
    refused = 0

    class Restarting(httpx.AsyncBaseTransport):
        """The way to the service, which is down for every third request."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal refused
            turn = next(NUMBERS) % 6
            if turn == 0:
                refused += 1
                raise httpx.ConnectError("refused", request=request)
            if turn == 3:
                refused += 1
                return httpx.Response(503, json={"message": "later"}, request=request)
            answer = await asker.client.request(
                request.method, request.url.path, params=request.url.query, content=await request.aread(),
                headers={"content-type": request.headers["content-type"]},
            )  # fmt: skip
            return httpx.Response(answer.status_code, content=answer.content, request=request)

    async with httpx.AsyncClient(transport=Restarting(), base_url="http://127.0.0.1:8000") as client:
        speaker = Customer(client, patience=10)
        assert await send(speaker, made) == sum(map(len, made))
        assert refused > 3
        await asker.house.model.apply(small.model_text, "messy.yaml")
        expected = settled(made)
        right(await compare(speaker.ask, expected), expected)
    async with httpx.AsyncClient(base_url="http://127.0.0.1:1") as client:
        with pytest.raises(Trouble, match="No service answers"):
            await Customer(client).reach()
        with pytest.raises(ExceptionGroup) as caught:
            await send(Customer(client, patience=0.3), made)
        assert "has not taken a request for 0.3 s" in str(caught.value.exceptions[0])


async def test_a_rate_is_kept(asker: Asker) -> None:
    made = deliveries(Plant(2, START, HOUR // 4, 15 * SECOND, mess=frozenset(), batch=60))
    total = sum(map(len, made))
    began = anyio.current_time()
    assert await send(customer(asker), made, rate=total) == total
    assert timedelta(seconds=0.75) < timedelta(seconds=anyio.current_time() - began) < timedelta(seconds=3)
