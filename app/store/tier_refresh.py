"""Brings the rollup tiers up to date by the engine's procedures: of some series or all, a chunk at a time."""

import asyncio
from collections.abc import Collection, Sequence
from typing import LiteralString

import numpy as np
from psycopg.sql import SQL, Identifier

from app.domain.instants import MINUTE, instant, width
from app.domain.model import SeriesId
from app.domain.spans import Span, overlapping, widened
from app.domain.tiers import TIERS
from app.store.columns import Integers
from app.store.database import Database
from app.store.engines import CHUNK, TABLES, Connection, Engine

SIDE_BY_SIDE = 2_000 * MINUTE
"""Time of series that is worth a second connection to refresh it."""
REFRESH: LiteralString = "CALL {procedure}(%s, %s, %s)"


class TierRefresh:
    """Calls the procedures; `connection` is that of the worker's turn."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection

    async def refresh(self, span: Span, series: Collection[SeriesId] | None, watermarks: Sequence[int]) -> None:
        """Every tier of these series (None: of all) there, up to its watermark."""
        if series is None or len(series) * (span.end - span.start) < SIDE_BY_SIDE:
            await self._tiers(self._connection, span, None if series is None else sorted(series), watermarks)
            return
        ids, half = sorted(series), len(series) // 2
        # What is left when a burst of readings ends is done sooner.
        async with self._database.driver(autocommit=True) as second:
            ours, theirs = await asyncio.gather(
                self._tiers(self._connection, span, ids[:half], watermarks),
                self._tiers(second, span, ids[half:], watermarks),
                return_exceptions=True,
            )
            if theirs and (second.broken or second.closed):
                raise theirs
        # Outside, for a server that is still there has only refused this span.
        if failed := ours or theirs:
            raise failed

    async def _tiers(
        self, connection: Connection, span: Span, series: list[SeriesId] | None, watermarks: Sequence[int]
    ) -> None:
        """The finest first, of which the others are made."""
        only = None if series is None else Integers(np.array(series))
        chunks = await chunks_with_rows(self._database.engine, connection)
        for tier, watermark in zip(TIERS, watermarks, strict=True):
            procedure = SQL(REFRESH).format(procedure=Identifier(f"refresh_{TABLES[tier.name]}"))
            whole = widened(span, tier.width)
            for part in overlapping(chunks, whole.start, min(whole.end, watermark)):
                await connection.execute(procedure, (instant(part.start), instant(part.end), only))


async def chunks_with_rows(engine: Engine, connection: Connection, *, and_next: bool = False) -> list[Span]:
    """What chunks span, ascending: a refresh of years at once would be one huge transaction, and one of centuries
    without readings is nothing to do. `and_next`: the chunk after one with rows as well, for there local days end."""
    numbers = await engine.chunks(connection)
    if and_next:
        numbers |= {number + 1 for number in numbers}
    chunk = width(CHUNK)
    return [Span(number * chunk, (number + 1) * chunk) for number in sorted(numbers)]
