"""What an export is of: series named by themselves or by machine, line or plant, with all that names their readings."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from app.domain.model import Machine, MachineId, Series, SeriesId
from app.domain.spans import Span
from app.domain.units import Conversion
from app.errors import BadInput, NotFound
from app.read.plants import PlantReader

MOST_SERIES = 20_000
"""Each takes about a kilobyte while it is exported."""

_SEEN = "Names are those that GraphQL answers to the same token: { machines { edges { node { path } } } }."
_HOW = "Name series=ID, machine=plant/line/machine, line=plant/line or plant=plant; each may be repeated."


Value = TypeVar("Value")


class Wanted(NamedTuple):
    """What is asked for: series by id (as it was given), all series of machines, lines (by path) and plants (by code),
    of these only the metrics named if any are, in a range, and in a unit if one is named."""

    series: Mapping[str, SeriesId]
    machines: Sequence[str]
    lines: Sequence[str]
    plants: Sequence[str]
    metrics: Sequence[str]
    asked: Span
    unit: str | None


class Origin(NamedTuple):
    """What is the same for all readings of a series: machine (path) and metric, or the source where it is unmapped,
    and the unit in which values are shown."""

    machine: str | None
    metric: str | None
    source: str | None
    unit: str | None


class Selected(NamedTuple):
    """A series, what its readings are called, and how its values come into that unit."""

    series: Series
    origin: Origin
    conversion: Conversion


async def selected(plants: PlantReader, wanted: Wanted) -> list[Selected]:
    """Each series once, in the order in which it was asked for, those of a machine by metric.

    BadInput where nothing is named, or too much; NotFound for what is not there or not to be seen.
    """
    if not (wanted.series or wanted.machines or wanted.lines or wanted.plants):
        raise BadInput("An export needs to be told of what.", _HOW)
    ids = list(wanted.series.values())
    alone = _all("series with the id", list(wanted.series), await plants.series_by_id(ids))
    machines = await _machines(plants, wanted)
    found = [each for group in await plants.series_by_machine(list(machines)) for each in group]
    series = {each.id: each for each in [*alone, *_of_metrics(found, wanted, bool(machines))]}
    if len(series) > MOST_SERIES:
        message = f"This export would be of {len(series):,} series; the limit is {MOST_SERIES:,}."
        raise BadInput(message, "Export line by line, or name metrics.")
    elsewhere = list({each.machine_id for each in alone if each.machine_id is not None} - machines.keys())
    machines |= {each.id: each for each in await plants.machines_by_id(elsewhere) if each is not None}
    paths = {number: machine.path for number, machine in machines.items()}
    return [_shown(each, paths.get(each.machine_id) if each.machine_id else None, wanted.unit) for each in
            series.values()]  # fmt: skip


async def _machines(plants: PlantReader, wanted: Wanted) -> dict[MachineId, Machine]:
    """All that are named in one way or another, by id."""
    machines = _all("machine", wanted.machines, await plants.machines_by_path(wanted.machines))
    lines = _all("line", wanted.lines, await plants.lines_by_path(wanted.lines))
    sites = _all("plant", wanted.plants, await plants.plants_by_code(wanted.plants))
    of_lines = await plants.machines_by_line([line.id for line in lines])
    of_plants = await plants.machines_by_plant([plant.id for plant in sites])
    return {each.id: each for group in (machines, *of_lines, *of_plants) for each in group}


def _of_metrics(found: Sequence[Series], wanted: Wanted, machines: bool) -> Sequence[Series]:
    """A name that nothing has is a mistake: an empty file would hide it."""
    if not wanted.metrics:
        return found
    if not machines:
        raise BadInput("metric chooses among the series of machines.", "Name machine=, line= or plant= beside it.")
    kept = [each for each in found if each.metric and each.metric.name in wanted.metrics]
    known = {each.metric.name for each in kept if each.metric}
    for name in wanted.metrics:
        if name not in known:
            raise NotFound(f"None of these machines has the metric {name[:100]!r}.", _SEEN)
    return kept


def _all(kind: str, keys: Sequence[str], values: Sequence[Value | None]) -> list[Value]:
    for key, value in zip(keys, values, strict=True):
        if value is None:
            raise NotFound(f"There is no {kind} {key[:200]!r}.", _SEEN)
    return [value for value in values if value is not None]


def _shown(series: Series, path: str | None, unit: str | None) -> Selected:
    metric = series.metric.name if series.metric else None
    try:
        shown = series.shown_in(unit)
    except BadInput as error:
        name = f"{path} {metric}" if path else series.source
        raise BadInput(f"{name[:300]}: {error.message}", error.hint) from error
    return Selected(series, Origin(path, metric, None if path else series.source, shown.unit), shown.conversion)
