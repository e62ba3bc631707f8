"""Pages of an export: in the order of series and time wherever the readings lie, and read without a sort."""

from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from app.domain.instants import SECOND, instant
from app.domain.spans import Span
from app.store.columns import Instants, Integers
from app.store.database import Database
from app.store.export import IN_ORDER, PAGE, ExportPages
from tests.holdings import BASE

pytestmark = pytest.mark.anyio

WEEK = 7 * 86_400
SPAN = Span(BASE, BASE + 4 * WEEK * SECOND)
FILL = """
INSERT INTO readings
SELECT series, %s::timestamptz + i * interval '10 min' + %s, CASE WHEN i %% 5 > 0 THEN i END, -2147483648
FROM generate_series(1, 3) AS series CROSS JOIN generate_series(0, 4031) AS i
"""


async def _all(database: Database, ids: list[int], limit: int) -> list[tuple[Any, ...]]:
    pages, found, first, start = ExportPages(database.timed), [], 0, SPAN.start
    while (page := await pages.page(np.array(ids[first:], np.int32), start, SPAN, limit)) is not None:
        columns = (page["place"] + first, page["time"], page["value"], page["quality"])
        found += list(zip(*(column.tolist() for column in columns), strict=True))
        assert len(page["time"]) <= limit
        first, start = found[-1][0] - 1, found[-1][1] + 1
    return found


async def test_pages_are_whole_and_in_order_in_rows_and_in_the_columnstore(
    database: Database, database_url: str
) -> None:
    engine = database.engine
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        weeks = [instant(BASE) + timedelta(weeks=week) for week in range(-1, 6)]
        await engine.open_chunks(connection, [int(each.timestamp()) // WEEK for each in weeks])
        await connection.execute(FILL, (instant(BASE), timedelta()))
        while await engine.move_to_columnstore(connection, "readings", instant(BASE) + timedelta(weeks=3)):
            continue
        await connection.execute(FILL, (instant(BASE), timedelta(minutes=3)))
    found = await _all(database, [3, 1, 99], 1_000)
    assert len(found) == 2 * 2 * 4_032
    assert [row[:2] for row in found] == sorted(row[:2] for row in found)
    assert {row[3] for row in found} == {-(2**31)}
    assert sum(np.isnan(row[2]) for row in found) == 2 * 2 * 807
    alone = await _all(database, [2], 100_000)
    assert [row[:2] for row in alone] == [row[:2] for row in found if row[0] == 1]


async def test_a_page_sorts_nothing_before_anybody_has_counted_the_readings(
    database: Database, database_url: str
) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        weeks = [instant(BASE) + timedelta(weeks=week) for week in range(-1, 6)]
        await database.engine.open_chunks(connection, [int(each.timestamp()) // WEEK for each in weeks])
        await connection.execute(FILL, (instant(BASE), timedelta()))
    parameters = {
        "series": Integers(np.array([1, 2])), "starts": Instants(np.array([BASE, BASE])), "end": instant(SPAN.end),
        "limit": 100,
    }  # fmt: skip
    async with database.timed.driver() as driver:
        await driver.execute(IN_ORDER)
        rows = await (await driver.execute("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + PAGE, parameters)).fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert "Sort Method" not in plan
    assert "Bitmap" not in plan
    assert "(never executed)" in plan  # later chunks are not looked at
