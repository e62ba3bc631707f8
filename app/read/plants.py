"""The plant's structure: answers in key order, null or empty where something is not there or not to be seen."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from app.domain.addresses import is_code
from app.domain.model import (
    Label,
    Line,
    LineId,
    Machine,
    MachineId,
    MachineType,
    MachineTypeId,
    Metric,
    Plant,
    PlantId,
    Reading,
    Series,
    SeriesId,
)
from app.domain.units import UNCHANGED
from app.store.catalog import Catalog
from app.store.series import SeriesCatalog

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class PlantReader:
    """Asks within `scope`: the one plant that the asker's token is bound to, or None for all."""

    def __init__(self, catalog: Catalog, series: SeriesCatalog, scope: PlantId | None) -> None:
        self._catalog = catalog
        self._series = series
        self._scope = scope

    async def plants_by_id(self, ids: Sequence[PlantId]) -> list[Plant | None]:
        return one_each(ids, await self._catalog.plants_by_id(self._scope, ids), lambda plant: plant.id)

    async def plants_by_code(self, codes: Sequence[str]) -> list[Plant | None]:
        wanted = [code for code in codes if is_code(code)]
        return one_each(codes, await self._catalog.plants_by_code(self._scope, wanted), lambda plant: plant.code)

    async def lines_by_id(self, ids: Sequence[LineId]) -> list[Line | None]:
        return one_each(ids, await self._catalog.lines_by_id(self._scope, ids), lambda line: line.id)

    async def lines_by_path(self, paths: Sequence[str]) -> list[Line | None]:
        found = await self._catalog.lines_by_path(self._scope, _paths(paths))
        return one_each(paths, found, lambda line: line.path)

    async def lines_by_plant(self, ids: Sequence[PlantId]) -> list[list[Line]]:
        return many_each(ids, await self._catalog.lines_by_plant(self._scope, ids), lambda line: line.plant_id)

    async def machines_by_id(self, ids: Sequence[MachineId]) -> list[Machine | None]:
        return one_each(ids, await self._catalog.machines_by_id(self._scope, ids), lambda machine: machine.id)

    async def machines_by_path(self, paths: Sequence[str]) -> list[Machine | None]:
        found = await self._catalog.machines_by_path(self._scope, _paths(paths))
        return one_each(paths, found, lambda machine: machine.path)

    async def machines_by_line(self, ids: Sequence[LineId]) -> list[list[Machine]]:
        return many_each(ids, await self._catalog.machines_by_line(self._scope, ids), lambda machine: machine.line_id)

    async def machines_by_plant(self, ids: Sequence[PlantId]) -> list[list[Machine]]:
        found = await self._catalog.machines_by_plant(self._scope, ids)
        return many_each(ids, found, lambda machine: machine.plant_id)

    async def machine_types_by_id(self, ids: Sequence[MachineTypeId]) -> list[MachineType | None]:
        return one_each(ids, await self._catalog.machine_types_by_id(ids), lambda kind: kind.id)

    async def metrics(self) -> list[Metric]:
        return await self._catalog.metrics()

    async def metrics_by_machine_type(self, ids: Sequence[MachineTypeId]) -> list[list[Metric]]:
        return grouped(ids, await self._catalog.metrics_by_machine_type(ids))

    async def series_by_id(self, ids: Sequence[SeriesId]) -> list[Series | None]:
        return one_each(ids, await self._series.by_id(self._scope, ids), lambda series: series.id)

    async def series_by_machine(self, ids: Sequence[MachineId]) -> list[list[Series]]:
        """All series of every machine, by metric name."""
        found = await self._series.by_machine(self._scope, ids)
        return many_each(ids, found, lambda series: series.machine_id)

    async def labels_by_series(self, ids: Sequence[SeriesId]) -> list[list[Label]]:
        return grouped(ids, await self._series.labels_by_series(ids))

    async def latest_by_series(self, series: Sequence[Series]) -> list[Reading | None]:
        """The newest reading of every series, in the unit that is shown."""
        found = dict(await self._series.latest_by_series([each.id for each in series]))
        return [_told(each, found[each.id]) if each.id in found else None for each in series]


def _told(series: Series, reading: Reading) -> Reading:
    conversion = series.shown.conversion
    return reading if conversion == UNCHANGED else replace(reading, value=conversion.value(reading.value))


def _paths(asked: Iterable[str]) -> list[str]:
    """Those that can be paths at all: the database refuses to look for some characters."""
    return [path for path in asked if all(is_code(code) for code in path.split("/"))]


def one_each(keys: Iterable[Key], values: Iterable[Value], key_of: Callable[[Value], Key]) -> list[Value | None]:
    """The value of every key, in key order."""
    found = {key_of(value): value for value in values}
    return [found.get(key) for key in keys]


def many_each(keys: Sequence[Key], values: Iterable[Value], key_of: Callable[[Value], Key | None]) -> list[list[Value]]:
    """The values of every key, in key order and in the order of the values."""
    found: dict[Key | None, list[Value]] = {key: [] for key in keys}
    for value in values:
        found[key_of(value)].append(value)
    return [found[key] for key in keys]


def grouped(keys: Sequence[Key], pairs: Iterable[tuple[Key, Value]]) -> list[list[Value]]:
    """Pairs of key and value as the values of every key, in key order."""
    return [[value for _, value in pairs] for pairs in many_each(keys, pairs, lambda pair: pair[0])]
