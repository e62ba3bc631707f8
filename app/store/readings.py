"""Writes readings of known series: opens what chunks they need, and commits them a batch at a time."""

from collections.abc import Sequence

import numpy as np
import psycopg
from numpy.typing import NDArray

from app.domain.instants import width
from app.domain.rows import Rows
from app.errors import StoreUnavailable
from app.store.arrivals import Stored, arrive
from app.store.database import Database
from app.store.engines import CHUNK

CHUNK_MICROSECONDS = width(CHUNK)
CHUNKS_A_TRANSACTION = 50
"""Each new chunk takes locks: 8,000 in one transaction exhausted a server's."""

TRIES = 4
"""Of a batch that meets other writers: a second deadlock is rare, and is no reason to send the sender away."""


class ReadingWriter:
    """Writes rows of known series; knows which chunks exist. `derived` rows are those of the worker."""

    def __init__(self, database: Database, *, derived: bool = False) -> None:
        self._database = database
        self._derived = derived
        self._chunks: set[int] = set()

    async def new_chunks(self, times: NDArray[np.int64]) -> list[int]:
        """Numbers of the chunks that these times would open, ascending."""
        numbers = set(np.unique(times // CHUNK_MICROSECONDS).tolist())
        if not numbers <= self._chunks:
            async with self._database.driver(autocommit=True) as connection:
                self._chunks = await self._database.engine.chunks(connection)
        return sorted(numbers - self._chunks)

    async def store(self, rows: Rows) -> Stored:
        """Commits rows; where they open many chunks, in several transactions. Repeating is harmless."""
        stored = Stored()
        for part in self._parts(rows, await self.new_chunks(rows.times)):
            stored += await self._commit(part)
        return stored

    def _parts(self, rows: Rows, new: Sequence[int]) -> list[Rows]:
        if len(new) <= CHUNKS_A_TRANSACTION:
            return [rows]
        numbers = rows.times // CHUNK_MICROSECONDS
        bounds = [*new[CHUNKS_A_TRANSACTION::CHUNKS_A_TRANSACTION]]
        part = np.searchsorted(bounds, numbers, side="right")
        return [rows.only(part == number) for number in np.unique(part)]

    async def _commit(self, rows: Rows) -> Stored:
        new = await self.new_chunks(rows.times)
        if new:
            async with self._database.driver() as connection:
                await self._database.engine.open_chunks(connection, new)
        trust_latest = True
        for left in reversed(range(TRIES)):
            try:
                async with self._database.driver() as connection:
                    return await arrive(
                        connection, self._database.engine, rows, trust_latest=trust_latest, derived=self._derived
                    )
            except (psycopg.errors.UniqueViolation, StoreUnavailable) as error:
                # Another writer has stored newer rows of these series since `latest` was read, or both waited for each
                # other.
                cause = error.__cause__ or error
                if not left or not isinstance(cause, psycopg.errors.UniqueViolation | psycopg.errors.DeadlockDetected):
                    raise
                trust_latest = False
        raise RuntimeError("the last try returns or raises")
