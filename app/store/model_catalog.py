"""Reads and writes the whole plant model at once: plants, lines, machines, their types, metrics, labels and KPIs."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, Select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection as Transaction

from app.domain.model import MetricKind
from app.domain.model_conflicts import Learnt
from app.domain.new_counters import NewCounter
from app.domain.plant_model import Change, Fields, Noun, Path, PlantModel, same
from app.store.database import Database
from app.store.registration import CATALOG_LOCK
from app.store.tables import (
    kpis,
    lines,
    machine_type_metrics,
    machine_types,
    machines,
    metric_labels,
    metrics,
    plants,
    series,
    series_labels,
)

_TABLES = {
    Noun.METRIC: metrics,
    Noun.KPI: kpis,
    Noun.DERIVED: metrics,
    Noun.MACHINE_TYPE: machine_types,
    Noun.PLANT: plants,
    Noun.LINE: lines,
    Noun.MACHINE: machines,
}
_Values = dict[str, Any]


@asynccontextmanager
async def open_model(database: Database, *, keep: bool) -> AsyncIterator["ModelCatalog"]:
    """The model in one transaction, with nobody else adding to the catalog; without `keep` nothing of it stays."""
    async with database.begin() as transaction:
        await transaction.execute(sa.select(sa.func.pg_advisory_xact_lock(CATALOG_LOCK)))
        yield ModelCatalog(transaction)
        if not keep:
            await transaction.rollback()


class ModelCatalog:
    """Remembers the ids of what it read, so that changes name things by path."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._ids: dict[Noun, dict[Path, int]] = {noun: {} for noun in Noun}

    async def read(self) -> PlantModel:
        """Everything with every field: lines as created, machines in material flow, the others by name."""
        return PlantModel(
            {
                **await self._metrics(),
                Noun.KPI: await self._kpis(),
                Noun.MACHINE_TYPE: await self._machine_types(),
                Noun.PLANT: await self._plants(),
                **await self._lines_and_machines(),
            }
        )

    async def learnt_labels(self) -> Learnt:
        """The codes that series have given to texts, by metric."""
        query = (
            sa.select(metrics.c.name, series_labels.c.code, series_labels.c.text)
            .join(series, series.c.id == series_labels.c.series_id)
            .join(metrics, metrics.c.id == series.c.metric_id)
            .distinct()
        )
        learnt: dict[str, dict[int, frozenset[str]]] = {}
        for row in await self._all(query):
            codes = learnt.setdefault(row.name, {})
            codes[row.code] = codes.get(row.code, frozenset()) | {row.text}
        return learnt

    async def to_be_scanned(self, names: Sequence[str]) -> list[NewCounter]:
        """Of these metrics, those that have series, by name."""
        rows = await self._transaction.execute(_TO_BE_SCANNED, {"names": list(names)})
        return [NewCounter(*row) for row in rows]

    async def write(self, changes: Sequence[Change]) -> None:
        """Makes the changes, which are about what `read` read; each noun after those that it needs."""
        for noun in Noun:
            await self._write_things(noun, [change for change in changes if change.noun is noun])
        await self._write_labels(changes)
        await self._write_type_metrics(changes)
        await self._write_positions(changes)

    async def tell_in(self, units: Mapping[str, str | None]) -> None:
        """Gives derived metrics, by name, the units in which their formulas are told."""
        statement = sa.update(metrics).where(metrics.c.name == sa.bindparam("derived"))
        moved = statement.where(metrics.c.unit.is_distinct_from(sa.bindparam("told", type_=sa.Text)))
        rows = [{"derived": name, "told": unit} for name, unit in units.items()]
        if rows:
            await self._transaction.execute(moved.values(unit=sa.bindparam("told", type_=sa.Text)), rows)

    async def _metrics(self) -> dict[Noun, dict[Path, Fields]]:
        """Those that are sent, and those that are derived."""
        labels: dict[int, dict[int, str]] = {}
        for row in await self._all(sa.select(metric_labels).order_by(metric_labels.c.code)):
            labels.setdefault(row.metric_id, {})[row.code] = row.text
        found: dict[Noun, dict[Path, Fields]] = {Noun.METRIC: {}, Noun.DERIVED: {}}
        for row in await self._named(Noun.METRIC):
            self._ids[Noun.METRIC][row.name,] = row.id
            if row.formula is not None:
                self._ids[Noun.DERIVED][row.name,] = row.id
                found[Noun.DERIVED][row.name,] = {
                    "display_name": row.display_name,
                    "description": row.description,
                    "formula": row.formula,
                    "every": row.interval,
                    "unit": row.formula_unit,
                }
                continue
            found[Noun.METRIC][row.name,] = {
                "display_name": row.display_name,
                "description": row.description,
                "unit": row.unit,
                "kind": MetricKind(row.kind),
                "interval": row.interval,
                "gap": row.gap,
                "dip_tolerance": row.dip_tolerance,
                "modulus": row.modulus,
                "labels": labels.get(row.id, {}),
            }
        return found

    async def _kpis(self) -> dict[Path, Fields]:
        found: dict[Path, Fields] = {}
        for row in await self._named(Noun.KPI):
            self._ids[Noun.KPI][row.name,] = row.id
            found[row.name,] = {key: row._mapping[key] for key in ("display_name", "description", "formula", "unit")}
        return found

    async def _machine_types(self) -> dict[Path, Fields]:
        query = sa.select(machine_type_metrics.c.machine_type_id, metrics.c.name).join(metrics)
        names: dict[int, set[str]] = {}
        for row in await self._all(query):
            names.setdefault(row.machine_type_id, set()).add(row.name)
        found: dict[Path, Fields] = {}
        for row in await self._named(Noun.MACHINE_TYPE):
            self._ids[Noun.MACHINE_TYPE][row.name,] = row.id
            found[row.name,] = {"metrics": frozenset(names.get(row.id, ()))}
        return found

    async def _plants(self) -> dict[Path, Fields]:
        found: dict[Path, Fields] = {}
        for row in sorted(await self._all(sa.select(plants)), key=lambda row: str(row.code)):
            self._ids[Noun.PLANT][row.code,] = row.id
            found[row.code,] = {
                "name": row.name,
                "time_zone": row.time_zone,
                "production_day_starts": row.production_day_starts,
                "attributes": row.attributes,
            }
        return found

    async def _lines_and_machines(self) -> dict[Noun, dict[Path, Fields]]:
        found: dict[Noun, dict[Path, Fields]] = {Noun.LINE: {}, Noun.MACHINE: {}}
        codes: dict[Path, list[str]] = {}
        for row in await self._all(_MACHINES):
            line = row.plant, row.line
            codes.setdefault(line, []).append(row.code)
            self._ids[Noun.MACHINE][*line, row.code] = row.id
            found[Noun.MACHINE][*line, row.code] = {
                "name": row.name,
                "type": row.type,
                "transit": row.transit,
                "attributes": row.attributes,
            }
        for row in await self._all(_LINES):
            path = row.plant, row.code
            self._ids[Noun.LINE][path] = row.id
            machines_of = tuple(codes.get(path, ()))
            found[Noun.LINE][path] = {"name": row.name, "attributes": row.attributes, "machines": machines_of}
        return found

    async def _write_things(self, noun: Noun, changes: Sequence[Change]) -> None:
        table = _TABLES[noun]
        if new := [change for change in changes if change.before is None]:
            statement = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
            rows = [self._row(change, change.after) for change in new]
            numbers = (await self._transaction.execute(statement, rows)).scalars()
            self._ids[noun] |= {change.path: number for change, number in zip(new, numbers, strict=True)}
        for change in changes:
            if change.before is None:
                continue
            before = self._row(change, change.before)
            values = {
                key: value for key, value in self._row(change, change.after).items() if not same(value, before[key])
            }
            if values:
                statement_of_one = sa.update(table).where(table.c.id == self._ids[noun][change.path]).values(values)
                await self._transaction.execute(statement_of_one)

    def _row(self, change: Change, fields: Fields) -> _Values:
        """The columns of a thing; the tables that hang on it are written apart."""
        path, row = change.path, {key: value for key, value in fields.items() if key not in _APART}
        match change.noun:
            case Noun.METRIC:
                return {"name": path[0], **row, "kind": row["kind"].value}
            case Noun.DERIVED:
                renamed = {_DERIVED.get(key, key): value for key, value in row.items()}
                return {"name": path[0], "kind": MetricKind.GAUGE.value, **renamed}
            case Noun.MACHINE_TYPE | Noun.KPI:
                return {"name": path[0], **row}
            case Noun.PLANT:
                return {"code": path[0], **row}
            case Noun.LINE:
                return {"plant_id": self._ids[Noun.PLANT][path[:1]], "code": path[1], **row}
        kind = row.pop("type")
        type_id = None if kind is None else self._ids[Noun.MACHINE_TYPE][kind,]
        line_id = self._ids[Noun.LINE][path[:2]]
        return {"line_id": line_id, "code": path[2], **row, "machine_type_id": type_id, "position": 0}

    async def _write_labels(self, changes: Sequence[Change]) -> None:
        rows = [
            {"metric_id": self._ids[Noun.METRIC][change.path], "code": code, "text": text}
            for change in changes
            if change.noun is Noun.METRIC
            for code, text in change.after["labels"].items()
        ]
        if rows:
            statement = insert(metric_labels)
            key = [metric_labels.c.metric_id, metric_labels.c.code]
            mended = statement.on_conflict_do_update(index_elements=key, set_={"text": statement.excluded.text})
            await self._transaction.execute(mended, rows)

    async def _write_type_metrics(self, changes: Sequence[Change]) -> None:
        ids = self._ids[Noun.METRIC] | self._ids[Noun.DERIVED]
        rows = [
            {"machine_type_id": self._ids[Noun.MACHINE_TYPE][change.path], "metric_id": ids[name,]}
            for change in changes
            if change.noun is Noun.MACHINE_TYPE
            for name in sorted(change.after["metrics"])
        ]
        if rows:
            await self._transaction.execute(insert(machine_type_metrics).on_conflict_do_nothing(), rows)

    async def _write_positions(self, changes: Sequence[Change]) -> None:
        """Numbers the machines of every line whose machines are others now, or in another order."""
        numbered = [
            (self._ids[Noun.MACHINE][*change.path, code], position)
            for change in changes
            if change.noun is Noun.LINE
            for position, code in enumerate(change.after["machines"], 1)
        ]
        columns = [sa.cast(list(column), sa.ARRAY(sa.Integer)) for column in zip(*numbered, strict=True)]
        if columns:
            wanted = sa.func.unnest(*columns).table_valued("id", "position").render_derived()
            moved = sa.and_(machines.c.id == wanted.c.id, machines.c.position != wanted.c.position)
            await self._transaction.execute(sa.update(machines).values(position=wanted.c.position).where(moved))

    async def _named(self, noun: Noun) -> list[Row[Any]]:
        return sorted(await self._all(sa.select(_TABLES[noun])), key=lambda row: str(row.name))

    async def _all(self, query: Select[Any]) -> Sequence[Row[Any]]:
        rows: Sequence[Row[Any]] = (await self._transaction.execute(query)).all()
        return rows


_APART = frozenset({"labels", "metrics", "machines"})
_DERIVED = {"every": "interval", "unit": "formula_unit"}
"""Columns of a derived metric: its `unit` is that in which values are told, whether somebody has said it or not."""
# The coarsest tier tells of raw readings that are gone: they go once it holds them, and nothing is kept for longer.
_TO_BE_SCANNED = sa.text(
    """
    SELECT metrics.name, count(*), count(*) FILTER (WHERE EXISTS (
        SELECT FROM readings_6h WHERE readings_6h.series_id = series.id AND readings_6h.bucket < raw.gone_before
    )), raw.gone_before
    FROM metrics JOIN series ON series.metric_id = metrics.id JOIN tiers AS raw ON raw.name = 'RAW'
    WHERE metrics.name = ANY(CAST(:names AS text[]))
    GROUP BY metrics.name, raw.gone_before ORDER BY metrics.name
    """
)
_LINES = sa.select(lines, plants.c.code.label("plant")).join(plants).order_by(lines.c.id)
_MACHINES = (
    sa.select(machines, lines.c.code.label("line"), plants.c.code.label("plant"), machine_types.c.name.label("type"))
    .select_from(machines.join(lines).join(plants).outerjoin(machine_types))
    .order_by(machines.c.line_id, machines.c.position, machines.c.id)
)
