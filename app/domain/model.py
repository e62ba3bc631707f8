"""The plant as data: the equipment model (ISA-95), metrics, series and readings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import Enum
from typing import NamedTuple, NewType

from app.domain.quality import Quality, quality_of
from app.domain.units import Shown, conversion, settled
from app.errors import BadInput

PlantId = NewType("PlantId", int)
LineId = NewType("LineId", int)
MachineId = NewType("MachineId", int)
MachineTypeId = NewType("MachineTypeId", int)
MetricId = NewType("MetricId", int)
SeriesId = NewType("SeriesId", int)


class MetricKind(Enum):
    """A GAUGE goes up and down, a COUNTER grows until it resets, a STATE is a code with a label."""

    GAUGE = "GAUGE"
    COUNTER = "COUNTER"
    STATE = "STATE"


@dataclass(frozen=True, slots=True)
class Plant:
    """A site. `production_day_starts` is local time in `time_zone` (IANA)."""

    id: PlantId
    code: str
    name: str
    time_zone: str
    production_day_starts: time
    attributes: Mapping[str, object] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return self.code


@dataclass(frozen=True, slots=True)
class Line:
    """A work centre of the kind production line; `path` is plant/line."""

    id: LineId
    plant_id: PlantId
    code: str
    name: str
    path: str
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Machine:
    """A work unit; `position` orders machines along the flow of material, `transit` is how long it takes to there."""

    id: MachineId
    plant_id: PlantId
    line_id: LineId
    type_id: MachineTypeId | None
    code: str
    name: str
    path: str
    position: int
    transit: timedelta
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MachineType:
    """An equipment class: its machines have the same metrics."""

    id: MachineTypeId
    name: str


@dataclass(frozen=True, slots=True)
class Derivation:
    """How the worker makes the readings of a derived metric: one a step, at its start."""

    formula: str
    every: timedelta


@dataclass(frozen=True, slots=True)
class Metric:
    """A definition. `unit` is a UCUM code; readings are `interval` apart, and silent for longer than `gap` in a gap.

    A derived metric has a `formula`; `formula_unit` is the unit in which it is to be told, None for its own.
    """

    id: MetricId
    name: str
    display_name: str
    unit: str | None
    kind: MetricKind
    interval: timedelta | None
    gap: timedelta | None
    dip_tolerance: float
    modulus: float | None
    description: str | None
    formula: str | None = None
    formula_unit: str | None = None

    @property
    def derived(self) -> Derivation | None:
        """None for a metric whose readings are sent."""
        return None if self.formula is None or self.interval is None else Derivation(self.formula, self.interval)


class PlantCalendar(NamedTuple):
    """By which clocks a plant lives, and when its production day starts; unmapped series live by UTC."""

    time_zone: str = "UTC"
    production_day_starts: time = time()
    kept_since: int | None = None
    """From when on (microseconds) the store keeps the days of a series by these clocks; None where it does not."""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric on one machine, or a source tag that is not mapped yet and then says why in `unmapped_reason`."""

    id: SeriesId
    source: str
    metric: Metric | None
    machine_id: MachineId | None
    plant_id: PlantId | None
    unmapped_reason: str | None
    unit: str | None
    calendar: PlantCalendar = PlantCalendar()

    def __hash__(self) -> int:
        # Part of every key that loaders gather: of all fields it would cost more than what it finds.
        return self.id

    @property
    def shown(self) -> Shown:
        """The metric's unit where the source's converts to it, else the source's; codes of a STATE stay what they
        are."""
        metric = self.metric.unit if self.metric else None
        if self.metric and self.metric.kind is MetricKind.STATE:
            return Shown(self.unit or metric)
        return settled(self.unit, metric)

    def shown_in(self, unit: str | None) -> Shown:
        """The unit that was asked for, if one was; BadInput where readings cannot be told in it."""
        if unit is None:
            return self.shown
        if self.metric and self.metric.kind is MetricKind.STATE:
            raise BadInput("The values of a STATE are codes, which have no unit.", "Leave unit out.")
        source = self.unit or (self.metric.unit if self.metric else None)
        if not source:
            raise BadInput(
                f"Nobody has said in which unit the readings are, so they cannot be told in {unit[:64]!r}.",
                "Leave unit out, or set the unit of the metric in the model file.",
            )
        return Shown(unit, conversion(source, unit))


@dataclass(frozen=True, slots=True)
class Label:
    """The text that a code of a series stands for."""

    code: int
    text: str


class Reading(NamedTuple):
    """Value and quality at an event time; `status` is the full OPC UA code, `text` the label of the value."""

    time: datetime
    value: float | None
    status: int
    text: str | None = None

    @property
    def quality(self) -> Quality:
        return quality_of(self.status)
