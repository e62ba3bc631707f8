"""Notes of what was touched say which series: the worker refreshes those, and leaves all others as they are."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from app.domain.instants import MINUTE, instant, microseconds
from app.domain.spans import Span
from app.store.database import Database
from app.store.notes import note, notes
from app.store.readings import ReadingWriter
from app.store.tiers import TierKeeper
from tests.holdings import rows_from

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2026, 3, 2, 8, tzinfo=UTC))
HOUR = 3_600
UNNOTED = "INSERT INTO readings (series_id, time, value, quality) SELECT id, %s, 9, 0 FROM unnest(ARRAY[2, 3]) AS id"
TIERS = ("readings_1m", "readings_15m", "readings_1h", "readings_6h")


async def counts(database: Database, table: str) -> dict[int, int]:
    """Readings of each series that a tier knows of."""
    async with database.begin() as transaction:
        series, good = sa.column("series_id", sa.Integer), sa.column("good", sa.BigInteger)
        question = sa.select(series, sa.func.sum(good)).select_from(sa.table(table)).group_by(series)
        found = await transaction.execute(question)
        return {number: int(each) for number, each in found}


async def test_what_is_late_is_refreshed_for_its_series_alone(database: Database) -> None:
    writer, keeper = ReadingWriter(database), TierKeeper(database)
    await writer.store(rows_from(BASE, [(number, at, 1.0, 0) for number in (1, 2, 3) for at in range(0, 2 * HOUR, 60)]))
    await keeper.advance(BASE + 12 * HOUR * 1_000_000)
    async with database.driver() as connection:  # by nobody's leave: only a refresh would find these
        await connection.execute(UNNOTED, (instant(BASE + MINUTE + 1),))
    await writer.store(rows_from(BASE, [(1, 61, 2.0, 0)]))
    await writer.store(rows_from(BASE, [(1, 62, 2.0, 0), (1, HOUR, 3.0, 0), (4, 62, 2.0, 0)]))
    async with database.driver(autocommit=True) as connection:
        found = [each.touch for each in (await notes(connection)).values()]
    first, hour = Span(BASE + MINUTE, BASE + 2 * MINUTE), Span(BASE + 60 * MINUTE, BASE + 61 * MINUTE)
    assert [(each.span, sorted(each.series or ())) for each in found] == [(first, [1]), (first, [1, 4]), (hour, [1])]
    newest = await keeper.newest_note()
    assert newest == max(number for each in found for number in each.notes)
    await keeper.advance(BASE + 12 * HOUR * 1_000_000)
    assert await keeper.newest_note() is None
    for table in TIERS:
        assert await counts(database, table) == {1: 122, 2: 120, 3: 120, 4: 1}, table

    async with database.driver(autocommit=True) as connection:
        await note(connection, first)  # which is of all series
    await keeper.advance(BASE + 12 * HOUR * 1_000_000)
    for table in TIERS:
        assert await counts(database, table) == {1: 122, 2: 121, 3: 121, 4: 1}, table
