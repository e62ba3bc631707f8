"""The last usable value of a series before an instant, wherever it lies: in raw rows or in what tiers keep of them."""

from collections.abc import Sequence
from typing import LiteralString

import numpy as np
from numpy.typing import NDArray
from psycopg.sql import SQL

from app.domain.instants import MINUTE, instant
from app.domain.model import SeriesId
from app.domain.spans import Span
from app.domain.tiers import LONG_AGO, TIERS, Freshness, plan_plot
from app.store.buckets import BucketReader
from app.store.columns import Instants, Integers
from app.store.database import Database

_COARSE = TIERS[-1].width
_MONTH = 120 * _COARSE

REACH = 60 * MINUTE
"""How far back raw rows are walked one by one: the usual case, and no long walk through rows that are bad."""
# Of `wanted.series_id` before `edge`. The bounds that are the same for all leave out chunks before anything is read.
LAST: LiteralString = """(
    SELECT value FROM readings
    WHERE readings.series_id = wanted.series_id AND time < edge AND time >= edge - interval '1 hour'
        AND time >= %(near_start)s AND time < %(near_end)s AND quality >= 0
    ORDER BY time DESC LIMIT 1
)"""
NEAR: LiteralString = """
SELECT array_agg(place), array_agg(coalesce({last}, 'NaN'))
FROM unnest(%(series)s, %(edges)s) WITH ORDINALITY AS wanted (series_id, edge, place)
"""


def near(first: int, last: int) -> dict[str, object]:
    """The bounds of LAST for edges from the first to the last."""
    return {"near_start": instant(max(first - REACH, LONG_AGO)), "near_end": instant(last)}


class LastValues:
    """Looks further and further back, for those alone that were not found yet."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._buckets = BucketReader(database)

    async def before(
        self, wanted: Sequence[tuple[SeriesId, int]], freshness: Freshness
    ) -> dict[tuple[SeriesId, int], float]:
        """Of the series that have one before the instant beside them (microseconds)."""
        if not wanted:
            return {}
        series, edges = np.array([each for each, _ in wanted]), np.array([at for _, at in wanted])
        parameters = {"series": Integers(series), "edges": Instants(edges), **near(int(edges.min()), int(edges.max()))}
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(SQL(NEAR).format(last=SQL(LAST)), parameters)
            rows = await cursor.fetchall()
        places, values = rows[0]
        found = np.empty(len(wanted))
        found[places.astype(np.int64) - 1] = values
        filled = await self.fill(found, series, edges, freshness)
        return {key: value for key, value in zip(wanted, filled.tolist(), strict=True) if not np.isnan(value)}

    async def fill(
        self, values: NDArray[np.float64], series: NDArray[np.int64], edges: NDArray[np.int64], freshness: Freshness
    ) -> NDArray[np.float64]:
        """The values before the edges beside them, with those looked up that were not found near: NaN."""
        filled = values.copy()
        for at in np.unique(edges[np.isnan(values)]).tolist():
            left = np.flatnonzero(np.isnan(values) & (edges == at))
            found = await self._far([SeriesId(each) for each in series[left].tolist()], at, freshness)
            filled[left] = [found.get(SeriesId(each), np.nan) for each in series[left].tolist()]
        return filled

    async def _far(self, ids: Sequence[SeriesId], at: int, freshness: Freshness) -> dict[SeriesId, float]:
        found: dict[SeriesId, float] = {}
        for start in (max(at // _COARSE * _COARSE - _MONTH, LONG_AGO), LONG_AGO):
            left = [series for series in ids if series not in found]
            if not left or at <= start:
                break
            # One column over the whole span: coarse tiers in the middle, finer ones and raw rows where they must.
            plan = plan_plot(Span(start, at), 1, freshness)
            columns = await self._buckets.buckets_by_series(left, plan, ["last"])
            lasts = {series: float(each["last"][-1]) for series, each in columns.items()}
            found |= {series: last for series, last in lasts.items() if not np.isnan(last)}
        return found
