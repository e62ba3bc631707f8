"""Reads the catalog: plants, lines, machines, their types and metrics, many keys to a statement."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Row, Select

from app.domain.asking import MachineFilter
from app.domain.model import (
    Line,
    LineId,
    Machine,
    MachineId,
    MachineType,
    MachineTypeId,
    Metric,
    MetricKind,
    Plant,
    PlantId,
)
from app.store.database import Database
from app.store.keys import one_of
from app.store.tables import lines, machine_type_metrics, machine_types, machines, metrics, plants

LINE_PATH: ColumnElement[str] = plants.c.code + "/" + lines.c.code
MACHINE_PATH: ColumnElement[str] = plants.c.code + "/" + lines.c.code + "/" + machines.c.code
_MACHINES = sa.join(machines, lines, machines.c.line_id == lines.c.id).join(plants, lines.c.plant_id == plants.c.id)


class Catalog:
    """Every method answers within `scope`, the one plant that a token is bound to, or all plants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def plants(self, scope: PlantId | None, after: str | None, limit: int) -> list[Plant]:
        """Plants by code, from the one behind `after` on."""
        query = _plants(scope).order_by(plants.c.code).limit(limit)
        return await self._plants(query.where(plants.c.code > after) if after is not None else query)

    async def plant_count(self, scope: PlantId | None) -> int:
        return await self._count(_plants(scope))

    async def plants_by_id(self, scope: PlantId | None, ids: Sequence[PlantId]) -> list[Plant]:
        return await self._plants(_plants(scope).where(one_of(plants.c.id, ids)))

    async def plants_by_code(self, scope: PlantId | None, codes: Sequence[str]) -> list[Plant]:
        return await self._plants(_plants(scope).where(one_of(plants.c.code, codes)))

    async def lines_by_id(self, scope: PlantId | None, ids: Sequence[LineId]) -> list[Line]:
        return await self._lines(_lines(scope).where(one_of(lines.c.id, ids)))

    async def lines_by_path(self, scope: PlantId | None, paths: Sequence[str]) -> list[Line]:
        return await self._lines(_lines(scope).where(one_of(LINE_PATH, paths)))

    async def lines_by_plant(self, scope: PlantId | None, ids: Sequence[PlantId]) -> list[Line]:
        return await self._lines(_lines(scope).where(one_of(lines.c.plant_id, ids)).order_by(lines.c.id))

    async def machines_by_id(self, scope: PlantId | None, ids: Sequence[MachineId]) -> list[Machine]:
        return await self._machines(_machines(scope).where(one_of(machines.c.id, ids)))

    async def machines_by_path(self, scope: PlantId | None, paths: Sequence[str]) -> list[Machine]:
        return await self._machines(_machines(scope).where(one_of(MACHINE_PATH, paths)))

    async def machines_by_line(self, scope: PlantId | None, ids: Sequence[LineId]) -> list[Machine]:
        """In the order of material flow."""
        query = _machines(scope).where(one_of(machines.c.line_id, ids))
        return await self._machines(query.order_by(machines.c.position, machines.c.id))

    async def machines_by_plant(self, scope: PlantId | None, ids: Sequence[PlantId]) -> list[Machine]:
        query = _machines(scope).where(one_of(lines.c.plant_id, ids))
        return await self._machines(query.order_by(lines.c.id, machines.c.position, machines.c.id))

    async def machines(
        self, scope: PlantId | None, wanted: MachineFilter, after: str | None, limit: int
    ) -> list[Machine]:
        """Machines by path, from the one behind `after` on."""
        query = _filtered(_machines(scope), wanted).order_by(MACHINE_PATH).limit(limit)
        return await self._machines(query.where(after < MACHINE_PATH) if after is not None else query)

    async def machine_count(self, scope: PlantId | None, wanted: MachineFilter) -> int:
        return await self._count(_filtered(_machines(scope), wanted))

    async def machine_types_by_id(self, ids: Sequence[MachineTypeId]) -> list[MachineType]:
        query = sa.select(machine_types.c.id, machine_types.c.name).where(one_of(machine_types.c.id, ids))
        return [MachineType(row.id, row.name) for row in await self._all(query)]

    async def metrics(self) -> list[Metric]:
        """All metrics by name."""
        return [metric_of(row._mapping) for row in await self._all(sa.select(metrics).order_by(metrics.c.name))]

    async def metrics_by_machine_type(self, ids: Sequence[MachineTypeId]) -> list[tuple[MachineTypeId, Metric]]:
        owner = machine_type_metrics.c.machine_type_id
        query = (
            sa.select(owner, *metrics.c)
            .join(metrics, metrics.c.id == machine_type_metrics.c.metric_id)
            .where(one_of(owner, ids))
            .order_by(metrics.c.name)
        )
        return [
            (row.machine_type_id, metric_of({name: row._mapping[name] for name in metrics.c.keys()}))  # noqa: SIM118
            for row in await self._all(query)
        ]

    async def _plants(self, query: Select[tuple[object, ...]]) -> list[Plant]:
        return [
            Plant(row.id, row.code, row.name, row.time_zone, row.production_day_starts, row.attributes)
            for row in await self._all(query)
        ]

    async def _lines(self, query: Select[tuple[object, ...]]) -> list[Line]:
        return [
            Line(row.id, row.plant_id, row.code, row.name, row.path, row.attributes) for row in await self._all(query)
        ]

    async def _machines(self, query: Select[tuple[object, ...]]) -> list[Machine]:
        return [
            Machine(
                row.id, row.plant_id, row.line_id, row.machine_type_id, row.code, row.name, row.path, row.position,
                row.transit, row.attributes,
            )
            for row in await self._all(query)
        ]  # fmt: skip

    async def _all(self, query: Select[tuple[object, ...]]) -> Sequence[Row[tuple[object, ...]]]:
        async with self._database.asking() as connection:
            return (await connection.execute(query)).all()

    async def _count(self, query: Select[tuple[object, ...]]) -> int:
        async with self._database.asking() as connection:
            counted = query.order_by(None).limit(None).subquery()
            return int(await connection.scalar(sa.select(sa.func.count()).select_from(counted)) or 0)


def metric_of(row: Mapping[Any, Any]) -> Metric:
    """A row of `metrics` as the domain sees it."""
    return Metric(**{**row, "kind": MetricKind(row["kind"])})


def _plants(scope: PlantId | None) -> Select[tuple[object, ...]]:
    return _scoped(sa.select(plants), scope)


def _lines(scope: PlantId | None) -> Select[tuple[object, ...]]:
    return _scoped(sa.select(lines, LINE_PATH.label("path")).join(plants, lines.c.plant_id == plants.c.id), scope)


def _machines(scope: PlantId | None) -> Select[tuple[object, ...]]:
    return _scoped(sa.select(machines, lines.c.plant_id, MACHINE_PATH.label("path")).select_from(_MACHINES), scope)


def _scoped(query: Select[tuple[object, ...]], scope: PlantId | None) -> Select[tuple[object, ...]]:
    return query if scope is None else query.where(plants.c.id == scope)


def _filtered(query: Select[tuple[object, ...]], wanted: MachineFilter) -> Select[tuple[object, ...]]:
    if wanted.plant is not None:
        query = query.where(plants.c.code == wanted.plant)
    if wanted.line is not None:
        query = query.where(lines.c.code == wanted.line)
    if wanted.type is not None:
        query = query.where(
            machines.c.machine_type_id.in_(sa.select(machine_types.c.id).where(machine_types.c.name == wanted.type))
        )
    if wanted.search:
        found = [field.icontains(wanted.search, autoescape=True) for field in (MACHINE_PATH, machines.c.name)]
        query = query.where(sa.or_(*found))
    return query
