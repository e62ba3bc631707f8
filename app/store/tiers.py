"""The rollup tiers' state: the watermarks behind which they are materialised, and the notes of what changed there."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import LiteralString, NamedTuple

import numpy as np

from app.domain.model import SeriesId
from app.domain.spans import Span, merged
from app.domain.tiers import MINUTES, Freshness
from app.store.columns import Integers
from app.store.database import Database
from app.store.engines import Connection
from app.store.notes import newest
from app.store.turn import Turn

_ONE_WORKER = 7_463_002

STATE: LiteralString = """
SELECT (SELECT array_agg(watermark ORDER BY name::interval) FROM tiers WHERE name <> 'RAW'),
    (SELECT array_agg(gone_before ORDER BY nullif(name, 'RAW')::interval NULLS FIRST) FROM tiers),
    (SELECT coalesce(array_agg(starts ORDER BY id), '{}') FROM touched),
    (SELECT coalesce(array_agg(ends ORDER BY id), '{}') FROM touched),
    (SELECT version FROM catalog_version),
    (SELECT array_agg(coalesce(received, 0) ORDER BY place)
        FROM unnest(%(series)s) WITH ORDINALITY AS wanted (series_id, place) LEFT JOIN latest USING (series_id))
"""


class Present(NamedTuple):
    """The state of the tiers, the version of the catalog, and how many readings series have received, at one moment."""

    freshness: Freshness
    catalog: int
    received: dict[SeriesId, int]


class Advance(NamedTuple):
    """What one turn did: spans that were refreshed, and why others were not. Those stay noted, are read from raw rows
    meanwhile, and are tried again at the next turn."""

    spans: int
    errors: list[str]


class TierKeeper:
    """Moves the watermarks and refreshes what was touched behind them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def freshness(self) -> Freshness:
        """The state of the tiers at this moment."""
        return (await self.present()).freshness

    async def newest_note(self) -> int | None:
        """The number of the last note that stands; a later one has a higher number."""
        async with self._database.driver(autocommit=True) as connection:
            return await newest(connection)

    async def present(self, series: Sequence[SeriesId] = ()) -> Present:
        """The state at this moment, in one statement."""
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(STATE, {"series": Integers(np.array(series, np.int32))})
            rows = await cursor.fetchall()
        watermarks, gone, starts, ends, version, counts = rows[0]
        spans = [Span(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]
        freshness = Freshness(tuple(map(int, watermarks)), tuple(merged(spans)), tuple(map(int, gone)))
        received = dict(zip(series, counts.tolist(), strict=True)) if series else {}
        return Present(freshness, version, received)

    async def advance(self, to: int, *, young: int | None = None) -> Advance | None:
        """Materialises up to the whole minute before `to`, and what was touched; None where another process is at it.

        Where notes beyond the number `young` say that more is arriving, it stays noted for a later turn.

        StoreUnavailable where the database went away: whatever was not finished is done again.
        """
        async with self._alone() as connection:
            if connection is None:
                return None
            turn = Turn(self._database, connection, await self.freshness(), young)
            await turn.begin()
            await turn.settle_touched()
            await turn.move_watermarks(to // MINUTES.width * MINUTES.width)
            await turn.go_back()
            await turn.adopt_days(await self.freshness())
            return Advance(turn.spans, turn.errors)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Connection | None]:
        async with self._database.driver(autocommit=True) as connection:
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (_ONE_WORKER,))
            row = await cursor.fetchone()
            if row is None or not row[0]:
                yield None
                return
            try:
                yield connection
            finally:
                if not connection.broken and not connection.closed:
                    await connection.execute("SELECT pg_advisory_unlock(%s)", (_ONE_WORKER,))
