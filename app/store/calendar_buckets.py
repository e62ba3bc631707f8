"""Aggregates of readings by calendar steps: one statement for many series, whatever zones their plants lie in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import LiteralString

import numpy as np
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from app.domain.calendar_plan import DAYS, CalendarPlan, Pieces
from app.domain.instants import instant
from app.domain.model import SeriesId
from app.domain.tiers import RAW, SOURCES
from app.store.buckets import Columns, Measure, measures, packed, unpacked
from app.store.columns import Instants, Integers
from app.store.database import Database
from app.store.engines import TABLES

Group = tuple[Sequence[SeriesId], CalendarPlan]
"""The series of one zone, and how their steps are put together."""

SPARSE = 0.5
"""Where fewer of a tier's buckets are wanted than this share of those in between, the index is asked for each."""


class CalendarReader:
    """Reads calendar steps."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._measures = measures(database.engine)

    async def buckets_by_series(self, groups: Sequence[Group], wanted: Iterable[str]) -> dict[SeriesId, Columns]:
        """The wanted columns of every series that has rows, and `start`."""
        chosen = set(wanted)
        names = tuple(name for name in self._measures if name in chosen)
        steps = stepwise(self._measures, names, groups)
        if steps is None:
            return {}
        statement, parameters = steps
        columns = SQL(COLUMNS).format(columns=packed(self._measures, names), steps=statement)
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            # A plan made for these values alone: one for any knows neither how many series nor which chunks.
            await cursor.execute(columns, parameters, prepare=False)
            rows = await cursor.fetchall()
        return unpacked(self._measures, names, rows)


def stepwise(
    known: Mapping[str, Measure], names: Sequence[str], groups: Sequence[Group]
) -> tuple[Composed, dict[str, object]] | None:
    """A statement that gives `series_id`, `start` and the named columns of every step that has rows, and its
    parameters; None where there is nothing to ask."""
    pieces = {source: _numbered(groups, source) for source in (*SOURCES, DAYS)}
    pieces = {source: found for source, found in pieces.items() if len(found[0])}
    if not pieces:
        return None
    sparse = {source: source != DAYS and _sparse(*found) for source, found in pieces.items()}
    single = len(pieces) == 1 and all(len(set(each.steps.tolist())) == len(each.steps) for each in _each(groups))
    return _statement(known, names, sparse, single=single), _parameters(groups, pieces)


def _each(groups: Sequence[Group]) -> Iterable[Pieces]:
    return (found for _, plan in groups for found in plan.pieces.values())


def _numbered(groups: Sequence[Group], source: str) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], Pieces]:
    """The pieces of one source of all groups, each with the number of its group."""
    found = [(number, plan.pieces[source]) for number, (_, plan) in enumerate(groups) if source in plan.pieces]
    if not found:
        nothing = np.empty(0, np.int64)
        return np.empty(0, np.int32), Pieces(nothing, nothing, nothing)
    numbers = np.repeat([number for number, _ in found], [len(each.starts) for _, each in found]).astype(np.int32)
    return numbers, Pieces(*(np.concatenate(column) for column in zip(*(each for _, each in found), strict=True)))


def _sparse(_: object, pieces: Pieces) -> bool:
    wanted = np.unique(pieces.starts)
    between = (int(pieces.ends.max()) - int(wanted[0])) // int(pieces.ends[0] - pieces.starts[0])
    return len(wanted) < SPARSE * between


def _parameters(
    groups: Sequence[Group], pieces: Mapping[str, tuple[np.ndarray[tuple[int], np.dtype[np.int32]], Pieces]]
) -> dict[str, object]:
    given: dict[str, object] = {
        "series": Integers(np.concatenate([np.array(ids, np.int32) for ids, _ in groups])),
        "groups": Integers(np.repeat(np.arange(len(groups), dtype=np.int32), [len(ids) for ids, _ in groups])),
    }
    for source, (numbers, found) in pieces.items():
        given |= {
            f"groups_{source}": Integers(numbers),
            f"starts_{source}": Instants(found.starts),
            f"ends_{source}": Instants(found.ends),
            f"steps_{source}": Instants(found.steps),
            f"first_{source}": instant(int(found.starts.min())),
            f"last_{source}": instant(int(found.ends.max())),
            f"each_{source}": Instants(np.unique(found.starts)),
        }
    return given


# What a row of a tier belongs to is looked up by its group and bucket: a join that hashes a few thousand rows.
TIER: LiteralString = """
SELECT tier.series_id, piece.step AS start, {columns} FROM {table} AS tier
JOIN unnest(%(series)s, %(groups)s) AS wanted (series_id, number) USING (series_id)
JOIN unnest({groups}, {starts}, {steps}) AS piece (number, bucket, step) USING (number, bucket)
WHERE tier.series_id = ANY(%(series)s) AND bucket >= {first} AND bucket < {last} {each}
"""
# Days of other clocks lie in the same table: what a row ends with belongs to its key.
LOCAL_DAYS: LiteralString = """
SELECT day.series_id, piece.step AS start, {columns} FROM local_days AS day
JOIN unnest(%(series)s, %(groups)s) AS wanted (series_id, number) USING (series_id)
JOIN unnest({groups}, {starts}, {ends}, {steps}) AS piece (number, bucket, ends, step) USING (number, bucket, ends)
WHERE day.series_id = ANY(%(series)s) AND bucket >= {first} AND bucket < {last}
"""
# An aggregate of its own for each series and piece: the index is asked for exactly these rows.
READINGS: LiteralString = """
SELECT wanted.series_id, piece.step AS start, {names}
FROM unnest(%(series)s, %(groups)s) AS wanted (series_id, number)
JOIN unnest({groups}, {starts}, {ends}, {steps}) AS piece (number, starts, ends, step) USING (number)
CROSS JOIN LATERAL (
    SELECT {columns} FROM readings
    WHERE series_id = wanted.series_id AND time >= piece.starts AND time < piece.ends
        AND time >= {first} AND time < {last}
    HAVING count(*) > 0
) AS part
"""
COLUMNS: LiteralString = "SELECT series_id, {columns} FROM ({steps}) AS step GROUP BY series_id"

PARTS = ("groups", "starts", "ends", "steps", "first", "last")


def _statement(
    known: Mapping[str, Measure], names: Sequence[str], sparse: Mapping[str, bool], *, single: bool
) -> Composed:
    """Rows are put together only where a step may have several."""
    needed = [name for name in known if name in names or any(name in known[n].needs for n in names)]
    plain = _list(Identifier(name) for name in needed)
    made = _list(SQL("{} AS {}").format(SQL(known[name].raw), Identifier(name)) for name in needed)
    whole = _list(SQL("{} AS {}").format(SQL(known[name].whole), Identifier(name)) for name in needed)
    branches = []
    for source, few in sparse.items():
        given = {part: Placeholder(f"{part}_{source}") for part in PARTS}
        if source == RAW:
            branches.append(SQL(READINGS).format(columns=made, names=plain, **given))
        elif source == DAYS:
            branches.append(SQL(LOCAL_DAYS).format(columns=plain, **given))
        else:
            each = SQL("AND bucket = ANY({})").format(Placeholder(f"each_{source}")) if few else SQL("")
            table = Identifier(TABLES[source])
            branches.append(SQL(TIER).format(columns=plain, table=table, each=each, **given))
    if single:
        return SQL("SELECT series_id, start, {} FROM ({}) AS part").format(
            _list(Identifier(name) for name in names), branches[0]
        )
    return SQL(
        "SELECT series_id, start, {} FROM ({}) AS part GROUP BY series_id, start ORDER BY series_id, start"
    ).format(whole, SQL(" UNION ALL ").join(branches))


def _list(parts: Iterable[Composable]) -> Composed:
    return SQL(", ").join(parts)
