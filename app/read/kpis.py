"""KPIs of machines, lines and plants: many keys in, columns out, by as many statements as for one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np

from app.domain.calendar import CalendarStep
from app.domain.calendar_plan import DAYS
from app.domain.filling import Fill
from app.domain.kpis import Kpi, KpiDefinition, kpi, names_reached
from app.domain.model import Line, LineId, Machine, MachineId, MetricKind, Plant, PlantId, Series
from app.domain.spans import Span
from app.domain.tiers import ORIGIN, RAW, SOURCES, Freshness
from app.errors import BadInput
from app.read.columns import Buckets, Counts
from app.read.kpi_columns import Gathering, KpiColumns, KpiInput, finality_over, looked_at
from app.read.moment import Moment
from app.read.plants import PlantReader
from app.read.steps import REVISIONS, BucketKey, StepReader
from app.store.kpis import KpiCatalog
from app.store.series import SeriesCatalog


class Place(NamedTuple):
    """A machine, or a line or plant with all the machines below."""

    kind: type[Machine] | type[Line] | type[Plant]
    id: int
    path: str


class KpiKey(NamedTuple):
    """A KPI of a place: range, and a fixed step (microseconds), one of the calendar, or None for the range as a whole.
    Finality is told where somebody looks at it."""

    place: Place
    name: str
    asked: Span
    step: int | CalendarStep | None
    finality: bool


class _Part(NamedTuple):
    """What one answer is made of: the buckets of each machine by metric, and the machines (paths) left out."""

    kpi: Kpi
    machines: list[dict[str, BucketKey]]
    left_out: list[str]


_SERIES = Mapping[MachineId, Mapping[str, Series]]


class KpiReader:
    """Answers the KPIs of one request, within the scope of who asks."""

    def __init__(
        self,
        catalog: KpiCatalog,
        plants: PlantReader,
        series: SeriesCatalog,
        steps: StepReader,
        moment: Moment,
        scope: PlantId | None,
    ) -> None:
        self._catalog = catalog
        self._plants = plants
        self._series = series
        self._steps = steps
        self._moment = moment
        self._scope = scope

    async def definitions(self) -> list[KpiDefinition]:
        return await self._catalog.definitions()

    async def kpis(self, keys: Sequence[KpiKey]) -> list[KpiColumns | BadInput]:
        """The answer to every key, in key order, or what is wrong with its KPI."""
        kpis = await self._kpis(frozenset(key.name for key in keys))
        below = await self._below(list(dict.fromkeys(key.place for key in keys)))
        series = await self._series_by_machine(below, kpis.values())
        parts: list[_Part | BadInput] = []
        for key in keys:
            made = kpis[key.name]
            parts.append(_part(key, made, below[key.place], series) if isinstance(made, Kpi) else made)
        looked_at_of: dict[BucketKey, frozenset[str]] = {}
        for key, part in zip(keys, parts, strict=True):
            if isinstance(part, _Part):
                _note(key, part, looked_at_of)
        wanted = [each._replace(looked_at=measures) for each, measures in looked_at_of.items()]
        answers = await self._steps.buckets(wanted) if wanted else []
        found = dict(zip(looked_at_of, answers, strict=True))
        fresh = await self._moment.fresh()
        return [
            _columns(key, part, found, fresh, self._moment.now) if isinstance(part, _Part) else part
            for key, part in zip(keys, parts, strict=True)
        ]

    async def _kpis(self, wanted: frozenset[str]) -> dict[str, Kpi | BadInput]:
        definitions = {each.name: each for each in await self._catalog.definitions()}
        formulas = {name: each.formula for name, each in definitions.items()}
        metrics = await self._catalog.metrics_by_name(names_reached(wanted & definitions.keys(), formulas))
        found: dict[str, Kpi | BadInput] = {}
        for name in wanted:
            try:
                found[name] = (
                    kpi(definitions[name], formulas, metrics) if name in definitions else _unknown(name, definitions)
                )
            except BadInput as error:
                found[name] = BadInput(f"The KPI {name!r} cannot be computed. {error.message}", error.hint)
        return found

    async def _below(self, places: Sequence[Place]) -> dict[Place, list[tuple[MachineId, str]]]:
        """Ids and paths of the machines of every place."""
        found = {place: [(MachineId(place.id), place.path)] for place in places if place.kind is Machine}
        lines = [place for place in places if place.kind is Line]
        plants = [place for place in places if place.kind is Plant]
        of_lines = await self._plants.machines_by_line([LineId(place.id) for place in lines]) if lines else []
        of_plants = await self._plants.machines_by_plant([PlantId(place.id) for place in plants]) if plants else []
        for place, machines in zip([*lines, *plants], [*of_lines, *of_plants], strict=True):
            found[place] = [(machine.id, machine.path) for machine in machines]
        return found

    async def _series_by_machine(
        self, below: Mapping[Place, Sequence[tuple[MachineId, str]]], kpis: Iterable[Kpi | BadInput]
    ) -> _SERIES:
        names = {name for each in kpis if isinstance(each, Kpi) for name in each.computation.metrics}
        machines = list({number: None for each in below.values() for number, _ in each})
        found: dict[MachineId, dict[str, Series]] = defaultdict(dict)
        for series in await self._series.of_metrics(self._scope, machines, names):
            if series.machine_id is not None and series.metric is not None:
                found[series.machine_id][series.metric.name] = series
        return found


def _unknown(name: str, known: Iterable[str]) -> BadInput:
    meant = get_close_matches(name[:64], known, 1)
    remedy = f"Did you mean {meant[0]!r}?" if meant else "{ kpis { name } } lists those of the model file."
    return BadInput(f"There is no KPI {name[:100]!r}.", remedy)


def _part(key: KpiKey, made: Kpi, below: Sequence[tuple[MachineId, str]], series: _SERIES) -> _Part:
    """Machines take part that have all the metrics of the formula, in units that convert to those of the metrics."""
    metrics = made.computation.metrics
    machines, left_out = [], []
    for number, path in below:
        found = {name: each for name, each in series.get(number, {}).items() if name in metrics}
        if len(found) == len(metrics) and all(map(_in_its_unit, found.values())):
            machines.append({name: _bucket_key(each, key) for name, each in found.items()})
        else:
            left_out.append(path)
    return _Part(made, machines, left_out)


def _in_its_unit(series: Series) -> bool:
    metric = series.metric
    return metric is not None and (metric.kind is MetricKind.STATE or series.shown.unit == metric.unit)


def _bucket_key(series: Series, key: KpiKey) -> BucketKey:
    if key.step is not None:
        return BucketKey(series, key.asked, key.step, Fill.NONE, frozenset())
    # The range as a whole is one step of its own length that is shifted from its grid.
    length = key.asked.end - key.asked.start
    start = ORIGIN + (key.asked.start - ORIGIN) // length * length
    grid = Span(start, start + length)
    return BucketKey(series, grid, length, Fill.NONE, frozenset(), offset=key.asked.start - start)


def _note(key: KpiKey, part: _Part, wanted: dict[BucketKey, frozenset[str]]) -> None:
    """Adds what an answer looks at in each of its buckets: the same are read once for all KPIs."""
    revisions = frozenset({REVISIONS} if key.finality else ())
    needed = {
        name: revisions | looked_at(each.function for each in part.kpi.computation.inputs if each.metric == name)
        for name in part.kpi.computation.metrics
    }
    for machine in part.machines:
        for name, each in machine.items():
            wanted[each] = wanted.get(each, frozenset()) | needed[name]


def _columns(key: KpiKey, part: _Part, found: Mapping[BucketKey, Buckets], fresh: Freshness, now: int) -> KpiColumns:
    machines = [{name: found[each] for name, each in machine.items()} for machine in part.machines]
    buckets = [each for machine in machines for each in machine.values()]
    starts, ends = _steps(key, buckets)
    inputs = part.kpi.computation.inputs
    gathering = Gathering(inputs, starts, ends, now)
    for machine in machines:
        gathering.add(machine)
    values = gathering.values()
    definition = part.kpi.definition
    return KpiColumns(
        definition.name,
        definition.display_name,
        part.kpi.unit,
        starts,
        ends,
        part.kpi.values(values),
        [KpiInput(each.name, each.unit, values[each]) for each in inputs],
        gathering.machines,
        part.left_out,
        finality_over(buckets, starts, ends, fresh),
        max((each.tier for each in buckets), key=_COARSENESS.__getitem__, default=RAW),
    )


def _steps(key: KpiKey, buckets: Sequence[Buckets]) -> tuple[Counts, Counts]:
    """All starts and ends in which something was read; the range as a whole is there in any case."""
    if key.step is None:
        return np.array([key.asked.start], np.int64), np.array([key.asked.end], np.int64)
    if not buckets:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    starts = np.concatenate([each.columns["start"].astype(np.int64) for each in buckets])
    ends = np.concatenate([each.ends_at for each in buckets])
    unique, first = np.unique(starts, return_index=True)
    return unique, ends[first]


_COARSENESS = {source: place for place, source in enumerate((*SOURCES, DAYS))}
