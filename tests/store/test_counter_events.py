"""Counters at the store: every figure like that of a plain loop, in whatever order readings arrive."""

import asyncio
import random

import pytest

from app.domain.counters import DropKind
from app.domain.instants import SECOND
from app.domain.tiers import ORIGIN
from app.store.database import Database
from tests.holdings import commits_held, until_held
from tests.store.counted_plant import BAD, BASE, DAY, Plant, Reading, counted_plant, rows, truth

pytestmark = pytest.mark.anyio


@pytest.fixture
async def plant(database: Database) -> Plant:
    return await counted_plant(database)


def drawn(chance: random.Random, count: int, seconds: int) -> list[Reading]:
    """Wild readings: every second one is a drop, and the same places are drawn again and again."""
    return [
        (
            chance.randrange(1, 4),
            chance.randrange(seconds // 20) * 20,
            chance.randrange(0, 512) / 2,
            chance.choice([0, 0, 0, 0, 0x40000000, BAD]),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(4))
async def test_every_increase_is_exact_at_every_stage_of_arrival(plant: Plant, seed: int) -> None:
    chance = random.Random(seed)
    arrived: list[Reading] = []
    span = 4 * DAY
    stages = 0
    for step in range(14):
        batch = drawn(chance, chance.choice([5, 60]), chance.choice([3_600, span]))
        arrived += batch
        await plant.writer.store(rows(batch))
        if step % 3 == 1:
            await plant.advance(chance.randrange(span))
        for width in (60, 900, DAY):
            assert await plant.figures(width, -DAY, span + DAY) == truth(arrived, width), (step, width)
        start = chance.randrange(span)
        end = start + chance.randrange(1, span)
        for width in (60, 90, 900, DAY):
            low = start - (start + (BASE - ORIGIN) // SECOND) % width
            expected = {
                series: inside
                for series, told in truth(arrived, width).items()
                if (inside := {at: value for at, value in told.items() if low <= at < end})
            }
            assert await plant.figures(width, start, end) == expected, (step, width)
            stages += 1
    assert stages == 56
    await plant.advance(2 * span)
    assert (await plant.keeper.freshness()).touched == ()
    assert await plant.figures(DAY, -DAY, span + DAY) == truth(arrived, DAY)
    assert await plant.kept() == await fallen(plant, arrived)


async def fallen(plant: Plant, arrived: list[Reading]) -> list[tuple[int, int, float, float]]:
    kept = {(series, seconds): (value, status) for series, seconds, value, status in arrived}
    found, before = [], dict[int, float]()
    for (series, seconds), (value, status) in sorted(kept.items()):
        if status < BAD:
            if value < before.get(series, value):
                found.append((series, seconds, before[series], value))
            before[series] = value
    return found


async def test_drops_are_listed_at_once_and_kept_when_the_watermark_passes(plant: Plant) -> None:
    await plant.writer.store(
        rows([(1, 0, 250, 0), (1, 10, 249.5, 0), (1, 20, 3, 0), (1, 30, 200, 0), (1, 40, 4, BAD), (1, 50, 150, 0)])
    )
    expected = [
        (10, 250, 249.5, DropKind.DIP, 0),
        (20, 249.5, 3, DropKind.ROLLOVER, 256),
        (50, 200, 150, DropKind.RESET, 200),
    ]
    assert await plant.listed() == expected
    assert await plant.kept() == []
    await plant.advance(60)
    assert await plant.listed() == expected
    assert await plant.kept() == [(1, at, before, after) for at, before, after, _, _ in expected]
    assert await plant.listed(1, 20, 50) == expected[1:2], "the start is included, the end is not"


async def test_a_counter_is_exact_that_appears_while_a_refresh_is_under_way(plant: Plant, database_url: str) -> None:
    """The turn had listed the counters before: it moves the watermark past readings that it has not looked at."""
    gauge = "UPDATE series SET metric_id = 2 WHERE id = 1"
    readings: list[Reading] = [(1, 0, 250, 0), (1, 10, 3, 0), (1, 20, 9, 0), (2, 0, 5, 0), (2, 30, 2, 0)]
    await plant.say(gauge)
    await plant.writer.store(rows(readings))
    async with asyncio.TaskGroup() as tasks, commits_held(database_url) as connection:
        tasks.create_task(plant.advance(60))
        await until_held(connection, "UPDATE tiers SET intended")
        await plant.say(gauge.replace("= 2", "= 1"))
    assert await plant.kept() == [(2, 30, 5, 2)]
    assert (await plant.keeper.freshness()).watermark == BASE + 60 * SECOND
    assert [event[:3] for event in await plant.listed()] == [(10, 250, 3)]
    assert await plant.figures(60, 0, 60) == truth(readings, 60)
    await plant.advance(60)
    assert await plant.kept() == [(1, 10, 250, 3), (2, 30, 5, 2)]
    assert await plant.figures(60, 0, 60) == truth(readings, 60)


async def test_late_readings_make_move_and_remove_drops(plant: Plant) -> None:
    await plant.writer.store(rows([(1, 0, 100, 0), (1, 7_200, 40, 0), (1, 7_260, 50, 0)]))
    await plant.advance(10_000)
    assert await plant.kept() == [(1, 7_200, 100, 40)]
    stages: list[tuple[list[Reading], list[tuple[int, int, float, float]]]] = [
        ([(1, 3_600, 10, 0)], [(1, 3_600, 100, 10)]),
        ([(1, 3_600, 10, BAD)], [(1, 7_200, 100, 40)]),
        ([(1, 7_200, 140, 0)], [(1, 7_260, 140, 50)]),
        ([(1, 7_260, 141, 0)], []),
        ([(1, 7_200, 40, 0), (1, -9 * DAY, 500, 0)], [(1, 0, 500, 100), (1, 7_200, 100, 40)]),
        ([(1, 0, 100, BAD), (1, 7_200, 40, BAD), (1, 7_260, 1, BAD)], []),
    ]
    for batch, expected in stages:
        await plant.writer.store(rows(batch))
        assert [event[:3] for event in await plant.listed()] == [event[1:] for event in expected], "before the refresh"
        await plant.advance(10_000)
        assert await plant.kept() == expected
        assert [event[:3] for event in await plant.listed()] == [event[1:] for event in expected]


async def test_drops_across_chunks_and_silence_are_found(plant: Plant) -> None:
    """Weeks of silence, a first reading of a chunk that is lower, and bad readings in between."""
    readings: list[Reading] = [
        (1, 0, 90, 0),
        (1, 30 * DAY, 7, BAD),
        (1, 400 * DAY, 20, 0),
        (1, 407 * DAY, 10, 0),
        (1, 407 * DAY + 10, 12, 0),
    ]
    await plant.writer.store(rows(readings))
    expected = [(1, 400 * DAY, 90, 20), (1, 407 * DAY, 20, 10)]
    assert [event[:3] for event in await plant.listed()] == [event[1:] for event in expected]
    for days in (1, 30, 401, 500):
        await plant.advance(days * DAY)
        assert await plant.figures(DAY, -DAY, 500 * DAY) == truth(readings, DAY)
        assert await plant.figures(900, 399 * DAY, 500 * DAY) == {
            1: {at: grown for at, grown in truth(readings, 900)[1].items() if at >= 399 * DAY}
        }
    assert await plant.kept() == expected
