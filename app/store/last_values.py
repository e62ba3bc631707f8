"""The last usable value of a series before an instant, wherever it lies: in raw rows or in what tiers keep of them."""

from collections.abc import Sequence
from typing import LiteralString

import numpy as np
from numpy.typing import NDArray
from psycopg.sql import SQL, Composed, Identifier, Placeholder

from app.domain.instants import MINUTE, instant
from app.domain.model import SeriesId
from app.domain.spans import merged, overlapping, widened
from app.domain.tiers import LONG_AGO, TIERS, Freshness
from app.store.columns import Instants, Integers
from app.store.database import Database
from app.store.engines import TABLES

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
# Each source gives the last one that it has; `starts_` is from when on a tier leaves it to finer ones or to raw rows.
FAR: LiteralString = """
SELECT array_agg(place), array_agg(coalesce((SELECT value FROM ({sources}) AS found ORDER BY time DESC LIMIT 1), 'NaN'))
FROM unnest(%(series)s, %(edges)s, {starts}) WITH ORDINALITY AS wanted (series_id, edge, {names}, place)
"""
TAIL: LiteralString = """(
    SELECT time, value FROM readings
    WHERE series_id = wanted.series_id AND time >= {start} AND time < edge AND quality >= 0 ORDER BY time DESC LIMIT 1
)"""
TOUCHED: LiteralString = """
SELECT reading.time, reading.value FROM unnest(%(touched)s, %(settled)s) AS span (start, stop) CROSS JOIN LATERAL (
    SELECT time, value FROM readings
    WHERE series_id = wanted.series_id AND time >= start AND time < least(stop, edge) AND quality >= 0
    ORDER BY time DESC LIMIT 1
) AS reading
"""
TIER: LiteralString = """(
    SELECT last_at, last FROM {table}
    WHERE series_id = wanted.series_id AND bucket >= {start} AND bucket < {end} AND last IS NOT NULL AND NOT EXISTS (
        SELECT FROM unnest(%(touched)s, %(settled)s) AS span (start, stop) WHERE bucket >= start AND bucket < stop
    ) ORDER BY bucket DESC LIMIT 1
)"""


def near(first: int, last: int) -> dict[str, object]:
    """The bounds of LAST for edges from the first to the last."""
    return {"near_start": instant(max(first - REACH, LONG_AGO)), "near_end": instant(last)}


class LastValues:
    """Looks near, and then far for those alone that were not found: two statements at most, whatever is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def before(
        self, wanted: Sequence[tuple[SeriesId, int]], freshness: Freshness
    ) -> dict[tuple[SeriesId, int], float]:
        """Of the series that have one before the instant beside them (microseconds)."""
        if not wanted:
            return {}
        series, edges = np.array([each for each, _ in wanted]), np.array([at for _, at in wanted])
        bounds = near(int(edges.min()), int(edges.max()))
        found = await self._looked_up(SQL(NEAR).format(last=SQL(LAST)), series, edges, bounds)
        filled = await self.fill(found, series, edges, freshness)
        return {key: value for key, value in zip(wanted, filled.tolist(), strict=True) if not np.isnan(value)}

    async def fill(
        self, values: NDArray[np.float64], series: NDArray[np.int64], edges: NDArray[np.int64], freshness: Freshness
    ) -> NDArray[np.float64]:
        """The values before the edges beside them, with those looked up that were not found near: NaN."""
        left = np.flatnonzero(np.isnan(values) & (edges > LONG_AGO))
        if not len(left):
            return values
        given = _starts(edges[left], freshness) | _touched(freshness)
        filled = values.copy()
        filled[left] = await self._looked_up(_far(), series[left], edges[left], given)
        return filled

    async def _looked_up(
        self, statement: Composed, series: NDArray[np.int64], edges: NDArray[np.int64], given: dict[str, object]
    ) -> NDArray[np.float64]:
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(statement, {"series": Integers(series), "edges": Instants(edges), **given})
            places, values = (await cursor.fetchall())[0]
        found = np.empty(len(series))
        found[places.astype(np.int64) - 1] = values
        return found


def _far() -> Composed:
    names = [Identifier(f"starts_{tier.name}") for tier in TIERS]
    tiers = [
        SQL(TIER).format(table=Identifier(TABLES[tier.name]), start=start, end=end)
        for tier, end, start in zip(TIERS, names, [*names[1:], SQL("'-infinity'")], strict=True)
    ]
    sources = [SQL(TAIL).format(start=names[0]), *tiers, SQL(TOUCHED)]
    starts = [Placeholder(f"starts_{tier.name}") for tier in TIERS]
    return SQL(FAR).format(
        sources=SQL(" UNION ALL ").join(sources), starts=SQL(", ").join(starts), names=SQL(", ").join(names)
    )


def _starts(edges: NDArray[np.int64], freshness: Freshness) -> dict[str, object]:
    return {
        f"starts_{tier.name}": Instants(np.minimum(edges // tier.width * tier.width, watermark))
        for tier, watermark in zip(TIERS, freshness.watermarks, strict=True)
    }


def _touched(freshness: Freshness) -> dict[str, object]:
    """What no tier is asked for: whole buckets of the coarsest, as far as there are raw rows."""
    coarse = merged(widened(span, TIERS[-1].width) for span in freshness.touched)
    spans = np.array(overlapping(coarse, freshness.gone[0], coarse[-1].end) if coarse else [], np.int64).reshape(-1, 2)
    return {"touched": Instants(spans[:, 0]), "settled": Instants(spans[:, 1])}
