"""Writing readings: whatever arrives in whatever order and however often, the store ends the same."""

import asyncio
from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa

from app.domain.instants import MINUTE, SECOND, instant, microseconds
from app.domain.rows import Rows, settled
from app.store.arrivals import Stored
from app.store.database import Database
from app.store.readings import CHUNK_MICROSECONDS, ReadingWriter
from app.store.tables import latest, readings, touched
from app.store.tiers import TierKeeper

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2026, 3, 2, 8, tzinfo=UTC))


def rows(*readings: tuple[int, int, float] | tuple[int, int, float, int]) -> Rows:
    """Rows of (series, seconds after the base, value, status)."""
    return settled(
        np.array([r[0] for r in readings], np.int32),
        np.array([BASE + r[1] * SECOND for r in readings], np.int64),
        np.array([r[2] for r in readings], np.float64),
        np.array([r[3] if len(r) > 3 else 0 for r in readings], np.uint32),
    )


async def kept(database: Database) -> list[tuple[int, int, float | None, int]]:
    async with database.begin() as transaction:
        found = await transaction.execute(sa.select(readings).order_by(readings.c.series_id, readings.c.time))
        return [(r.series_id, (microseconds(r.time) - BASE) // SECOND, r.value, r.quality) for r in found]


async def notes(database: Database) -> list[tuple[int, int]]:
    async with database.begin() as transaction:
        found = await transaction.execute(sa.select(touched.c.starts, touched.c.ends).order_by(touched.c.starts))
        return [((microseconds(a) - BASE) // SECOND, (microseconds(b) - BASE) // SECOND) for a, b in found]


async def test_new_rows_are_stored_and_repeats_change_nothing(database: Database) -> None:
    writer = ReadingWriter(database)
    first = rows((1, 0, 1.5), (1, 1, 2.5), (2, 0, -1.0))
    assert await writer.store(first) == Stored(new=3)
    assert await writer.store(first) == Stored(repeated=3)
    assert await kept(database) == [(1, 0, 1.5, 0), (1, 1, 2.5, 0), (2, 0, -1.0, 0)]


async def test_later_arrivals_correct_and_older_rows_fall_into_place(database: Database) -> None:
    writer = ReadingWriter(database)
    await writer.store(rows((1, 10, 1.0), (1, 20, 2.0)))
    mixed = rows((1, 5, 0.5), (1, 10, 9.0), (1, 20, 2.0), (1, 30, 3.0), (7, 0, 7.0))
    assert await writer.store(mixed) == Stored(new=3, corrected=1, repeated=1)
    assert await kept(database) == [(1, 5, 0.5, 0), (1, 10, 9.0, 0), (1, 20, 2.0, 0), (1, 30, 3.0, 0), (7, 0, 7.0, 0)]


async def test_a_reading_without_a_value_and_every_status_survive(database: Database) -> None:
    writer = ReadingWriter(database)
    given = rows((1, 0, np.nan, 0x809B0000), (1, 1, 1.0, 0x40900000), (1, 2, 2.0, 0xFFFFFFFF))
    await writer.store(given)
    stored = await kept(database)
    assert [(value, quality & 0xFFFFFFFF) for _, _, value, quality in stored] == [
        (None, 0x809B0000),
        (1.0, 0x40900000),
        (2.0, 0xFFFFFFFF),
    ]
    assert await writer.store(given) == Stored(repeated=3)
    assert await writer.store(rows((1, 0, 5.0))) == Stored(corrected=1)


async def test_latest_moves_with_event_time_and_with_corrections_of_the_newest(database: Database) -> None:
    writer = ReadingWriter(database)

    async def newest() -> tuple[int, float | None]:
        async with database.begin() as transaction:
            row = (await transaction.execute(sa.select(latest))).one()
        return (microseconds(row.time) - BASE) // SECOND, row.value

    await writer.store(rows((1, 10, 1.0)))
    await writer.store(rows((1, 5, 0.5)))
    assert await newest() == (10, 1.0)
    await writer.store(rows((1, 10, 1.25)))
    assert await newest() == (10, 1.25)
    await writer.store(rows((1, 11, np.nan, 0x80000000)))
    assert await newest() == (11, None)


async def test_two_writers_of_the_same_rows_both_succeed_and_nothing_is_stored_twice(database: Database) -> None:
    writers = [ReadingWriter(database) for _ in range(4)]
    batches = [
        rows(*((s, t, float(t)) for s in range(20) for t in range(start, start + 60))) for start in (0, 30, 60, 0)
    ]
    await asyncio.gather(*(writer.store(batch) for writer, batch in zip(writers, batches, strict=True)))
    assert await kept(database) == [(s, t, float(t), 0) for s in range(20) for t in range(120)]


async def test_what_lies_behind_the_watermark_is_noted_in_the_same_transaction(database: Database) -> None:
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    await writer.store(rows((1, 0, 1.0), (1, 3600, 2.0)))
    assert await notes(database) == []
    await keeper.advance(BASE + 7200 * SECOND)
    await writer.store(rows((1, 30, 1.5), (1, 7300, 3.0)))
    assert await notes(database) == [(0, 60)]
    await writer.store(rows((1, 0, 1.0), (1, 30, 1.5)))
    assert await notes(database) == [(0, 60)], "a repeat touches nothing"
    await writer.store(rows((1, 3600, 2.5)))
    assert await notes(database) == [(0, 60), (3600, 3660)]


async def test_a_first_import_of_history_behind_the_watermark_is_noted_as_stretches(database: Database) -> None:
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    await keeper.advance(BASE + 10 * 86_400 * SECOND)
    await writer.store(
        rows(*((3, t * 300, float(t)) for t in range(100)), *((3, 86_400 + t * 60, 1.0) for t in range(30)))
    )
    assert await notes(database) == [(0, 99 * 300 + 60), (86_400, 86_400 + 1800)]


async def test_many_new_chunks_are_opened_a_few_at_a_time(database: Database) -> None:
    writer = ReadingWriter(database)
    spread = settled(
        np.ones(130, np.int32),
        BASE + np.arange(130, dtype=np.int64) * 8 * 86_400 * SECOND - 900 * 86_400 * SECOND,
        np.arange(130, dtype=np.float64),
        np.zeros(130, np.uint32),
    )
    assert len(await writer.new_chunks(spread.times)) == 130
    assert await writer.store(spread) == Stored(new=130)
    assert await writer.new_chunks(spread.times) == []
    assert await ReadingWriter(database).store(spread) == Stored(repeated=130)


async def test_times_on_both_sides_of_a_chunk_and_before_1970_fall_into_the_right_one(database: Database) -> None:
    edge = 2_900 * CHUNK_MICROSECONDS
    times = np.array([-1, 0, edge - 1, edge, edge + MINUTE], np.int64)
    given = settled(np.ones(5, np.int32), times, np.arange(5, dtype=np.float64), np.zeros(5, np.uint32))
    assert await ReadingWriter(database).store(given) == Stored(new=5)
    async with database.begin() as transaction:
        found = (await transaction.execute(sa.select(readings.c.time).order_by(readings.c.time))).scalars().all()
    assert list(found) == [instant(int(t)) for t in times]
