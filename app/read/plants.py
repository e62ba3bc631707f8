"""The plant's structure: answers in key order, null or empty where something is not there or not to be seen."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.domain.addresses import is_code
from app.domain.latest import LatestReadings
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
    Series,
    SeriesId,
)
from app.domain.units import UNCHANGED, Conversion
from app.read.remembered import Answers
from app.store.catalog import Catalog
from app.store.series import SeriesCatalog


@dataclass(frozen=True, slots=True, eq=False)
class LatestKey:
    """The latest readings of series, with the texts of their values where somebody looks at them; `conversions` bring
    each into the unit that is shown, and are None where there is nothing to convert."""

    ids: NDArray[np.int32]
    conversions: Sequence[Conversion] | None
    texts: bool

    @classmethod
    def of(cls, series: Sequence[Series], *, texts: bool) -> "LatestKey":
        conversions = [each.shown.conversion for each in series]
        needed = any(each != UNCHANGED for each in conversions)
        return cls(np.array([each.id for each in series], np.int32), conversions if needed else None, texts)


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def remembered(
    read: Callable[["PlantReader", Sequence[Key]], Awaitable[list[Value]]],
) -> Callable[["PlantReader", Sequence[Key]], Awaitable[list[Value]]]:
    """Every key is read once, as long as the catalog stays as it is."""

    async def recalled(reader: "PlantReader", keys: Sequence[Key]) -> list[Value]:
        return await (await reader.known()).each((read, reader.scope), keys, partial(read, reader))

    return recalled


async def nothing() -> Answers:
    """For those who ask once."""
    return Answers()


def _unheeded(_version: int) -> None: ...


class PlantReader:
    """Asks within `scope`: the one plant that the asker's token is bound to, or None for all. `known` is what the
    catalog has answered before, and `seen` is told of which version it is where a statement says so."""

    def __init__(
        self,
        catalog: Catalog,
        series: SeriesCatalog,
        scope: PlantId | None,
        known: Callable[[], Awaitable[Answers]] = nothing,
        seen: Callable[[int], None] = _unheeded,
    ) -> None:
        self._catalog = catalog
        self._series = series
        self.scope = scope
        self.known = known
        self._seen = seen

    @remembered
    async def plants_by_id(self, ids: Sequence[PlantId]) -> list[Plant | None]:
        return one_each(ids, await self._catalog.plants_by_id(self.scope, ids), lambda plant: plant.id)

    @remembered
    async def plants_by_code(self, codes: Sequence[str]) -> list[Plant | None]:
        wanted = [code for code in codes if is_code(code)]
        return one_each(codes, await self._catalog.plants_by_code(self.scope, wanted), lambda plant: plant.code)

    @remembered
    async def lines_by_id(self, ids: Sequence[LineId]) -> list[Line | None]:
        return one_each(ids, await self._catalog.lines_by_id(self.scope, ids), lambda line: line.id)

    @remembered
    async def lines_by_path(self, paths: Sequence[str]) -> list[Line | None]:
        found = await self._catalog.lines_by_path(self.scope, _paths(paths))
        return one_each(paths, found, lambda line: line.path)

    @remembered
    async def lines_by_plant(self, ids: Sequence[PlantId]) -> list[list[Line]]:
        return many_each(ids, await self._catalog.lines_by_plant(self.scope, ids), lambda line: line.plant_id)

    @remembered
    async def machines_by_id(self, ids: Sequence[MachineId]) -> list[Machine | None]:
        return one_each(ids, await self._catalog.machines_by_id(self.scope, ids), lambda machine: machine.id)

    @remembered
    async def machines_by_path(self, paths: Sequence[str]) -> list[Machine | None]:
        found = await self._catalog.machines_by_path(self.scope, _paths(paths))
        return one_each(paths, found, lambda machine: machine.path)

    @remembered
    async def machines_by_line(self, ids: Sequence[LineId]) -> list[list[Machine]]:
        return many_each(ids, await self._catalog.machines_by_line(self.scope, ids), lambda machine: machine.line_id)

    @remembered
    async def machines_by_plant(self, ids: Sequence[PlantId]) -> list[list[Machine]]:
        found = await self._catalog.machines_by_plant(self.scope, ids)
        return many_each(ids, found, lambda machine: machine.plant_id)

    @remembered
    async def machine_types_by_id(self, ids: Sequence[MachineTypeId]) -> list[MachineType | None]:
        return one_each(ids, await self._catalog.machine_types_by_id(ids), lambda kind: kind.id)

    async def metrics(self) -> list[Metric]:
        """All of them, by name."""
        return await (await self.known()).one("metrics", self._catalog.metrics)

    @remembered
    async def metrics_by_machine_type(self, ids: Sequence[MachineTypeId]) -> list[list[Metric]]:
        return grouped(ids, await self._catalog.metrics_by_machine_type(ids))

    @remembered
    async def series_by_id(self, ids: Sequence[SeriesId]) -> list[Series | None]:
        return one_each(ids, await self._series.by_id(self.scope, ids), lambda series: series.id)

    @remembered
    async def series_by_machine(self, ids: Sequence[MachineId]) -> list[list[Series]]:
        """All series of every machine, by metric name."""
        found = await self._series.by_machine(self.scope, ids)
        return many_each(ids, found, lambda series: series.machine_id)

    async def labels_by_series(self, ids: Sequence[SeriesId]) -> list[list[Label]]:
        return grouped(ids, await self._series.labels_by_series(ids))

    async def latest_by_group(self, keys: Sequence[LatestKey]) -> list[LatestReadings]:
        """The newest reading of every series, in the unit that is shown."""
        ids = np.concatenate([key.ids for key in keys])
        found = await self._series.latest_by_series(ids, texts=any(key.texts for key in keys))
        self._seen(found.catalog)
        ends = np.cumsum([len(key.ids) for key in keys]).tolist()
        parts = [found.of(end - len(key.ids), end) for key, end in zip(keys, ends, strict=True)]
        return [
            part if key.conversions is None else part.converted(key.conversions)
            for key, part in zip(keys, parts, strict=True)
        ]


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
