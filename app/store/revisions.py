"""Revisions: the fifteen-minute buckets of a series in which a number that was final has changed, and when it did."""

from collections.abc import Sequence
from typing import LiteralString

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncCursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from app.domain.finality import Revisions
from app.domain.instants import instant
from app.domain.model import SeriesId
from app.domain.spans import Span, widened
from app.domain.tiers import MINUTES, QUARTERS, Tier
from app.store.columns import Instants, Integers
from app.store.database import Database
from app.store.engines import TABLES

# What a tier holds has been final: rows that come to it for the first time change no number that anybody has seen.
# The bounds leave out chunks.
REVISE: LiteralString = """
INSERT INTO revisions (series_id, bucket, revised_at)
SELECT DISTINCT changed.series_id, date_bin('15 minutes', changed.bucket, '2000-01-03 00:00+00'), now()
FROM unnest(%s, %s) AS changed (series_id, bucket)
JOIN {tier} AS seen ON seen.series_id = changed.series_id AND seen.bucket = changed.bucket
    AND seen.bucket >= %s AND seen.bucket < %s
ORDER BY 1, 2 ON CONFLICT (series_id, bucket) DO UPDATE SET revised_at = excluded.revised_at
"""
_REVISE = {tier: SQL(REVISE).format(tier=SQL(TABLES[tier.name])).as_string() for tier in (QUARTERS, MINUTES)}
READ: LiteralString = """
SELECT series_id, array_agg(bucket ORDER BY bucket), array_agg(revised_at ORDER BY bucket) FROM revisions
WHERE series_id = ANY(%(series)s) AND bucket >= %(start)s AND bucket < %(end)s GROUP BY series_id
"""


async def revise(
    cursor: AsyncCursor[TupleRow], series: NDArray[np.int32], minutes: NDArray[np.int64], watermark: int
) -> None:
    """Notes that readings of these minutes have come or changed, in the transaction of their batch.

    minutes and watermark: microseconds; the watermark is that of the minutes, as published.
    """
    # The minutes tell it of a quarter that is not over yet.
    open_quarter = minutes >= watermark // QUARTERS.width * QUARTERS.width
    for tier, those in ((QUARTERS, ~open_quarter), (MINUTES, open_quarter)):
        if those.any():
            changed, buckets = each_once(series[those], minutes[those], tier)
            bounds = instant(int(buckets.min())), instant(int(buckets.max()) + tier.width)
            # A plan that is made for any bounds looks at every chunk: 58 ms for 2,000 buckets, where 2 are enough.
            await cursor.execute(_REVISE[tier], (Integers(changed), Instants(buckets), *bounds), prepare=False)


def each_once(
    series: NDArray[np.int32], times: NDArray[np.int64], tier: Tier
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Series and buckets of readings that mostly come in their order: what stands twice is no harm."""
    buckets = times // tier.width * tier.width
    first = np.ones(len(times), np.bool_)
    first[1:] = (series[1:] != series[:-1]) | (buckets[1:] != buckets[:-1])
    return series[first], buckets[first]


class RevisionReader:
    """Reads revisions of many series at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_series(self, ids: Sequence[SeriesId], span: Span) -> dict[SeriesId, Revisions]:
        """Those that overlap a span, of the series that have any."""
        whole = widened(span, QUARTERS.width)
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(
                READ, {"series": Integers(np.array(ids)), "start": instant(whole.start), "end": instant(whole.end)}
            )
            rows = await cursor.fetchall()
        return {row[0]: Revisions(row[1].astype(np.int64), row[2].astype(np.int64)) for row in rows}
