"""Much is refreshed by two connections: all of it, or it stays noted."""

import asyncio

import pytest
import sqlalchemy as sa

from app.domain.instants import SECOND
from app.errors import StoreUnavailable
from app.store.database import Database
from app.store.readings import ReadingWriter
from app.store.tier_refresh import SIDE_BY_SIDE
from app.store.tiers import TierKeeper
from tests.store.tier_truth import BASE, answered, rows, truth

pytestmark = pytest.mark.anyio


async def test_much_is_refreshed_by_two_connections_and_told_where_one_of_them_fails(database: Database) -> None:
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    many = [(series, second, float(series + second), 0) for series in range(1, 41) for second in range(0, 3_600, 60)]
    assert 40 * 3_600 * SECOND >= SIDE_BY_SIDE
    await writer.store(rows([(1, 86_400, 1.0, 0)]))
    await keeper.advance(BASE + 90_000 * SECOND)
    await writer.store(rows([*many, (40, 1, 1.7e308, 0), (40, 2, 1.7e308, 0)]))
    advance = await keeper.advance(BASE + 90_000 * SECOND)
    assert advance is not None
    assert ["out of range" in error for error in advance.errors] == [True]
    assert (await keeper.freshness()).touched, "all of it stays noted"
    assert await answered(database, 60, range(1, 40), 3_600) == truth([row for row in many if row[0] < 40], 60)
    await writer.store(rows([(40, 1, 1.0, 0)]))
    assert await keeper.advance(BASE + 90_000 * SECOND) == (1, [])
    mended = [*many, (40, 1, 1.0, 0), (40, 2, 1.7e308, 0)]
    for width in (60, 900, 3_600):
        assert await answered(database, width, range(1, 41), 3_600) == truth(mended, width)


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("ends", ["terminate", "cancel"])
async def test_one_of_two_connections_that_is_lost_ends_the_turn_and_a_statement_that_fails_does_not(
    database: Database, ends: str, order: str
) -> None:
    """Either way all is done at the next one."""
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    many = [(series, second, float(series + second), 0) for series in range(1, 41) for second in range(0, 3_600, 60)]
    await writer.store(rows([(1, 86_400, 1.0, 0)]))
    await keeper.advance(BASE + 90_000 * SECOND)
    await writer.store(rows(many))
    waiting = (
        "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    async with database.begin() as blocker:
        await blocker.exec_driver_sql("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        advancing = asyncio.create_task(keeper.advance(BASE + 90_000 * SECOND))
        async with asyncio.timeout(10):
            while await blocker.scalar(sa.text(f"SELECT count(*) {waiting}")) != 2:
                await blocker.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
        killed = f"SELECT pg_{ends}_backend(pid) {waiting} ORDER BY backend_start {order}, pid {order} LIMIT 1"
        await blocker.exec_driver_sql(killed)
    if ends == "terminate":
        with pytest.raises(StoreUnavailable):
            await advancing
    else:
        advance = await advancing
        assert advance is not None
        assert ["canceling statement" in error for error in advance.errors] == [True]
    assert (await keeper.freshness()).touched
    assert await answered(database, 60, range(1, 41), 3_600) == truth(many, 60)
    assert await keeper.advance(BASE + 90_000 * SECOND) == (1, [])
    for width in (60, 900, 3_600):
        assert await answered(database, width, range(1, 41), 3_600) == truth(many, width)
