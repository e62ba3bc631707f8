"""Finds the drops of counters in raw rows: usable readings that are lower than the usable one before them."""

from collections.abc import Sequence
from typing import LiteralString, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from psycopg.sql import SQL

from app.domain.instants import instant
from app.domain.model import SeriesId
from app.domain.spans import Span
from app.domain.tiers import Freshness
from app.store.columns import Instants, Integers
from app.store.database import Database
from app.store.last_values import LAST, LastValues, near

# The first of a span is looked at beside the last one before it; where that is not near, whatever it is.
INSIDE: LiteralString = """
SELECT array_agg(series_id), array_agg(edge), array_agg(time), array_agg(coalesce(before, 'NaN')), array_agg(value)
FROM unnest(%(series)s) AS wanted (series_id) CROSS JOIN unnest(%(starts)s, %(ends)s) AS span (edge, ends)
CROSS JOIN LATERAL (
    SELECT time, value, coalesce(lag(value) OVER (ORDER BY time), {last}) AS before FROM readings
    WHERE readings.series_id = wanted.series_id AND time >= edge AND time < span.ends
        AND time >= %(start)s AND time < %(end)s AND quality >= 0
) AS reading
WHERE before IS NULL OR value < before
"""
EDGES: LiteralString = """
SELECT array_agg(series_id), array_agg(edge), array_agg(reading.time), array_agg(coalesce({last}, 'NaN')),
    array_agg(reading.value)
FROM unnest(%(series)s) AS wanted (series_id) CROSS JOIN unnest(%(edges)s) AS edge
CROSS JOIN LATERAL (
    SELECT time, value FROM readings
    WHERE readings.series_id = wanted.series_id AND time >= edge
        AND time >= %(start)s AND time < %(end)s AND quality >= 0
    ORDER BY time LIMIT 1
) AS reading
"""


class Pairs(NamedTuple):
    """Usable readings of many series, each with the usable value before it: columns of equal length."""

    series: NDArray[np.int64]
    times: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]

    def only(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        return self._replace(**{name: column[keep] for name, column in self._asdict().items()})

    def and_(self, *others: "Pairs") -> "Pairs":
        parts = [self, *others]
        return Pairs(
            np.concatenate([part.series for part in parts]),
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.before for part in parts]),
            np.concatenate([part.after for part in parts]),
        )

    @property
    def drops(self) -> Self:
        return self.only(self.after < self.before)


NO_PAIRS = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))


def pairs_of(row: Sequence[NDArray[np.generic]] | None) -> Pairs:
    """The four arrays of an aggregate of rows; of no rows they are null."""
    if row is None or row[0] is None:
        return NO_PAIRS
    series, times, before, after = row
    return Pairs(series.astype(np.int64), times.astype(np.int64), before.astype(np.float64), after.astype(np.float64))


class DropFinder:
    """Reads raw rows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last = LastValues(database)

    async def inside(self, ids: Sequence[SeriesId], spans: Sequence[Span], freshness: Freshness) -> Pairs:
        """The drops in these spans, which do not meet; what is before a span is looked up where it is."""
        if not ids or not spans:
            return NO_PAIRS
        starts, ends = (np.array(column) for column in zip(*spans, strict=True))
        parameters = {
            "series": Integers(np.array(ids)),
            "starts": Instants(starts),
            "ends": Instants(ends),
            "start": instant(int(starts.min())),
            "end": instant(int(ends.max())),
            **near(int(starts.min()), int(starts.max())),
        }
        return (await self._pairs(INSIDE, parameters, freshness)).drops

    async def behind(self, ids: Sequence[SeriesId], edges: Sequence[int], end: int, freshness: Freshness) -> Pairs:
        """The first usable reading of each series from each edge on and before `end`, be it a drop or not; NaN stands
        before one that is the first of its series."""
        if not ids or not edges:
            return NO_PAIRS
        parameters = {
            "series": Integers(np.array(ids)),
            "edges": Instants(np.array(edges)),
            "start": instant(min(edges)),
            "end": instant(end),
            **near(min(edges), max(edges)),
        }
        return await self._pairs(EDGES, parameters, freshness)

    async def _pairs(self, statement: LiteralString, parameters: dict[str, object], freshness: Freshness) -> Pairs:
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(SQL(statement).format(last=SQL(LAST)), parameters)
            row = await cursor.fetchone()
        if row is None or row[0] is None:
            return NO_PAIRS
        series, edges, *others = row
        pairs = pairs_of((series, *others))
        before = await self._last.fill(pairs.before, pairs.series, edges.astype(np.int64), freshness)
        return pairs._replace(before=before)
