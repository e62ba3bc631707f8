"""Keeps the drops of counters beside the readings: found wherever tiers are refreshed, and in all of a new counter."""

from collections.abc import Sequence
from typing import LiteralString

import numpy as np

from app.domain.instants import instant, microseconds, width
from app.domain.model import SeriesId
from app.domain.spans import Span
from app.domain.tiers import Freshness
from app.store.columns import Floats, Instants, Integers
from app.store.database import Database
from app.store.drops import DropFinder
from app.store.engines import CHUNK

# A series that is no counter any more is not kept up, and is scanned again if it becomes one.
COUNTERS: LiteralString = """
WITH counters AS MATERIALIZED (
    SELECT series.id FROM series JOIN metrics ON metrics.id = series.metric_id AND metrics.kind = 'COUNTER'
), forgotten AS (
    DELETE FROM counter_scans WHERE NOT EXISTS (SELECT FROM counters WHERE id = series_id)
)
SELECT id, series_id IS NULL FROM counters LEFT JOIN counter_scans ON series_id = id ORDER BY id
"""
# Chunks before it need not be looked at: most new counters are new series.
OLDEST: LiteralString = """
SELECT min(reading.time) FROM unnest(%(series)s) AS wanted (series_id)
CROSS JOIN LATERAL (
    SELECT time FROM readings WHERE readings.series_id = wanted.series_id ORDER BY time LIMIT 1
) AS reading
"""
SCANNED: LiteralString = """
INSERT INTO counter_scans (series_id, known_since)
SELECT series_id, (SELECT gone_before FROM tiers WHERE name = 'RAW') FROM unnest(%(series)s) AS scanned (series_id)
ON CONFLICT (series_id) DO NOTHING
"""
# Whatever was looked at and is no drop goes; one statement, so that no reader sees half of it.
WRITE: LiteralString = """
WITH found AS MATERIALIZED (
    SELECT * FROM unnest(%(found_series)s, %(times)s, %(before)s, %(after)s) AS drops (series_id, time, before, after)
), inside AS (
    DELETE FROM counter_events AS event
    WHERE time >= %(start)s AND time < %(end)s AND series_id = ANY(%(series)s)
        AND NOT EXISTS (SELECT FROM found WHERE found.series_id = event.series_id AND found.time = event.time)
), behind AS (
    DELETE FROM counter_events AS event
    USING unnest(%(seen_series)s, %(seen)s) AS seen (series_id, time)
    WHERE event.series_id = seen.series_id AND event.time = seen.time
        AND NOT EXISTS (SELECT FROM found WHERE found.series_id = event.series_id AND found.time = event.time)
)
INSERT INTO counter_events (series_id, time, before, after) SELECT * FROM found ORDER BY series_id, time
ON CONFLICT (series_id, time) DO UPDATE SET before = excluded.before, after = excluded.after
WHERE (counter_events.before, counter_events.after) IS DISTINCT FROM (excluded.before, excluded.after)
"""


class CounterScan:
    """Looks at raw rows and writes what dropped."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._finder = DropFinder(database)

    async def counters(self, freshness: Freshness) -> list[SeriesId]:
        """All counters; those that never were scanned are: new series, mapped ones, metrics that became counters."""
        async with self._database.driver(autocommit=True) as connection:
            rows = await (await connection.execute(COUNTERS)).fetchall()
        if new := [series for series, never in rows if never]:
            await self.rescan(new, freshness)
            async with self._database.driver(autocommit=True) as connection:
                await connection.execute(SCANNED, {"series": new})
        return [series for series, _ in rows]

    async def examine(self, ids: Sequence[SeriesId], span: Span, before: int, freshness: Freshness) -> None:
        """Brings the events of these counters up to date with the readings in a span, and with the first of each
        series behind it and `before` that instant."""
        if not ids:
            return
        inside = await self._finder.inside(ids, [span], freshness)
        seen = await self._finder.behind(ids, [span.end] if span.end < before else [], before, freshness)
        found = inside.and_(seen.drops)
        parameters = {
            "series": Integers(np.array(ids)),
            "start": instant(span.start),
            "end": instant(span.end),
            "seen_series": Integers(seen.series),
            "seen": Instants(seen.times),
            "found_series": Integers(found.series),
            "times": Instants(found.times),
            "before": Floats(found.before),
            "after": Floats(found.after),
        }
        async with self._database.driver(autocommit=True) as connection:
            await connection.execute(WRITE, parameters)

    async def rescan(self, ids: Sequence[SeriesId], freshness: Freshness) -> None:
        """Examines all raw rows of these counters. Only a turn of the worker, which goes on with what comes later,
        takes a series for scanned."""
        chunk = width(CHUNK)
        async with self._database.driver(autocommit=True) as connection:
            row = await (await connection.execute(OLDEST, {"series": Integers(np.array(ids))})).fetchone()
            oldest = microseconds(row[0]) // chunk if row and row[0] else None
            numbers = await self._database.engine.chunks(connection)
        for number in sorted(number for number in numbers if oldest is not None and number >= oldest):
            span = Span(number * chunk, (number + 1) * chunk)
            await self.examine(ids, span, span.end, freshness)
