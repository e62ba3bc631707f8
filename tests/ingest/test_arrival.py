"""Arrival: in whatever order, pieces and repetitions readings come, the store ends the same."""

import asyncio
import itertools
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from app.store.database import Database
from tests.holdings import kept_latest, kept_readings, milliseconds

pytestmark = pytest.mark.anyio

Arriving = tuple[int, int, float | None, int]
"""Series, seconds after the base, value, status."""

PROPERTY = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
NUMBERS = itertools.count()
VALUES = some.none() | some.floats(-1e150, 1e150) | some.integers(-5, 5).map(float)
STATUSES = some.sampled_from([0, 0x40900000, 0x80000000, 0xFFFFFFFF])
ARRIVALS = some.lists(
    some.tuples(some.integers(0, 3), some.integers(0, 8).map(lambda at: at * 86_400 * 3), VALUES, STATUSES),
    min_size=1,
    max_size=25,
)
SETS = ARRIVALS.map(lambda found: list({(each[0], each[1]): each for each in found}.values()))


def pieces(arriving: list[Arriving], cuts: list[int]) -> list[list[Arriving]]:
    bounds = [0, *sorted(min(cut, len(arriving)) for cut in cuts), len(arriving)]
    return [arriving[start:end] for start, end in itertools.pairwise(bounds) if start < end]


async def send(client: httpx.AsyncClient, run: int, body: list[Arriving]) -> None:
    series = [
        {"source": f"run {run} series {number}", "times": [milliseconds(at)], "values": [value], "statuses": [status]}
        for number, at, value, status in body
    ]
    answer = await client.post("/api/v1/readings", json={"series": series})
    assert (answer.status_code, answer.json()["stored"]) == (200, len(body))


async def ended(database: Database, run: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is kept of the readings, and of the latest of each series, in a run."""
    name = f"run {run} "
    readings, latest = await kept_readings(database), await kept_latest(database)
    return (
        {source.removeprefix(name): found for source, found in readings.items() if source.startswith(name)},
        {source.removeprefix(name): found for source, found in latest.items() if source.startswith(name)},
    )


def expected(arriving: list[Arriving]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The last arrival of each series and time; a reading without a value is bad."""
    last = {(number, at): (value, status) for number, at, value, status in arriving}
    readings: dict[str, list[tuple[int, float | None, int]]] = {}
    for (number, at), (value, status) in sorted(last.items()):
        told = 0x809B0000 if value is None and status < 0x80000000 else status
        readings.setdefault(f"series {number}", []).append((at * 1_000_000, value, told))
    return readings, {source: found[-1] for source, found in readings.items()}


@some.composite
def shuffled(draw: some.DrawFn) -> tuple[list[Arriving], list[Arriving]]:
    """Readings of which none contradicts another, and the same in another order, some of them repeated."""
    readings = draw(SETS)
    again = draw(some.lists(some.sampled_from(readings), max_size=15))
    return readings, draw(some.permutations(readings + again))


@PROPERTY
@given(sets=shuffled(), cuts=some.lists(some.integers(0, 40), max_size=5))
async def test_order_repetition_and_splitting_do_not_matter(
    client: httpx.AsyncClient, database: Database, sets: tuple[list[Arriving], list[Arriving]], cuts: list[int]
) -> None:
    readings, arriving = sets
    run = next(NUMBERS)
    for body in pieces(arriving, cuts):
        await send(client, run, body)
    assert await ended(database, run) == expected(readings)


@PROPERTY
@given(arriving=ARRIVALS, cuts=some.lists(some.integers(0, 25), max_size=6))
async def test_the_later_arrival_wins_however_arrivals_are_split(
    client: httpx.AsyncClient, database: Database, arriving: list[Arriving], cuts: list[int]
) -> None:
    run = next(NUMBERS)
    for body in pieces(arriving, cuts):
        await send(client, run, body)
    assert await ended(database, run) == expected(arriving)


@PROPERTY
@given(readings=SETS, cuts=some.lists(some.integers(0, 25), max_size=6))
async def test_bodies_that_arrive_at_once_end_the_same(
    client: httpx.AsyncClient, database: Database, readings: list[Arriving], cuts: list[int]
) -> None:
    run = next(NUMBERS)
    bodies = pieces(readings, cuts)
    await asyncio.gather(*(send(client, run, body) for body in (*bodies, *bodies)))
    assert await ended(database, run) == expected(readings)
