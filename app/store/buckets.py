"""Aggregates of readings: one statement answers one plan for many series, in columns."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, LiteralString, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from app.domain.instants import instant
from app.domain.model import SeriesId
from app.domain.tiers import RAW, TIERS, Plan
from app.store.columns import PACKED_FLOATS, PACKED_INSTANTS, PACKED_INTEGERS, Integers, Packing
from app.store.database import Database
from app.store.engines import TABLES, Engine

Columns = dict[str, NDArray[np.generic]]
"""Columns of equal length by name, in the order of `start`. Instants are microseconds; NaN stands for null."""

USABLE: LiteralString = "quality >= 0"


class Measure(NamedTuple):
    """One column: how raw rows make it, how parts of a bucket become the whole, what it needs beside it, and how it is
    made of a tier's row where that has no column of this name."""

    raw: LiteralString
    whole: LiteralString
    needs: tuple[str, ...] = ()
    missing: LiteralString = "'NaN'"
    kept: LiteralString | None = None

    @property
    def packing(self) -> Packing:
        return {"'NaN'": PACKED_FLOATS, "0": PACKED_INTEGERS, "start": PACKED_INSTANTS}[self.missing]


MEAN = Measure(
    "sum(value) FILTER (WHERE quality >= 0) / nullif(count(*) FILTER (WHERE quality >= 0), 0)",
    "sum(sum) / nullif(sum(good + uncertain), 0)::float8",
    ("sum", "good", "uncertain"),
    kept="sum / nullif(good + uncertain, 0)",
)
"""One column in the place of three, where nobody looks at counts."""


def measures(engine: Engine) -> Mapping[str, Measure]:
    """Every column of a tier, by name."""
    return {
        "good": Measure("count(*) FILTER (WHERE quality BETWEEN 0 AND 1073741823)", "sum(good)::bigint", missing="0"),
        "uncertain": Measure("count(*) FILTER (WHERE quality >= 1073741824)", "sum(uncertain)::bigint", missing="0"),
        "bad": Measure("count(*) FILTER (WHERE quality < 0)", "sum(bad)::bigint", missing="0"),
        "sum": Measure("sum(value) FILTER (WHERE quality >= 0)", "sum(sum)"),
        "minimum": Measure("min(value) FILTER (WHERE quality >= 0)", "min(minimum)"),
        "maximum": Measure("max(value) FILTER (WHERE quality >= 0)", "max(maximum)"),
        "first_at": Measure("min(time) FILTER (WHERE quality >= 0)", "min(first_at)", missing="start"),
        "last_at": Measure("max(time) FILTER (WHERE quality >= 0)", "max(last_at)", missing="start"),
        "minimum_at": Measure(
            engine.first("time", "value", USABLE),
            engine.first("minimum_at", "minimum", "minimum IS NOT NULL"),
            ("minimum",),
            "start",
        ),
        "maximum_at": Measure(
            engine.last("time", "value", USABLE),
            engine.last("maximum_at", "maximum", "maximum IS NOT NULL"),
            ("maximum",),
            "start",
        ),
        "first": Measure(
            engine.first("value", "time", USABLE),
            engine.first("first", "first_at", "first_at IS NOT NULL"),
            ("first_at",),
        ),
        "last": Measure(
            engine.last("value", "time", USABLE), engine.last("last", "last_at", "last_at IS NOT NULL"), ("last_at",)
        ),
    }


class BucketReader:
    """Reads buckets of the tiers and of raw readings."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._measures = {**measures(database.engine), "mean": MEAN}
        self._statements: dict[_Shape, str] = {}

    async def buckets_by_series(
        self, ids: Sequence[SeriesId], plan: Plan, wanted: Iterable[str]
    ) -> dict[SeriesId, Columns]:
        """The wanted columns of every series that has rows, and `start`."""
        names = self._names(wanted)
        statement, parameters = self.statement(ids, plan, names)
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            # A prepared one soon gets a plan for any range, which on a hypertable takes twice as long for a year.
            await cursor.execute(statement, parameters, prepare=False)
            rows = await cursor.fetchall()
        return unpacked(self._measures, names, rows)

    def statement(self, ids: Sequence[SeriesId], plan: Plan, wanted: Iterable[str]) -> tuple[SQL, dict[str, object]]:
        """The text, which depends on the plan's shape alone, and its parameters."""
        shape = self._shape(plan, self._names(wanted))
        if shape not in self._statements:
            self._statements[shape] = _statement(self._measures, shape).as_string()
        parameters: dict[str, object] = {
            "series": Integers(np.array(ids)),
            "width": timedelta(microseconds=plan.width),
            "origin": instant(plan.origin),
        }
        for number, (_, span) in enumerate(plan.parts):
            parameters[f"start_{number}"] = instant(span.start)
            parameters[f"end_{number}"] = instant(span.end)
        return SQL(self._statements[shape]), parameters

    def _names(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """In the order of the statement."""
        chosen = set(wanted)
        return tuple(name for name in self._measures if name in chosen)

    def _shape(self, plan: Plan, names: tuple[str, ...]) -> "_Shape":
        """Rows are put together only where a bucket may have several, be it of a finer tier or of several sources."""
        sources = tuple(source for source, _ in plan.parts)
        whole = all(
            _WIDTHS.get(source) == plan.width or (source == RAW and _on_grid(plan, span.start, span.end))
            for source, span in plan.parts
        )
        return _Shape(names, sources, not whole)


class _Shape(NamedTuple):
    """All that the text of a statement depends on."""

    names: tuple[str, ...]
    sources: tuple[str, ...]
    put_together: bool


_WIDTHS = {tier.name: tier.width for tier in TIERS}


def _on_grid(plan: Plan, *edges: int) -> bool:
    """Whether these are edges of steps, or of the whole range."""
    return all((edge - plan.origin) % plan.width == 0 or edge in (plan.start, plan.end) for edge in edges)


def _statement(known: Mapping[str, Measure], shape: _Shape) -> Composed:
    beside = {each for name in shape.names for each in known[name].needs} if shape.put_together else set()
    needed = [name for name in known if name in shape.names or name in beside]
    step: Composable = SQL("date_bin(%(width)s, bucket, %(origin)s)" if shape.put_together else "bucket")
    tier = SQL("SELECT series_id, {step} AS start, {columns} FROM {table} WHERE {where}")
    raw = SQL(
        "SELECT series_id, date_bin(%(width)s, time, %(origin)s) AS start, {columns} FROM readings"
        " WHERE {where} GROUP BY series_id, start"
    )
    plain = SQL(", ").join(_kept(name, known[name]) for name in needed)
    made = SQL(", ").join(SQL("{} AS {}").format(SQL(known[name].raw), Identifier(name)) for name in needed)
    branches = [
        raw.format(columns=made, where=_where("time", number))
        if source == RAW
        else tier.format(step=step, columns=plain, table=SQL(TABLES[source]), where=_where("bucket", number))
        for number, source in enumerate(shape.sources)
    ]
    parts: Composable = SQL(" UNION ALL ").join(branches)
    if shape.put_together:
        whole = SQL(", ").join(SQL("{} AS {}").format(SQL(known[name].whole), Identifier(name)) for name in needed)
        parts = SQL("SELECT series_id, start, {} FROM ({}) AS part GROUP BY series_id, start").format(whole, parts)
    return SQL("SELECT series_id, {} FROM ({} ORDER BY series_id, start) AS step GROUP BY series_id").format(
        packed(known, shape.names), parts
    )


def packed(known: Mapping[str, Measure], names: Iterable[str]) -> Composed:
    """`start` and the named columns of the rows of a series, in a statement."""
    values = SQL("coalesce({}, {})")
    columns = [known[name].packing.packed(values.format(Identifier(name), SQL(known[name].missing))) for name in names]
    return SQL(", ").join([PACKED_INSTANTS.packed(SQL("start")), *columns])


def unpacked(
    known: Mapping[str, Measure], names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> dict[SeriesId, Columns]:
    """The same columns by series, which come first in each row."""
    packings = [PACKED_INSTANTS, *(known[name].packing for name in names)]
    return {
        number: in_order(
            {name: each.unpacked(data) for name, each, data in zip(("start", *names), packings, columns, strict=True)}
        )
        for number, *columns in rows
    }


def _kept(name: str, measure: Measure) -> Composable:
    return Identifier(name) if measure.kept is None else SQL("{} AS {}").format(SQL(measure.kept), Identifier(name))


def _where(column: LiteralString, number: int) -> Composed:
    return SQL("series_id = ANY(%(series)s) AND {time} >= {start} AND {time} < {end}").format(
        time=SQL(column), start=Placeholder(f"start_{number}"), end=Placeholder(f"end_{number}")
    )


def in_order(columns: Columns) -> Columns:
    """A parallel plan may hand rows to an aggregate out of order."""
    starts = columns["start"]
    if bool((np.diff(starts.astype(np.int64)) > 0).all()):
        return columns
    order = np.argsort(starts)
    return {name: column[order] for name, column in columns.items()}
