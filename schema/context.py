"""What a request carries: who asks, when it was asked, and the loaders that gather its keys."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Generic, TypeVar

import strawberry
from strawberry.dataloader import DataLoader, DefaultCache

from app.change.counters import CounterChange
from app.domain.model import LineId
from app.domain.spans import Span
from app.read.aligned import AlignedSeries, aligned
from app.read.asking import Asking
from schema.outlines import Outlines

Key = TypeVar("Key")
Value = TypeVar("Value")


_Read = Callable[[list[Key]], Awaitable[Sequence[Value | BaseException]]]


def _loader(read: _Read[Key, Value]) -> DataLoader[Key, Value]:
    # Not the loader itself: it would be kept alive by itself, with all that it has answered.
    known: DefaultCache[Key, Value] = DefaultCache()

    async def answered(keys: list[Key]) -> Sequence[Value | BaseException]:
        try:
            return await read(keys)
        except asyncio.CancelledError:
            # Those who wait for a key would wait for ever: a loader hands on exceptions, and this is none.
            for future in filter(None, map(known.get, keys)):
                future.cancel()
            raise

    return DataLoader(answered, cache_map=known)


class _Each(Generic[Key, Value]):
    """A loader of what a request's readers answer, made when it is first asked: most requests need few."""

    def __init__(self, read: Callable[[Asking], _Read[Key, Value]]) -> None:
        self._read = read

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, loaders: "Loaders", _owner: type) -> DataLoader[Key, Value]:
        loader: DataLoader[Key, Value] = _loader(self._read(loaders.asking))
        loaders.__dict__[self._name] = loader
        return loader


class Loaders:
    """One loader a kind of key, named for what it gives and what it takes."""

    plant_by_id = _Each(lambda asking: asking.plants.plants_by_id)
    plant_by_code = _Each(lambda asking: asking.plants.plants_by_code)
    line_by_id = _Each(lambda asking: asking.plants.lines_by_id)
    line_by_path = _Each(lambda asking: asking.plants.lines_by_path)
    lines_by_plant = _Each(lambda asking: asking.plants.lines_by_plant)
    machine_by_id = _Each(lambda asking: asking.plants.machines_by_id)
    machine_by_path = _Each(lambda asking: asking.plants.machines_by_path)
    machines_by_line = _Each(lambda asking: asking.plants.machines_by_line)
    machines_by_plant = _Each(lambda asking: asking.plants.machines_by_plant)
    machine_type_by_id = _Each(lambda asking: asking.plants.machine_types_by_id)
    metrics_by_machine_type = _Each(lambda asking: asking.plants.metrics_by_machine_type)
    series_by_id = _Each(lambda asking: asking.plants.series_by_id)
    series_by_machine = _Each(lambda asking: asking.plants.series_by_machine)
    labels_by_series = _Each(lambda asking: asking.plants.labels_by_series)
    latest_by_group = _Each(lambda asking: asking.plants.latest_by_group)
    plot_by_key = _Each(lambda asking: asking.curves.plots)
    buckets_by_key = _Each(lambda asking: asking.steps.buckets)
    counter_events_by_key = _Each(lambda asking: asking.counters.events)
    readings_by_key = _Each(lambda asking: asking.curves.pages)
    kpi_by_key = _Each(lambda asking: asking.kpis.kpis)

    def __init__(self, asking: Asking) -> None:
        self.asking = asking

    def forget(self) -> None:
        """Lets go of all answers, when they are handed out: what a request is made of refers to itself, and would keep
        them until the next collection of garbage."""
        self.__dict__ = {"asking": self.asking}

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
