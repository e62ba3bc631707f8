"""Plans: a series' range reads an index and few chunks, not everything."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from psycopg.sql import SQL, Identifier

from app.domain.instants import SECOND, instant, microseconds
from app.domain.model import SeriesId
from app.domain.rows import settled
from app.domain.spans import Span
from app.domain.tiers import TIERS, Freshness, Plan, plan_buckets
from app.store.buckets import BucketReader
from app.store.columns import Instants, Integers
from app.store.database import Database
from app.store.engines import TABLES
from app.store.raw import PAGE
from app.store.readings import ReadingWriter
from app.store.tier_refresh import REFRESH
from app.store.tiers import TierKeeper

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2026, 1, 1, tzinfo=UTC))
WEEKS, SERIES = 12, 8
ROWS = SQL("SELECT count(*) FROM {} WHERE bucket >= %s AND bucket < %s")
READ_WHOLE = """
SELECT relname, seq_tup_read FROM pg_stat_xact_all_tables
WHERE seq_tup_read > 0 AND schemaname IN ('public', '_timescaledb_internal')
"""


@pytest.fixture
async def filled(database: Database) -> Database:
    """Twelve weeks of ten-minute readings of eight series, analysed."""
    times = BASE + np.arange(WEEKS * 7 * 144, dtype=np.int64) * 600 * SECOND
    writer = ReadingWriter(database)
    for number in range(SERIES):
        await writer.store(
            settled(np.full(len(times), number, np.int32), times, np.sin(times / 1e9), np.zeros(len(times), np.uint32))
        )
    await TierKeeper(database).advance(int(times[-1]) + 60 * SECOND)
    async with database.driver(autocommit=True) as connection:
        await connection.execute("VACUUM ANALYZE")
    return database


async def explained(database: Database, statement: SQL, parameters: dict[str, object]) -> list[dict[str, Any]]:
    """Every node of the plan that ran."""
    async with database.driver() as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(SQL("EXPLAIN (ANALYZE, FORMAT JSON) ") + statement, parameters)
        row = await cursor.fetchone()
    assert row is not None
    document = row[0] if isinstance(row[0], list) else json.loads(row[0])
    nodes, waiting = [], [document[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting += node.get("Plans", [])
    return nodes


def scanned(nodes: list[dict[str, Any]], ran: bool = True) -> set[str]:
    """Names of the tables that were really read."""
    return {
        node.get("Relation Name", node.get("Index Name", ""))
        for node in nodes
        if "Scan" in node["Node Type"]
        and ("Relation Name" in node or "Index Name" in node)
        and "Function" not in node["Node Type"]
        and (node["Actual Loops"] > 0 or not ran)
    }


def by_index(nodes: list[dict[str, Any]]) -> bool:
    return not any(node["Node Type"] == "Seq Scan" and node["Actual Loops"] > 0 for node in nodes)


async def test_a_page_of_readings_reads_one_chunk_by_its_index(filled: Database) -> None:
    start = BASE + 20 * 86_400 * SECOND
    parameters = {
        "series": Integers(np.array([3])),
        "starts": Instants(np.array([start])),
        "end": instant(start) + timedelta(hours=6),
        "limit": 100,
    }
    nodes = await explained(filled, SQL(PAGE), parameters)
    assert by_index(nodes)
    assert len(scanned(nodes)) <= 2


async def test_buckets_of_a_day_read_one_or_two_chunks_by_their_index(filled: Database) -> None:
    start = BASE + 30 * 86_400 * SECOND
    asked = Span(start, start + 86_400 * SECOND)
    fresh = await TierKeeper(filled).freshness()
    for tier, seconds in {"RAW": 90, "PT1M": 600, "PT15M": 1_800, "PT1H": 7_200, "PT6H": 43_200}.items():
        plan = plan_buckets(asked, seconds * SECOND, fresh)
        assert plan.tier == tier
        nodes = await _explain_buckets(filled, plan)
        assert by_index(nodes), tier
        assert len(scanned(nodes)) <= 3, tier


async def test_a_patch_of_raw_rows_in_a_range_of_the_tier_reads_few_chunks(filled: Database) -> None:
    start = BASE + 10 * 86_400 * SECOND
    fresh = await TierKeeper(filled).freshness()
    touched = (Span(start, start + 3_600 * SECOND), Span(start + 864_000 * SECOND, start + 867_600 * SECOND))
    plan = plan_buckets(
        Span(start, start + 14 * 86_400 * SECOND), 3_600 * SECOND, Freshness.at(fresh.watermark, touched)
    )
    assert [source for source, _ in plan.parts].count("RAW") == 2
    nodes = await _explain_buckets(filled, plan)
    assert by_index(nodes)
    raw_rows = sum(
        node["Actual Rows"] * node["Actual Loops"]
        for node in nodes
        if "Index" in node["Node Type"] and "Plans" not in node
    )
    assert raw_rows < 4 * 14 * 144 * 2, "only the patches are read raw"


async def _explain_buckets(database: Database, plan: Plan) -> list[dict[str, Any]]:
    reader = BucketReader(database)
    statement, parameters = reader.statement([SeriesId(3), SeriesId(4)], plan, ["sum", "minimum", "maximum"])
    return await explained(database, statement, parameters)


async def test_the_last_buckets_of_all_series_are_refreshed_by_an_index(database: Database) -> None:
    """As at each crossing of a minute, in a chunk of whose rows there are no statistics yet."""
    times = BASE + np.arange(2 * 1_440, dtype=np.int64) * 60 * SECOND
    for number in range(SERIES):
        filled = settled(np.full(len(times), number, np.int32), times, times / 1e9, np.zeros(len(times), np.uint32))
        await ReadingWriter(database).store(filled)
    until = int(times[-1]) + 60 * SECOND
    await TierKeeper(database).advance(until)
    async with database.driver() as connection:
        for tier in TIERS:
            span = (instant(until - tier.width), instant(until), None)
            refresh = SQL(REFRESH).format(procedure=Identifier(f"refresh_{TABLES[tier.name]}"))
            found = await connection.execute(READ_WHOLE)
            before = dict(await found.fetchall())
            await connection.execute(refresh, span)
            found = await connection.execute(READ_WHOLE)
            assert dict(await found.fetchall()) == before, tier.name
            assert await (await connection.execute(ROWS.format(SQL(TABLES[tier.name])), span[:2])).fetchone() == (
                SERIES,
            )
