"""One batch of rows arrives: written, noted and made the latest in one transaction (semantics: how a batch and a
refresh meet)."""

from dataclasses import dataclass
from typing import LiteralString, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from app.domain.instants import MINUTE, instant, microseconds
from app.domain.rows import Rows
from app.domain.spans import around
from app.domain.tiers import MINUTES
from app.store.columns import Floats, Instants, Integers, copy_data
from app.store.engines import Connection, Engine
from app.store.revisions import each_once, revise

NOTE_GAP = 15 * MINUTE
"""Refreshing a silence of this length with its neighbours is cheaper than refreshing twice."""

# One row for the watermark and one for retention: neither moves while a batch is open.
INTENDED: LiteralString = """
SELECT intended, watermark, gone_before FROM tiers WHERE name IN ('PT1M', 'RAW') ORDER BY name FOR SHARE
"""
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
SELECT coalesce(array_agg(series_id), '{}'), coalesce(array_agg(time), '{}'), coalesce(array_agg(known), '{}')
FROM changed
"""
NOTE: LiteralString = """
INSERT INTO touched (starts, ends, series, derived) SELECT starts, ends, array_agg(series_id), %(derived)s
FROM unnest(%(starts)s, %(ends)s, %(series)s) AS touching (starts, ends, series_id) GROUP BY starts, ends
"""
# `received` counts the readings of a series: it tells busy tags from quiet ones, and bounds what a query may cost.
MOVE_LATEST: LiteralString = """
INSERT INTO latest (series_id, time, value, quality, received)
SELECT series_id, time, nullif(value, 'NaN'), quality, received
FROM unnest(%(series)s, %(times)s, %(values)s, %(quality)s, %(received)s)
    AS arriving (series_id, time, value, quality, received)
ORDER BY series_id
ON CONFLICT (series_id) DO UPDATE SET
    time = greatest(latest.time, excluded.time),
    value = CASE WHEN excluded.time >= latest.time THEN excluded.value ELSE latest.value END,
    quality = CASE WHEN excluded.time >= latest.time THEN excluded.quality ELSE latest.quality END,
    received = latest.received + excluded.received
WHERE excluded.received > 0 OR (excluded.time >= latest.time
    AND (latest.value, latest.quality) IS DISTINCT FROM (excluded.value, excluded.quality))
"""


class RowsGone(Exception):
    """Rows before `since` (microseconds) are not kept any more, and nothing of a batch that holds some was written."""

    def __init__(self, since: int) -> None:
        super().__init__(since)
        self.since = since


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of rows: new ones, ones whose value changed, and ones that were there alike."""

    new: int = 0
    corrected: int = 0
    repeated: int = 0

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(self.new + other.new, self.corrected + other.corrected, self.repeated + other.repeated)


class _Changed(NamedTuple):
    """Rows that a way of writing has changed: their series and times, and whether they were there before."""

    series: NDArray[np.int32]
    times: NDArray[np.int64]
    known: NDArray[np.bool_]


async def arrive(
    connection: Connection, engine: Engine, rows: Rows, *, trust_latest: bool, derived: bool = False
) -> Stored:
    """Writes a batch in the transaction that is open, and commits it. Rows newer than the latest of their series are
    copied straight in; psycopg's UniqueViolation tells that somebody else was faster: then begin again without trust.
    RowsGone where some rows lie in what retention has dropped. `derived` rows are those of the worker, which refreshes
    by itself what the watermark has not passed yet."""
    cursor, known = connection.cursor(binary=True), connection.cursor(binary=True)
    newest = rows.newest()
    async with connection.pipeline():  # one way there and back, while others are decoded, and not one each
        await cursor.execute(INTENDED)
        await known.execute(LATEST, {"series": Integers(newest.series)})
    (intended, watermark, _), (_, _, gone) = [map(microseconds, row) for row in await cursor.fetchall()]
    if int(rows.times.min()) < gone:
        raise RowsGone(gone)
    newer = _newer(rows, *(await _row(known))) if trust_latest else np.zeros(len(rows), np.bool_)
    changes = []
    if newer.any():
        changes.append(await _append(cursor, rows.only(newer)))
    if not newer.all():
        await engine.prepare_changes(connection)
        changes.append(await _merge(cursor, rows.only(~newer)))
    changed = _Changed(*(np.concatenate(column) for column in zip(*changes, strict=True)))
    late = changed.times < (watermark if derived else intended)
    new = np.sort(changed.series[~changed.known])
    received = np.searchsorted(new, newest.series, "right") - np.searchsorted(new, newest.series, "left")
    async with connection.pipeline():
        if late.any():
            touched = each_once(changed.series[late], changed.times[late], MINUTES)
            await revise(cursor, *touched, watermark)
            await _note(cursor, *touched, derived=derived)
        await cursor.execute(MOVE_LATEST, _parameters(newest) | {"received": Integers(received)})
        await connection.commit()
    return Stored(len(new), len(changed.series) - len(new), len(rows) - len(changed.series))


def _newer(rows: Rows, known: NDArray[np.int32] | None, times: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    """The rows that are later than the latest of their series; all where a series has none."""
    if known is None or times is None:
        return np.ones(len(rows), np.bool_)
    order = np.argsort(known)
    known, times = known[order], times[order]
    place = np.minimum(np.searchsorted(known, rows.series), len(known) - 1)
    return np.asarray((known[place] != rows.series) | (rows.times > times[place]))


async def _append(cursor: AsyncCursor[TupleRow], rows: Rows) -> _Changed:
    async with cursor.copy(COPY) as copy:
        await copy.write(copy_data(rows))
    return _Changed(rows.series, rows.times, np.zeros(len(rows), np.bool_))


async def _merge(cursor: AsyncCursor[TupleRow], rows: Rows) -> _Changed:
    """Rows that are not the newest of their series may be there already, alike or otherwise."""
    bounds = {"start": instant(int(rows.times.min())), "end": instant(int(rows.times.max()))}
    await cursor.execute(MERGE, _parameters(rows) | bounds)
    series, times, known = await _row(cursor)
    return _Changed(series.astype(np.int32), times.astype(np.int64), np.array(known, np.bool_))


async def _note(
    cursor: AsyncCursor[TupleRow], series: NDArray[np.int32], minutes: NDArray[np.int64], *, derived: bool
) -> None:
    """A note for each stretch, with the series that have changed in it."""
    starts, ends = (np.array(column) for column in zip(*around(minutes, MINUTE, NOTE_GAP), strict=True))
    found = np.unique(((np.searchsorted(starts, minutes, "right") - 1) << 32) | series)
    stretches, series = found >> 32, found & 0xFFFF_FFFF
    parameters = {
        "starts": Instants(starts[stretches]),
        "ends": Instants(ends[stretches]),
        "series": Integers(series),
        "derived": derived,
    }
    await cursor.execute(NOTE, parameters)


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
