"""Reads the readings themselves, a page of each series in one statement."""

from collections.abc import Sequence
from typing import LiteralString

import numpy as np

from app.domain.instants import instant
from app.domain.model import SeriesId
from app.store.buckets import Columns
from app.store.columns import Instants, Integers
from app.store.database import Database

FROM_EACH: LiteralString = """
FROM unnest(%(series)s, %(starts)s) WITH ORDINALITY AS wanted (series_id, start, place)
CROSS JOIN LATERAL (
    SELECT time, value, quality FROM readings
    WHERE readings.series_id = wanted.series_id AND time >= wanted.start AND time < %(end)s
    ORDER BY time LIMIT %(limit)s
) AS page
"""
"""Readings of each series from its start on."""

COLUMNS: LiteralString = """
SELECT wanted.place, array_agg(page.time), array_agg(coalesce(page.value, 'NaN')), array_agg(page.quality)
"""
PAGE: LiteralString = COLUMNS + FROM_EACH + "GROUP BY wanted.place"


class RawReader:
    """Reads raw rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pages(self, starts: Sequence[tuple[SeriesId, int]], end: int, limit: int) -> list[Columns | None]:
        """Up to `limit` readings of each series from its start (microseconds) on, before `end`, oldest first; None
        where there are none. The same series may be asked for twice."""
        parameters = {
            "series": Integers(np.array([series for series, _ in starts])),
            "starts": Instants(np.array([start for _, start in starts])),
            "end": instant(end),
            "limit": limit,
        }
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(PAGE, parameters)
            rows = await cursor.fetchall()
        found = {row[0]: dict(zip(("time", "value", "quality"), row[1:], strict=True)) for row in rows}
        return [found.get(place) for place in range(1, len(starts) + 1)]
