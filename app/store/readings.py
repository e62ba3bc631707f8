"""Writes readings: one transaction a batch, so that a refresh and a batch meet without losing a row (semantics)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from app.domain.instants import MINUTE, instant, microseconds, width
from app.domain.rows import Rows
from app.domain.spans import Span, around, merged
from app.store.columns import Floats, Instants, Integers, copy_data
from app.store.database import Database
from app.store.engines import CHUNK, Connection

CHUNK_MICROSECONDS = width(CHUNK)
CHUNKS_A_TRANSACTION = 50
"""Each new chunk takes locks: 8,000 in one transaction exhausted a server's."""

NOTE_GAP = 15 * MINUTE
"""Refreshing a silence of this length with its neighbours is cheaper than refreshing twice."""

INTENDED: LiteralString = "SELECT intended FROM tiers WHERE name = 'PT1M' FOR SHARE"
LATEST: LiteralString = """
SELECT array_agg(series_id), array_agg(time) FROM latest WHERE series_id = ANY(%(series)s)
"""
COPY: LiteralString = "COPY readings (series_id, time, value, quality) FROM STDIN (FORMAT BINARY)"

# What arrives is compared first, so that a repeat writes nothing; ON CONFLICT is for a writer who is in between.
MERGE: LiteralString = """
WITH arriving AS MATERIALIZED (
    SELECT series_id, time, nullif(value, 'NaN') AS value, quality
    FROM unnest(%(series)s, %(times)s, %(values)s, %(quality)s) AS arriving (series_id, time, value, quality)
), changed AS MATERIALIZED (
    SELECT arriving.*, old.series_id IS NOT NULL AS known
    FROM arriving LEFT JOIN readings AS old ON old.series_id = arriving.series_id AND old.time = arriving.time
        AND old.time >= %(start)s AND old.time <= %(end)s
    WHERE old.series_id IS NULL OR (old.value, old.quality) IS DISTINCT FROM (arriving.value, arriving.quality)
), written AS (
    INSERT INTO readings (series_id, time, value, quality)
    SELECT series_id, time, value, quality FROM changed ORDER BY series_id, time
    ON CONFLICT (series_id, time) DO UPDATE SET value = excluded.value, quality = excluded.quality
    WHERE (readings.value, readings.quality) IS DISTINCT FROM (excluded.value, excluded.quality)
)
SELECT count(*) FILTER (WHERE NOT known), count(*) FILTER (WHERE known), coalesce(array_agg(time), '{}') FROM changed
"""
NOTE: LiteralString = "INSERT INTO touched (starts, ends) SELECT * FROM unnest(%(starts)s, %(ends)s)"
# `received` tells busy tags from quiet ones; repeats of the newest reading leave the row alone.
MOVE_LATEST: LiteralString = """
INSERT INTO latest (series_id, time, value, quality, received)
SELECT series_id, time, nullif(value, 'NaN'), quality, received
FROM unnest(%(series)s, %(times)s, %(values)s, %(quality)s, %(received)s)
    AS arriving (series_id, time, value, quality, received)
ORDER BY series_id
ON CONFLICT (series_id) DO UPDATE SET time = excluded.time, value = excluded.value, quality = excluded.quality,
    received = latest.received + excluded.received
WHERE excluded.time >= latest.time
    AND (latest.time, latest.value, latest.quality) IS DISTINCT FROM (excluded.time, excluded.value, excluded.quality)
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of rows: new ones, ones whose value changed, and ones that were there alike."""

    new: int = 0
    corrected: int = 0
    repeated: int = 0

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(self.new + other.new, self.corrected + other.corrected, self.repeated + other.repeated)


class ReadingWriter:
    """Writes rows of known series; knows which chunks exist."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._chunks: set[int] = set()

    async def new_chunks(self, times: NDArray[np.int64]) -> list[int]:
        """Numbers of the chunks that these times would open, ascending."""
        numbers = set(np.unique(times // CHUNK_MICROSECONDS).tolist())
        if not numbers <= self._chunks:
            async with self._database.driver() as connection:
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
        try:
            async with self._database.driver() as connection:
                return await _write(connection, rows, trust_latest=True)
        except psycopg.errors.UniqueViolation:
            # Another process has stored newer rows of these series since `latest` was read.
            async with self._database.driver() as connection:
                return await _write(connection, rows, trust_latest=False)


async def _write(connection: Connection, rows: Rows, *, trust_latest: bool) -> Stored:
    cursor = connection.cursor(binary=True)
    await cursor.execute(INTENDED)
    intended = microseconds((await _row(cursor))[0])
    newest = rows.newest()
    if trust_latest:
        await cursor.execute(LATEST, {"series": Integers(newest.series)})
        newer = _newer(rows, *(await _row(cursor)))
    else:
        newer = np.zeros(len(rows), np.bool_)
    stored, touched = Stored(), []
    if newer.any():
        appended = rows.only(newer)
        async with cursor.copy(COPY) as copy:
            await copy.write(copy_data(appended))
        stored += Stored(new=len(appended))
        touched += around(appended.times[appended.times < intended], MINUTE, NOTE_GAP)
    if not newer.all():
        merged_rows, times = await _merge(connection, rows.only(~newer))
        stored += merged_rows
        touched += around(times[times < intended], MINUTE, NOTE_GAP)
    await _note(connection, merged(touched, NOTE_GAP))
    received = np.unique(rows.series, return_counts=True)[1]
    await cursor.execute(MOVE_LATEST, _parameters(newest) | {"received": Integers(received)})
    return stored


def _newer(rows: Rows, known: NDArray[np.int32] | None, times: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    """The rows that are later than the latest of their series; all where a series has none."""
    if known is None or times is None:
        return np.ones(len(rows), np.bool_)
    order = np.argsort(known)
    known, times = known[order], times[order]
    place = np.minimum(np.searchsorted(known, rows.series), len(known) - 1)
    return np.asarray((known[place] != rows.series) | (rows.times > times[place]))


async def _merge(connection: Connection, rows: Rows) -> tuple[Stored, NDArray[np.int64]]:
    """Rows that are not the newest: returns what became of them, and the times that changed."""
    cursor = connection.cursor(binary=True)
    bounds = {"start": instant(int(rows.times.min())), "end": instant(int(rows.times.max()))}
    await cursor.execute(MERGE, _parameters(rows) | bounds)
    new, corrected, times = await _row(cursor)
    return Stored(new, corrected, len(rows) - new - corrected), times


async def _note(connection: Connection, spans: Sequence[Span]) -> None:
    if spans:
        await connection.execute(
            NOTE,
            {
                "starts": Instants(np.array([span.start for span in spans])),
                "ends": Instants(np.array([span.end for span in spans])),
            },
        )


async def _row(cursor: AsyncCursor[TupleRow]) -> TupleRow:
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("this statement always has a row")
    return row


def _parameters(rows: Rows) -> dict[str, object]:
    return {
        "series": Integers(rows.series),
        "times": Instants(rows.times),
        "values": Floats(rows.values),
        "quality": Integers(rows.quality),
    }
