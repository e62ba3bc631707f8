"""What a request carries: who asks, when it was asked, and the loaders that gather its keys."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TypeVar

import strawberry
from strawberry.dataloader import DataLoader

from app.change.counters import CounterChange
from app.domain.model import LineId
from app.domain.spans import Span
from app.read.aligned import AlignedSeries, aligned
from app.read.asking import Asking
from app.read.errands import Errands
from schema.outlines import Outlines

Key = TypeVar("Key")
Value = TypeVar("Value")


def _loader(
    errands: Errands, read: Callable[[list[Key]], Awaitable[Sequence[Value | BaseException]]]
) -> DataLoader[Key, Value]:
    async def answered(keys: list[Key]) -> Sequence[Value | BaseException]:
        try:
            # A field that fails may answer the request while others are still being read.
            with errands.joined():
                return await read(keys)
        except asyncio.CancelledError:
            # Those who wait for a key would wait for ever: a loader hands on exceptions, and this is none.
            for future in filter(None, map(loader.cache_map.get, keys)):
                future.cancel()
            raise

    loader = DataLoader(answered)
    return loader


class Loaders:
    """One loader a kind of key, named for what it gives and what it takes."""

    def __init__(self, asking: Asking) -> None:
        loader = partial(_loader, asking.errands)
        plants, curves, steps, counters, kpis = asking.plants, asking.curves, asking.steps, asking.counters, asking.kpis
        self.plant_by_id = loader(plants.plants_by_id)
        self.plant_by_code = loader(plants.plants_by_code)
        self.line_by_id = loader(plants.lines_by_id)
        self.line_by_path = loader(plants.lines_by_path)
        self.lines_by_plant = loader(plants.lines_by_plant)
        self.machine_by_id = loader(plants.machines_by_id)
        self.machine_by_path = loader(plants.machines_by_path)
        self.machines_by_line = loader(plants.machines_by_line)
        self.machines_by_plant = loader(plants.machines_by_plant)
        self.machine_type_by_id = loader(plants.machine_types_by_id)
        self.metrics_by_machine_type = loader(plants.metrics_by_machine_type)
        self.series_by_id = loader(plants.series_by_id)
        self.series_by_machine = loader(plants.series_by_machine)
        self.labels_by_series = loader(plants.labels_by_series)
        self.latest_by_group = loader(plants.latest_by_group)
        self.plot_by_key = loader(curves.plots)
        self.buckets_by_key = loader(steps.buckets)
        self.counter_events_by_key = loader(counters.events)
        self.readings_by_key = loader(curves.pages)
        self.kpi_by_key = loader(kpis.kpis)

    async def aligned(self, line: LineId, metrics: Sequence[str], asked: Span, step: int) -> list[AlignedSeries]:
        """The series of a line's machines, of these metrics."""
        machines = await self.machines_by_line.load(line)
        series = await self.series_by_machine.load_many(machine.id for machine in machines)
        return aligned(zip(machines, series, strict=True), frozenset(metrics), asked, step)


class Context:
    """`now` is taken once a request: every part of an answer sees the same. `variables` are as they were sent."""

    def __init__(
        self,
        asking: Asking,
        changes: CounterChange,
        variables: Mapping[str, object] = MappingProxyType({}),
        outlines: Outlines | None = None,
    ) -> None:
        self.variables = variables
        self.outlines = outlines
        self.viewer = asking.viewer
        self.now = asking.now
        self.plants = asking.plants
        self.pages = asking.pages
        self.kpis = asking.kpis
        self.loaders = Loaders(asking)
        self.changes = changes
        self.moment = asking.moment


Info = strawberry.Info[Context, None]
