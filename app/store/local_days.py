"""Keeps the days of every series by the clocks of its plant: made of the tiers wherever these are refreshed.

A day in most zones is nine rows of the tiers; a year of days of 100 series reads 36,500 rows instead of 328,500.
"""

from collections.abc import Collection, Sequence
from datetime import time
from typing import LiteralString, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from psycopg.sql import SQL, Composed, Identifier

from app.domain.calendar import WHOLE_MINUTES_SINCE, CalendarStep, edges
from app.domain.calendar_plan import plan_calendar
from app.domain.instants import instant, microseconds, width
from app.domain.model import SeriesId
from app.domain.spans import Span
from app.domain.tiers import Freshness
from app.errors import BadInput
from app.store.buckets import measures
from app.store.calendar_buckets import stepwise
from app.store.columns import Instants, Integers
from app.store.database import Database
from app.store.engines import CHUNK

# Those without `since` are new, were mapped or moved, or their plant's clocks were changed.
CALENDARS: LiteralString = """
WITH lives AS (
    SELECT series.id, coalesce(time_zone, 'UTC') AS zone, coalesce(production_day_starts, '00:00') AS begins
    FROM series LEFT JOIN machines ON machines.id = series.machine_id LEFT JOIN lines ON lines.id = machines.line_id
    LEFT JOIN plants ON plants.id = lines.plant_id
)
SELECT zone, begins, since, array_agg(id ORDER BY id)
FROM lives LEFT JOIN kept_days ON series_id = id AND time_zone = zone AND production_day_starts = begins
GROUP BY zone, begins, since
"""
OLDEST: LiteralString = """
SELECT min(least(fine.bucket, coarse.bucket)) FROM unnest(%(series)s) AS wanted (series_id)
LEFT JOIN LATERAL (
    SELECT bucket FROM readings_1m WHERE readings_1m.series_id = wanted.series_id ORDER BY bucket LIMIT 1
) AS fine ON true
LEFT JOIN LATERAL (
    SELECT bucket FROM readings_6h WHERE readings_6h.series_id = wanted.series_id ORDER BY bucket LIMIT 1
) AS coarse ON true
"""
KEPT: LiteralString = """
INSERT INTO kept_days (series_id, time_zone, production_day_starts, since)
SELECT series_id, %(zone)s, %(begins)s, %(since)s FROM unnest(%(series)s) AS kept (series_id)
ON CONFLICT (series_id) DO UPDATE SET time_zone = excluded.time_zone,
    production_day_starts = excluded.production_day_starts, since = excluded.since
"""
WRITE: LiteralString = """
INSERT INTO local_days (series_id, bucket, ends, {columns})
SELECT series_id, start, ends, {columns} FROM ({steps}) AS step
JOIN unnest(%(days)s, %(day_ends)s) AS day (start, ends) USING (start)
ON CONFLICT (series_id, bucket, ends) DO UPDATE SET ({columns}) = ROW ({new})
WHERE ({old}) IS DISTINCT FROM ({new})
"""


class Clocks(NamedTuple):
    """Series that live by the same clocks, and since when (microseconds) their days are kept; None: not yet."""

    zone: str
    begins: time
    since: int | None
    ids: NDArray[np.int64]

    @property
    def steps(self) -> list[CalendarStep]:
        """Which days there are: a production day that starts at midnight is a day."""
        return [CalendarStep.DAY, CalendarStep.PRODUCTION_DAY] if self.begins != time() else [CalendarStep.DAY]

    def only(self, series: Collection[int]) -> Self:
        """Those of these series alone."""
        return self._replace(ids=self.ids[np.isin(self.ids, list(series))])


class LocalDays:
    """Makes days, and knows of which series they are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._measures = measures(database.engine)

    async def clocks(self) -> list[Clocks]:
        """All series by their clocks."""
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(CALENDARS)
            rows = await cursor.fetchall()
        return [
            Clocks(zone, begins, None if since is None else microseconds(since), ids.astype(np.int64))
            for zone, begins, since, ids in rows
        ]

    async def refresh(self, all_clocks: Sequence[Clocks], span: Span, freshness: Freshness) -> None:
        """Makes the days again that meet a span, up to the watermark: of series of which they are kept. What they are
        made of is refreshed."""
        for each in all_clocks:
            if each.since is None or not len(each.ids):
                continue
            since = await self._made(each, each.since, span, freshness)
            if since > each.since:
                await self._keep(each, since)

    async def adopt(self, new: Clocks, freshness: Freshness) -> None:
        """Makes the days of series that are new to their clocks, from the oldest reading on, a week at a time."""
        week, since = width(CHUNK), WHOLE_MINUTES_SINCE
        async with self._database.driver(autocommit=True) as connection:
            cursor = await connection.execute(OLDEST, {"series": Integers(new.ids)})
            row = await cursor.fetchone()
        oldest = microseconds(row[0]) if row and row[0] else freshness.watermark
        for start in range(oldest // week * week, freshness.watermark, week):
            since = await self._made(new, since, Span(start, start + week), freshness)
        await self._keep(new, since)

    async def _keep(self, clocks: Clocks, since: int) -> None:
        parameters = {
            "zone": clocks.zone,
            "begins": clocks.begins,
            "since": instant(since),
            "series": Integers(clocks.ids),
        }
        async with self._database.driver(autocommit=True) as connection:
            await connection.execute(KEPT, parameters)

    async def _made(self, clocks: Clocks, since: int, span: Span, freshness: Freshness) -> int:
        """Since when days can be kept: later than before where what they are made of is gone."""
        for step in clocks.steps:
            asked = Span(max(span.start, since), min(span.end, freshness.watermark))
            if asked.start >= asked.end:
                break
            days = edges(step, clocks.zone, clocks.begins, asked)
            days = days[(days >= since) & (days <= freshness.watermark)]
            if len(days) < 2:
                continue
            ids = [SeriesId(each) for each in clocks.ids.tolist()]
            try:
                plan = plan_calendar(days, freshness)
            except BadInput:
                since = int(days[-1])
                continue
            steps = stepwise(self._measures, list(self._measures), [(ids, plan)])
            if steps is not None:
                await self._write(*steps, days)
        return since

    async def _write(self, steps: Composed, parameters: dict[str, object], days: NDArray[np.int64]) -> None:
        names = list(self._measures)
        statement = SQL(WRITE).format(
            columns=SQL(", ").join(map(Identifier, names)),
            steps=steps,
            old=SQL(", ").join(Identifier("local_days", name) for name in names),
            new=SQL(", ").join(Identifier("excluded", name) for name in names),
        )
        given = parameters | {"days": Instants(days[:-1]), "day_ends": Instants(days[1:])}
        async with self._database.driver(autocommit=True) as connection:
            await connection.execute(statement, given, binary=True)
