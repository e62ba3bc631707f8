"""What a change of the plant model must not do to KPIs: leave one that cannot be computed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from app.domain.computations import computed_from
from app.domain.formulas import HOW
from app.domain.kpis import names_reached
from app.domain.model import MetricKind
from app.domain.model_conflicts import Conflict
from app.domain.plant_model import Change, Noun, PlantModel
from app.errors import BadInput


class _Metric(NamedTuple):
    kind: MetricKind
    unit: str | None


def kpi_conflicts(stored: PlantModel, changes: Sequence[Change]) -> Iterator[Conflict]:
    """Everything about KPIs in the changes that cannot be; what could not be computed before either is left alone."""
    changed = {noun: {c.path[0]: c for c in changes if c.noun is noun} for noun in (Noun.METRIC, Noun.KPI)}
    kpis = {path[0]: fields for path, fields in stored.of(Noun.KPI).items()}
    kpis |= {name: change.after for name, change in changed[Noun.KPI].items()}
    if not kpis or not any(changed.values()):
        return
    known = {path[0]: fields for path, fields in stored.of(Noun.METRIC).items()}
    known |= {name: change.after for name, change in changed[Noun.METRIC].items()}
    metrics = {name: _Metric(fields["kind"], fields["unit"]) for name, fields in known.items()}
    formulas: dict[str, str] = {name: fields["formula"] for name, fields in kpis.items()}
    yield from _named_alike(changed, formulas, metrics)
    faults = {name: _fault(name, fields["unit"], formulas, metrics) for name, fields in kpis.items()}
    for name, fault in faults.items():
        if fault is None:
            continue
        if name in changed[Noun.KPI]:
            yield Conflict(Noun.KPI, (name,), fault.field, None, fault.error.message, fault.error.hint or HOW)
            continue
        breaking = _breaking(name, formulas, changed)
        if breaking and not (breaking.noun is Noun.KPI and faults[breaking.path[0]]):
            sentence = f"With this the KPI {name!r} cannot be computed any more: {fault.error.message}"
            yield Conflict(breaking.noun, breaking.path, _field(breaking), None, sentence, "Change the KPI as well.")


class _Fault(NamedTuple):
    """What is wrong with a KPI, and with which of its fields."""

    error: BadInput
    field: str


def _fault(name: str, unit: str | None, formulas: Mapping[str, str], metrics: Mapping[str, _Metric]) -> _Fault | None:
    field = "formula"
    try:
        computation = computed_from(name, formulas, metrics)
        field = "unit"
        computation.gives.told_in(unit)
    except BadInput as error:
        return _Fault(error, field)
    return None


def _named_alike(
    changed: Mapping[Noun, Mapping[str, Change]], formulas: Mapping[str, str], metrics: Mapping[str, _Metric]
) -> Iterator[Conflict]:
    """In a formula a name means one thing."""
    for noun, others, what in ((Noun.KPI, metrics, "metric"), (Noun.METRIC, formulas, "KPI")):
        for name, change in changed[noun].items():
            both_new = noun is Noun.METRIC and name in changed[Noun.KPI]
            if change.before is None and name in others and not both_new:
                sentence = f"There is a {what} of the name {name!r}, which formulas could mean as well."
                yield Conflict(noun, change.path, "name", None, sentence, "Give one of them another name.")


def _breaking(name: str, formulas: Mapping[str, str], changed: Mapping[Noun, Mapping[str, Change]]) -> Change | None:
    """What was changed of all that a KPI is made of."""
    reached = sorted(names_reached([name], formulas))
    found = (changed[noun].get(each) for noun in (Noun.METRIC, Noun.KPI) for each in reached)
    return next((change for change in found if change is not None), None)


def _field(change: Change) -> str:
    if change.noun is Noun.KPI or change.before is None:
        return "formula"
    return "kind" if change.before["kind"] is not change.after["kind"] else "unit"
