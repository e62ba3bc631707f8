"""The tiers: exact at every moment, whatever arrives late and whoever writes while the watermark moves."""

import asyncio
import random
from collections import defaultdict

import pytest
import sqlalchemy as sa

from app.domain.instants import MINUTE, SECOND, instant, microseconds
from app.domain.model import SeriesId
from app.domain.spans import Span
from app.errors import StoreUnavailable
from app.store.arrivals import COPY, INTENDED
from app.store.columns import copy_data
from app.store.database import Database
from app.store.engines import TABLES, Connection
from app.store.readings import ReadingWriter
from app.store.revisions import RevisionReader
from app.store.tables import tiers, touched
from app.store.tiers import TierKeeper
from tests.store.tier_truth import BASE, Reading, answered, rows, truth

pytestmark = pytest.mark.anyio


def drawn(chance: random.Random, count: int, seconds: int) -> list[Reading]:
    statuses = [0, 0, 0, 0, 0x40000000, 0x80000000, 0x00300000]
    return [
        (
            chance.randrange(1, 4),
            chance.randrange(seconds),
            float(chance.randrange(-1000, 1000)),
            chance.choice(statuses),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(4))
async def test_every_answer_is_exact_while_late_and_corrected_rows_arrive(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    arrived: list[Reading] = []
    span = 16 * 3600
    for step in range(12):
        batch = drawn(chance, 60, span)
        arrived += batch
        await writer.store(rows(batch))
        if step % 3 == 1:
            newest = await keeper.newest_note() or 0
            young = chance.choice([None, newest, newest - 1, 0])
            await keeper.advance(BASE + chance.randrange(span) * SECOND, young=young)
        for width in (60, 420, 90, 900, 7200, 21_600):
            assert await answered(database, width, range(1, 4), span) == truth(arrived, width)
    await keeper.advance(BASE + 2 * span * SECOND)
    assert (await keeper.freshness()).touched == ()
    for width in (60, 900, 21_600):
        assert await answered(database, width, range(1, 4), span) == truth(arrived, width)


async def test_every_tier_holds_exactly_what_the_readings_say(database: Database) -> None:
    """Straight from the tables, after late rows, corrections and repeats in front of and behind the watermark."""
    chance = random.Random(7)
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    arrived: list[Reading] = []
    for to in (5, 9, 16, 40):
        batch = drawn(chance, 200, 16 * 3600)
        arrived += batch
        await writer.store(rows(batch + arrived[:20]))
        arrived += arrived[:20]
        await keeper.advance(BASE + to * 3600 * SECOND)
    for table, width in (("readings_1m", 60), ("readings_15m", 900), ("readings_1h", 3_600), ("readings_6h", 21_600)):
        kept: dict[int, dict[int, tuple[object, ...]]] = defaultdict(dict)
        async with database.begin() as transaction:
            query = sa.text(
                f"SELECT series_id, bucket, good, uncertain, bad, sum, minimum, maximum, first, last FROM {table}"  # noqa: S608
            )
            for series, bucket, *values in await transaction.execute(query):
                kept[series][(microseconds(bucket) - BASE) // SECOND] = tuple(values)
        assert kept == truth(arrived, width), table


async def test_the_tier_holds_its_full_set_of_columns(database: Database) -> None:
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    await writer.store(rows([(1, 5, 3.0, 0), (1, 10, -2.0, 0), (1, 20, 9.0, 0x40000000), (1, 30, 1.0, 0x80000000)]))
    await keeper.advance(BASE + 60 * SECOND)
    async with database.begin() as transaction:
        row = (await transaction.exec_driver_sql("SELECT * FROM readings_1m")).mappings().one()
    at = {name: (microseconds(row[name]) - BASE) // SECOND for name in row if name.endswith("_at")}
    assert at == {"first_at": 5, "last_at": 20, "minimum_at": 10, "maximum_at": 20}
    counts = {"good": 2, "uncertain": 1, "bad": 1, "worst": 2}
    values = {"sum": 10.0, "minimum": -2.0, "maximum": 9.0, "first": 3.0, "last": 9.0}
    assert {name: row[name] for name in counts | values} == counts | values


async def test_late_repeated_and_corrected_rows_reach_the_columnstore(database: Database) -> None:
    """5,000 corrections over 250 series unpack more than the usual limit of TimescaleDB lets a statement unpack."""
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    day: list[Reading] = [(series, at * 30, float(at % 97), 0) for series in range(1, 251) for at in range(500)]
    await writer.store(rows(day))
    await keeper.advance(BASE + 86_400 * SECOND)
    async with database.driver(autocommit=True) as connection:
        await to_columnstore(connection, database)
    repeated = await writer.store(rows(day[:5_000]))
    assert (repeated.new, repeated.corrected, repeated.repeated) == (0, 0, 5_000)
    late = [(series, 15 + at * 30, 5.0, 0) for series in range(1, 251) for at in range(20)]
    corrected = [(series, at * 30, -1.0, 0) for series in range(1, 251) for at in range(100, 120)]
    stored = await writer.store(rows([*late, *corrected]))
    assert (stored.new, stored.corrected, stored.repeated) == (5_000, 5_000, 0)
    arrived, end = [*day, *late, *corrected], 500 * 30
    for width in (60, 900, 21_600):
        assert await answered(database, width, range(1, 251), end) == truth(arrived, width)
    assert await keeper.advance(BASE + 86_400 * SECOND) == (2, [])
    for width in (60, 900, 21_600):
        assert await answered(database, width, range(1, 251), end) == truth(arrived, width)


async def to_columnstore(connection: Connection, database: Database) -> None:
    """All chunks of readings and of the tiers; plain PostgreSQL has none, and its rows stay as they are."""
    if database.engine.name == "postgresql":
        return
    for table in TABLES.values():
        chunks = await connection.execute("SELECT show_chunks(%s::regclass)::text", (table,))
        for (chunk,) in await chunks.fetchall():
            await connection.execute("CALL convert_to_columnstore(%s::regclass)", (chunk,))
    counts = await database.engine.chunk_counts(connection)
    assert counts[0] == counts[1] > 0


async def test_a_batch_that_is_open_while_the_watermark_passes_loses_no_row(database: Database) -> None:
    """The writer pauses between its COPY and its COMMIT; the watermark must wait for it."""
    keeper = TierKeeper(database)
    late = rows([(1, 10, 1.0, 0), (1, 50, 2.0, 0)])
    await ReadingWriter(database).store(rows([(2, 0, 5.0, 0)]))
    async with database.driver() as connection:
        await connection.execute(INTENDED)
        async with connection.cursor().copy(COPY) as copy:
            await copy.write(copy_data(late))
        advancing = asyncio.create_task(keeper.advance(BASE + 3600 * SECOND))
        await asyncio.sleep(0.3)
        assert not advancing.done(), "the watermark passed an open batch"
    await asyncio.wait_for(advancing, 10)
    async with database.begin() as transaction:
        found = await transaction.exec_driver_sql("SELECT series_id, good FROM readings_1m ORDER BY 1")
        assert [tuple(row) for row in found] == [(1, 2), (2, 1)]


async def test_a_refresh_that_failed_half_way_is_repeated(database: Database) -> None:
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    await writer.store(rows([(1, 0, 1.0, 0)]))
    await keeper.advance(BASE + 3600 * SECOND)
    await writer.store(rows([(1, 30, 5.0, 0)]))
    async with database.begin() as blocker:
        # The refresh waits for the lock until its server process is ended, as a crash would end it.
        await blocker.exec_driver_sql("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        advancing = asyncio.create_task(keeper.advance(BASE + 7200 * SECOND))
        await asyncio.sleep(0.3)
        await blocker.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database() AND wait_event_type = 'Lock'"
        )
        with pytest.raises(StoreUnavailable):
            await advancing
    async with database.begin() as transaction:
        assert await transaction.scalar(sa.select(sa.func.count()).select_from(touched)) == 1
        watermark = sa.select(tiers.c.watermark).where(tiers.c.name == "PT1M")
        assert await transaction.scalar(watermark) == instant(BASE + 3600 * SECOND)
    assert await keeper.advance(BASE + 7200 * SECOND) == (2, [])
    assert await answered(database, 60, range(1, 2), 3600) == truth([(1, 0, 1.0, 0), (1, 30, 5.0, 0)], 60)


async def test_a_span_that_cannot_be_refreshed_stops_nobody_else_and_is_tried_again(database: Database) -> None:
    """Two values whose sum overflows, which no door lets in, stand for whatever may be wrong with a span."""
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    bad, good = 9 * 86_400, 3_600
    await writer.store(rows([(1, bad, 1.7e308, 0), (1, bad + 1, 1.7e308, 0), (2, good, 1.0, 0)]))
    for _ in range(2):
        advance = await keeper.advance(BASE + 30 * 86_400 * SECOND)
        assert advance is not None
        assert [error[:16] for error in advance.errors] == ["2026-03-05 00:00"]
        assert "out of range" in advance.errors[0]
        fresh = await keeper.freshness()
        assert fresh.watermark == BASE + 30 * 86_400 * SECOND, "the watermark moves on"
        assert [instant(span.start).isoformat() for span in fresh.touched] == ["2026-03-05T00:00:00+00:00"]
        assert (await answered(database, 60, range(2, 3), good + 60))[2] == truth([(2, good, 1.0, 0)], 60)[2]
    await writer.store(rows([(1, bad, 3.0, 0), (2, bad, 5.0, 0)]))
    assert await keeper.advance(BASE + 31 * 86_400 * SECOND) == (1, [])
    assert (await keeper.freshness()).touched == ()
    mended = [(1, bad, 3.0, 0), (1, bad + 1, 1.7e308, 0), (2, good, 1.0, 0), (2, bad, 5.0, 0)]
    assert await answered(database, 60, range(1, 3), bad + 60) == truth(mended, 60)


async def test_what_is_still_arriving_is_refreshed_once_and_is_not_revised(database: Database) -> None:
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    late = [(1, second, 1.0 + second, 0) for second in range(0, 1_800, 10)]
    await writer.store(rows([(1, 7_200, 1.0, 0)]))
    await keeper.advance(BASE + 8_000 * SECOND)
    await writer.store(rows(late[:60]))
    seen = await keeper.newest_note()
    await writer.store(rows(late[60:120]))
    advance = await keeper.advance(BASE + 8_000 * SECOND, young=seen)
    assert advance == (0, []), "what the first one touched shares a quarter of an hour with what has just come"
    assert await answered(database, 60, range(1, 2), 1_800) == truth(late[:120], 60)
    await writer.store(rows([*late[120:], (2, 0, 5.0, 0)]))
    advance = await keeper.advance(BASE + 8_000 * SECOND, young=await keeper.newest_note())
    assert advance is not None
    assert (advance.errors, (await keeper.freshness()).touched) == ([], ())
    assert await answered(database, 60, range(1, 2), 1_800) == truth(late, 60)
    span = Span(BASE, BASE + 1_800 * SECOND)
    assert await RevisionReader(database).by_series([SeriesId(1), SeriesId(2)], span) == {}


async def test_one_worker_at_a_time(database: Database) -> None:
    await ReadingWriter(database).store(rows([(1, 0, 1.0, 0)]))
    outcomes = await asyncio.gather(*(TierKeeper(database).advance(BASE + 3600 * SECOND) for _ in range(3)))
    assert sum(outcome is not None for outcome in outcomes) >= 1
    assert await TierKeeper(database).advance(BASE) == (0, []), "the watermark never goes back"
    assert (await TierKeeper(database).freshness()).watermark == BASE + 3600 * SECOND


async def test_advancing_by_less_than_a_minute_is_nothing_to_do(database: Database) -> None:
    keeper = TierKeeper(database)
    await ReadingWriter(database).store(rows([(1, 0, 1.0, 0)]))
    await keeper.advance(BASE + 3600 * SECOND)
    assert await keeper.advance(BASE + 3600 * SECOND + MINUTE - 1) == (0, [])
