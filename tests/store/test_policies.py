"""Policies carried out: raw rows go and their rollups stay, nothing comes back, chunks move to the columnstore."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray

from app.domain.instants import SECOND, instant, microseconds
from app.domain.model import SeriesId
from app.domain.policy import Policy
from app.domain.rows import Rows, settled
from app.domain.spans import Span
from app.domain.tiers import plan_buckets, plan_plot
from app.errors import BadInput
from app.store.arrivals import INTENDED, RowsGone
from app.store.buckets import BucketReader
from app.store.database import Database
from app.store.policies import PolicyStore
from app.store.readings import ReadingWriter
from app.store.state import StateReader
from app.store.tables import readings
from app.store.tiers import TierKeeper

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR, DAY = 3_600 * SECOND, 86_400 * SECOND
DAYS = 40
START = microseconds(NOW) - DAYS * DAY
KEPT = microseconds(datetime(2026, 2, 19, tzinfo=UTC))
"""The edge of a chunk (a Thursday) that ten days before now fall behind."""


def rows(times: NDArray[np.int64], series: int = 1, value: float | None = None) -> Rows:
    values = np.full(len(times), value) if value is not None else (times // SECOND % 97).astype(np.float64)
    return settled(np.full(len(times), series, np.int32), times, values, np.zeros(len(times), np.uint32))


@pytest.fixture
async def filled(database: Database) -> Database:
    """Forty days of readings, one in five minutes, in every tier."""
    await ReadingWriter(database).store(rows(START + np.arange(DAYS * 288, dtype=np.int64) * 300 * SECOND))
    await TierKeeper(database).advance(microseconds(NOW))
    return database


async def averages(database: Database, width: int, start: int = START) -> list[tuple[int, int, float]]:
    """Start, count and sum of the buckets of forty days."""
    plan = plan_buckets(Span(start, microseconds(NOW)), width, await TierKeeper(database).freshness())
    found = (await BucketReader(database).buckets_by_series([SeriesId(1)], plan, ["good", "sum"]))[SeriesId(1)]
    return list(zip(*(found[name].astype(np.int64).tolist() for name in ("start", "good", "sum")), strict=True))


async def raw_count(database: Database) -> tuple[int, int]:
    async with database.begin() as transaction:
        found = await transaction.execute(
            sa.select(sa.func.count(), sa.func.min(readings.c.time)).select_from(readings)
        )
        number, oldest = found.one()
    return number, microseconds(oldest)


async def test_raw_rows_go_by_whole_chunks_and_rollups_stay(filled: Database) -> None:
    before = {width: await averages(filled, width) for width in (60 * SECOND, HOUR, 6 * HOUR, DAY)}
    policies = PolicyStore(filled)
    assert await policies.carry_out(NOW) == [], "nothing goes until somebody says so"
    await policies.set({"RAW": Policy(timedelta(days=10))})
    assert await policies.carry_out(NOW) == ["dropped RAW before 2026-02-19"]
    assert await policies.carry_out(NOW) == []
    assert await raw_count(filled) == ((microseconds(NOW) - KEPT) // (300 * SECOND), KEPT)
    assert {width: await averages(filled, width) for width in before} == before
    await TierKeeper(filled).advance(microseconds(NOW) + DAY)
    assert {width: await averages(filled, width) for width in before} == before


async def test_rows_older_than_what_is_kept_are_refused_and_change_no_rollup(filled: Database) -> None:
    policies, writer, keeper = PolicyStore(filled), ReadingWriter(filled), TierKeeper(filled)
    await policies.set({"RAW": Policy(timedelta(days=10))})
    await policies.carry_out(NOW)
    before = await averages(filled, HOUR)
    with pytest.raises(RowsGone) as gone:
        await writer.store(rows(np.array([KEPT - SECOND, KEPT + SECOND]), value=1e6))
    assert gone.value.since == KEPT
    await keeper.advance(microseconds(NOW))
    assert await averages(filled, HOUR) == before
    await writer.store(rows(np.array([KEPT + SECOND]), value=1e6))
    await keeper.advance(microseconds(NOW))
    after = await averages(filled, HOUR)
    assert [late for late in after if late not in before] == [
        (KEPT, 13, next(b[2] for b in before if b[0] == KEPT) + 10**6)
    ]


async def test_steps_of_what_is_gone_are_refused_and_plots_come_from_a_tier(filled: Database) -> None:
    policies = PolicyStore(filled)
    await policies.set({"RAW": Policy(timedelta(days=10)), "PT1M": Policy(timedelta(days=20))})
    await policies.carry_out(NOW)
    with pytest.raises(BadInput, match=r"made of RAW, which is kept since 2026-02-19T00:00Z.*multiples of PT1M"):
        await averages(filled, 90 * SECOND)
    with pytest.raises(BadInput, match="made of PT1M, which is kept since 2026-02-05T00:00Z"):
        await averages(filled, 60 * SECOND)
    assert len(await averages(filled, 60 * SECOND, KEPT)) == (microseconds(NOW) - KEPT) // (300 * SECOND)
    fresh = await TierKeeper(filled).freshness()
    assert plan_plot(Span(START, START + HOUR), 4_000, fresh).tier == "PT15M"
    assert plan_plot(Span(KEPT - DAY, KEPT), 4_000, fresh).tier == "PT1M"
    assert plan_plot(Span(KEPT, KEPT + HOUR), 4_000, fresh).tier == "RAW"


async def test_what_is_noted_is_refreshed_before_its_rows_go(filled: Database) -> None:
    policies, keeper = PolicyStore(filled), TierKeeper(filled)
    await ReadingWriter(filled).store(rows(np.array([START + SECOND]), value=500.0))
    await policies.set({"RAW": Policy(timedelta(days=10))})
    assert await policies.carry_out(NOW) == []
    await keeper.advance(microseconds(NOW))
    assert await policies.carry_out(NOW) == ["dropped RAW before 2026-02-19"]
    hour = (await averages(filled, HOUR))[0]
    assert hour[:2] == (START, 13)


async def test_rows_do_not_go_while_a_batch_is_open(filled: Database) -> None:
    """A batch that began before must not bring rows back into a chunk that is dropped."""
    policies = PolicyStore(filled)
    await policies.set({"RAW": Policy(timedelta(days=10))})
    async with filled.driver() as connection:
        await connection.execute(INTENDED)
        dropping = asyncio.create_task(policies.carry_out(NOW))
        await asyncio.sleep(0.3)
        assert not dropping.done()
    assert await asyncio.wait_for(dropping, 20) == ["dropped RAW before 2026-02-19"]


async def test_nothing_goes_before_a_tier_holds_it(database: Database) -> None:
    await ReadingWriter(database).store(rows(START + np.arange(DAYS, dtype=np.int64) * DAY))
    policies = PolicyStore(database)
    await policies.set({"RAW": Policy(timedelta(days=10))})
    assert await policies.carry_out(NOW) == []
    assert (await raw_count(database))[0] == DAYS


async def test_a_tier_is_dropped_by_itself(filled: Database) -> None:
    """The chunks of tiers are wide on TimescaleDB: it may keep more than is asked for, never less."""
    coarse = await averages(filled, 6 * HOUR)
    policies = PolicyStore(filled)
    await policies.set({"RAW": Policy(timedelta(days=10)), "PT1M": Policy(timedelta(days=10))})
    await policies.carry_out(NOW)
    assert await averages(filled, 6 * HOUR) == coarse
    async with filled.begin() as transaction:
        kept = (
            await transaction.exec_driver_sql("SELECT count(*) FROM readings_1m WHERE bucket >= '2026-02-19'")
        ).scalar()
    assert kept == (microseconds(NOW) - KEPT) // (300 * SECOND)


async def test_chunks_move_to_the_columnstore_one_a_turn_and_again_when_rows_came(filled: Database) -> None:
    policies, writer = PolicyStore(filled), ReadingWriter(filled)
    before = await averages(filled, HOUR)
    if not filled.engine.columnstore:
        with pytest.raises(BadInput, match="Plain PostgreSQL has no columnstore"):
            await policies.set({"RAW": Policy(None, timedelta(days=20))})
        return
    await policies.set({"RAW": Policy(None, timedelta(days=20))})
    moved = ["moved a chunk of RAW to the columnstore"]
    done = [await policies.carry_out(NOW) for _ in range(6)]
    state = await StateReader(filled).state()
    assert done == [moved] * state.compressed + [[]] * (6 - state.compressed)
    assert 0 < state.compressed < state.chunks
    assert await averages(filled, HOUR) == before
    await writer.store(rows(np.array([START + SECOND]), value=1.0))
    await TierKeeper(filled).advance(microseconds(NOW))
    assert await policies.carry_out(NOW) == moved, "late rows are moved too"
    assert await policies.carry_out(NOW) == []
    assert (await averages(filled, HOUR))[0][1] == 13


async def test_policies_are_kept_and_told(filled: Database) -> None:
    policies = PolicyStore(filled)
    assert await policies.all() == dict.fromkeys(("RAW", "PT1M", "PT15M", "PT1H", "PT6H"), Policy())
    await policies.set({"RAW": Policy(timedelta(days=30))})
    with pytest.raises(BadInput, match="RAW would be kept longer than PT1M"):
        await policies.set({"PT1M": Policy(timedelta(days=20))})
    assert (await policies.all())["RAW"] == Policy(timedelta(days=30))
    assert instant(KEPT).weekday() == 3
