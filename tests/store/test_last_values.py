"""The last usable value before any instant: from raw rows, tiers, what is touched, and what is gone."""

import random
from datetime import timedelta

import pytest

from app.domain.instants import MINUTE, SECOND, instant
from app.domain.model import SeriesId
from app.domain.policy import Policy
from app.domain.tiers import LONG_AGO
from app.store.database import Database
from app.store.last_values import LastValues
from app.store.policies import PolicyStore
from app.store.readings import ReadingWriter
from app.store.tiers import TierKeeper
from tests.store.counted_plant import BAD, BASE, DAY, Reading, rows

pytestmark = pytest.mark.anyio

IDS = [SeriesId(number) for number in range(1, 5)]


def plain(readings: list[Reading], at: int) -> dict[SeriesId, float]:
    """Before so many microseconds after the base."""
    kept = {(series, seconds): (value, status) for series, seconds, value, status in readings}
    usable = ((key, value) for key, (value, status) in sorted(kept.items()) if status < BAD)
    return {SeriesId(series): value for (series, seconds), value in usable if seconds * SECOND < at}


async def found(database: Database, at: int) -> dict[SeriesId, float]:
    wanted = [(each, BASE + at) for each in IDS]
    found = await LastValues(database).before(wanted, await TierKeeper(database).freshness())
    return {series: value for (series, _), value in found.items()}


@pytest.mark.parametrize("seed", range(3))
async def test_it_is_found_wherever_it_lies(database: Database, seed: int) -> None:
    """Sparse readings, most of them bad, so that the last usable one is minutes or months back."""
    chance = random.Random(seed)
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    arrived: list[Reading] = []
    for step in range(8):
        last = chance.choice([7_200, 5 * DAY, 90 * DAY])
        batch: list[Reading] = [
            (chance.randrange(1, 4), chance.randrange(last), float(chance.randrange(99)), chance.choice([0, BAD, BAD]))
            for _ in range(15)
        ]
        arrived += batch
        await writer.store(rows(batch))
        if step % 2:
            await keeper.advance(BASE + chance.randrange(last) * SECOND)
        edges = [(seconds + late) * SECOND for _, seconds, *_ in chance.sample(arrived, 4) for late in (0, 1, 3_601)]
        for at in (*edges, chance.randrange(90 * DAY) * SECOND, 7 * MINUTE, 80 * DAY * SECOND + 1, -DAY * SECOND):
            assert await found(database, at) == plain(arrived, at)


async def test_what_is_gone_is_found_in_the_tiers(database: Database) -> None:
    readings: list[Reading] = [(1, 0, 5, 0), (2, 3 * DAY + 60, 7, 0), (2, 3 * DAY + 180, 8, 0), (3, 20 * DAY, 9, BAD)]
    await ReadingWriter(database).store(rows(readings))
    await TierKeeper(database).advance(BASE + 40 * DAY * SECOND)
    policies = PolicyStore(database)
    await policies.set({"RAW": Policy(timedelta(days=2))})
    await policies.carry_out(instant(BASE + 40 * DAY * SECOND))
    for at in (4 * DAY, 3 * DAY + 180, 3 * DAY + 120, 3 * DAY, 39 * DAY, 400 * DAY):
        assert await found(database, at * SECOND) == plain(readings, at * SECOND)


async def test_nothing_is_before_the_beginning_of_time_and_of_no_series(database: Database) -> None:
    fresh = await TierKeeper(database).freshness()
    assert await LastValues(database).before([(each, LONG_AGO) for each in IDS], fresh) == {}
    assert await LastValues(database).before([], fresh) == {}
