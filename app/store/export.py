"""Reads many readings in pages: series after series, each in the order of time, and the texts of their codes."""

from collections.abc import Iterable, Sequence
from typing import LiteralString

import numpy as np
from numpy.typing import NDArray

from app.domain.instants import instant
from app.domain.model import SeriesId
from app.domain.spans import Span
from app.store.buckets import Columns
from app.store.columns import Instants, Integers
from app.store.database import Database
from app.store.raw import FROM_EACH

# Without it a planner that expects few readings, as it does before the first ANALYZE, reads and sorts all that are left
# of a series for every page: 15 times slower for three million, and worse for more.
IN_ORDER: LiteralString = """
SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)
"""
COLUMNS: LiteralString = (
    "SELECT array_agg(place), array_agg(time), array_agg(coalesce(value, 'NaN')), array_agg(quality)"
)
ROWS: LiteralString = "SELECT wanted.place::integer, page.time, page.value, page.quality"
PAGE: LiteralString = COLUMNS + " FROM (" + ROWS + FROM_EACH + "ORDER BY wanted.place LIMIT %(limit)s) AS rows"
# A code that the metric has given to another text since means what the metric says.
TEXTS: LiteralString = """
SELECT DISTINCT ON (id, code) id, code, text
FROM (
    SELECT series.id, metric_labels.code, metric_labels.text, 0 AS rank
    FROM series JOIN metric_labels USING (metric_id) WHERE series.id = ANY(%(series)s)
    UNION ALL
    SELECT series_id, code, text, 1 FROM series_labels WHERE series_id = ANY(%(series)s)
) AS label
ORDER BY id, code, rank
"""


class ExportPages:
    """Reads pages; nothing is held between two of them, neither a connection nor a snapshot."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, ids: NDArray[np.int32], start: int, span: Span, limit: int) -> Columns | None:
        """Up to `limit` readings with `place` (the series', from 1 on), `time`, `value` and `quality`; None for none.

        Of the first series from `start` on, of the others from the start of the span; all before its end.
        """
        starts = np.full(len(ids), span.start)
        starts[0] = start
        parameters = {
            "series": Integers(ids), "starts": Instants(starts), "end": instant(span.end), "limit": limit,
        }  # fmt: skip
        async with self._database.driver() as connection:
            await connection.execute(IN_ORDER)
            cursor = connection.cursor(binary=True)
            await cursor.execute(PAGE, parameters)
            row = (await cursor.fetchall())[0]
        return None if row[0] is None else dict(zip(("place", "time", "value", "quality"), row, strict=True))

    async def texts(self, ids: Iterable[SeriesId]) -> Sequence[tuple[SeriesId, int, str]]:
        """What the codes of these series stand for: series, code, text."""
        wanted = np.fromiter(ids, np.int32)
        async with self._database.driver(autocommit=True) as connection:
            return await (await connection.execute(TEXTS, {"series": Integers(wanted)})).fetchall()
