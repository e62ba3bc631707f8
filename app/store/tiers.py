"""The rollup tiers' state: the watermark behind which they are materialised, and the notes of what changed there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import LiteralString

from app.domain.instants import MINUTE, instant, microseconds, width
from app.domain.spans import Span, merged, overlapping
from app.domain.tiers import Freshness
from app.store.database import Database
from app.store.engines import CHUNK, Connection

_ONE_WORKER = 7_463_002

STATE: LiteralString = """
SELECT watermark, (SELECT coalesce(array_agg(starts ORDER BY id), '{}') FROM touched),
    (SELECT coalesce(array_agg(ends ORDER BY id), '{}') FROM touched)
FROM tiers WHERE name = 'PT1M'
"""
INTEND: LiteralString = "UPDATE tiers SET intended = greatest(intended, %s) WHERE name = 'PT1M' RETURNING intended"
PUBLISH: LiteralString = "UPDATE tiers SET watermark = %s WHERE name = 'PT1M'"
NOTES: LiteralString = "SELECT id, starts, ends FROM touched ORDER BY id"
FORGET: LiteralString = "DELETE FROM touched WHERE id = ANY(%s)"


class TierKeeper:
    """Moves the watermark and refreshes what was touched behind it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def freshness(self) -> Freshness:
        """The state at this moment, in one statement."""
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(STATE)
            rows = await cursor.fetchall()
        watermark, starts, ends = rows[0]
        spans = [Span(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]
        return Freshness(microseconds(watermark), tuple(merged(spans)))

    async def advance(self, to: int) -> int | None:
        """Materialises up to the whole minute before `to`, and what was touched; returns the number of spans that were
        refreshed, or None where another process is at it."""
        async with self._alone() as connection:
            if connection is None:
                return None
            return await self._settle_touched(connection) + await self._move_watermark(
                connection, to // MINUTE * MINUTE
            )

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

    async def _move_watermark(self, connection: Connection, to: int) -> int:
        # Writers hold this row FOR SHARE: the update waits for open batches, later ones will note what they touch.
        cursor = await connection.execute(INTEND, (instant(to),))
        row = await cursor.fetchone()
        intended = row[0] if row else instant(to)
        start = (await self.freshness()).watermark
        spans = await self._with_rows(connection, Span(start, microseconds(intended)))
        for span in spans:
            await self._database.engine.refresh(connection, instant(span.start), instant(span.end))
        await connection.execute(PUBLISH, (intended,))
        return len(spans)

    async def _settle_touched(self, connection: Connection) -> int:
        cursor = await connection.execute(NOTES)
        notes = await cursor.fetchall()
        if not notes:
            return 0
        spans = merged(Span(microseconds(starts), microseconds(ends)) for _, starts, ends in notes)
        for span in spans:
            for part in await self._with_rows(connection, span):
                await self._database.engine.refresh(connection, instant(part.start), instant(part.end))
        await connection.execute(FORGET, ([number for number, _, _ in notes],))
        return len(spans)

    async def _with_rows(self, connection: Connection, span: Span) -> list[Span]:
        """The parts of a span that lie in chunks, a chunk at a time: a refresh of years would be one huge transaction,
        and one of centuries without readings is nothing to do."""
        numbers = sorted(await self._database.engine.chunks(connection))
        chunk = width(CHUNK)
        return overlapping((Span(number * chunk, (number + 1) * chunk) for number in numbers), *span)
