"""What a request carries: who asks, when it was asked, and the loaders that gather its keys."""

from collections.abc import Sequence

import strawberry
from strawberry.dataloader import DataLoader

from app.change.counters import CounterChange
from app.domain.model import LineId
from app.domain.spans import Span
from app.read.aligned import AlignedSeries, aligned
from app.read.asking import Asking
from app.read.counters import CounterReader
from app.read.curves import CurveReader
from app.read.kpi_columns import KpiColumns
from app.read.kpis import KpiKey, KpiReader
from app.read.plants import PlantReader
from app.read.steps import StepReader


class Loaders:
    """One loader a kind of key, named for what it gives and what it takes."""

    def __init__(
        self, plants: PlantReader, curves: CurveReader, steps: StepReader, counters: CounterReader, kpis: KpiReader
    ) -> None:
        self.plant_by_id = DataLoader(plants.plants_by_id)
        self.plant_by_code = DataLoader(plants.plants_by_code)
        self.line_by_id = DataLoader(plants.lines_by_id)
        self.line_by_path = DataLoader(plants.lines_by_path)
        self.lines_by_plant = DataLoader(plants.lines_by_plant)
        self.machine_by_id = DataLoader(plants.machines_by_id)
        self.machine_by_path = DataLoader(plants.machines_by_path)
        self.machines_by_line = DataLoader(plants.machines_by_line)
        self.machines_by_plant = DataLoader(plants.machines_by_plant)
        self.machine_type_by_id = DataLoader(plants.machine_types_by_id)
        self.metrics_by_machine_type = DataLoader(plants.metrics_by_machine_type)
        self.series_by_id = DataLoader(plants.series_by_id)
        self.series_by_machine = DataLoader(plants.series_by_machine)
        self.labels_by_series = DataLoader(plants.labels_by_series)
        self.latest_by_series = DataLoader(plants.latest_by_series)
        self.plot_by_key = DataLoader(curves.plots)
        self.buckets_by_key = DataLoader(steps.buckets)
        self.counter_events_by_key = DataLoader(counters.events)
        self.readings_by_key = DataLoader(curves.pages)
        self.kpi_by_key: DataLoader[KpiKey, KpiColumns] = DataLoader(kpis.kpis)

    async def aligned(self, line: LineId, metrics: Sequence[str], asked: Span, step: int) -> list[AlignedSeries]:
        """The series of a line's machines, of these metrics."""
        machines = await self.machines_by_line.load(line)
        series = await self.series_by_machine.load_many(machine.id for machine in machines)
        return aligned(zip(machines, series, strict=True), frozenset(metrics), asked, step)


class Context:
    """`now` is taken once a request: every part of an answer sees the same."""

    def __init__(self, asking: Asking, changes: CounterChange) -> None:
        self.viewer = asking.viewer
        self.now = asking.now
        self.plants = asking.plants
        self.pages = asking.pages
        self.kpis = asking.kpis
        self.loaders = Loaders(asking.plants, asking.curves, asking.steps, asking.counters, asking.kpis)
        self.changes = changes


Info = strawberry.Info[Context, None]
