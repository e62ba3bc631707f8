"""Revisions: the fifteen-minute buckets of a series in which a number that was final has changed, and when it did."""

from collections.abc import Sequence
from typing import LiteralString

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from app.domain.finality import Revisions
from app.domain.instants import instant
from app.domain.model import SeriesId
from app.domain.spans import Span, widened
from app.domain.tiers import MINUTES, QUARTERS
from app.store.columns import Instants, Integers
from app.store.database import Database

# What a tier holds has been final: rows that come to it for the first time change no number that anybody has seen.
# The minutes tell this where their quarter is not over yet. The bounds leave out chunks.
REVISE: LiteralString = """
INSERT INTO revisions (series_id, bucket, revised_at)
SELECT DISTINCT changed.series_id, changed.quarter, now()
FROM unnest(%(series)s, %(quarters)s, %(minutes)s) AS changed (series_id, quarter, minute)
WHERE EXISTS (SELECT FROM readings_15m AS seen WHERE seen.series_id = changed.series_id
        AND seen.bucket = changed.quarter AND seen.bucket >= %(start)s AND seen.bucket < %(end)s)
    OR EXISTS (SELECT FROM readings_1m AS seen WHERE seen.series_id = changed.series_id
        AND seen.bucket = changed.minute AND seen.bucket >= %(start)s AND seen.bucket < %(end)s)
ORDER BY 1, 2
ON CONFLICT (series_id, bucket) DO UPDATE SET revised_at = excluded.revised_at
"""
READ: LiteralString = """
SELECT series_id, array_agg(bucket ORDER BY bucket), array_agg(revised_at ORDER BY bucket) FROM revisions
WHERE series_id = ANY(%(series)s) AND bucket >= %(start)s AND bucket < %(end)s GROUP BY series_id
"""


async def revise(cursor: AsyncCursor[TupleRow], series: NDArray[np.int32], times: NDArray[np.int64]) -> None:
    """Notes that these readings (times in microseconds) have come or changed, in the transaction of their batch."""
    minutes = np.unique(np.stack([series, times // MINUTES.width * MINUTES.width], axis=1), axis=0)
    quarters = minutes[:, 1] // QUARTERS.width * QUARTERS.width
    span = widened(Span(int(quarters.min()), int(quarters.max()) + 1), QUARTERS.width)
    await cursor.execute(
        REVISE,
        {
            "series": Integers(minutes[:, 0].astype(np.int32)),
            "quarters": Instants(quarters),
            "minutes": Instants(minutes[:, 1]),
            "start": instant(span.start),
            "end": instant(span.end),
        },
    )


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
