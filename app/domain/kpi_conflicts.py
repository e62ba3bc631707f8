"""What a change of the plant model must not do to KPIs: leave one that cannot be computed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from app.domain.computations import computed_from
from app.domain.derived import Defined
from app.domain.derived_conflicts import FORMULAS_HOLD, changed_beneath, field_of, formulas_after, metrics_after
from app.domain.formulas import HOW
from app.domain.kpis import names_reached
from app.domain.model_conflicts import Conflict
from app.domain.plant_model import Change, Noun, PlantModel
from app.errors import BadInput


def kpi_conflicts(stored: PlantModel, changes: Sequence[Change]) -> Iterator[Conflict]:
    """Everything about KPIs in the changes that cannot be; what could not be computed before either is left alone."""
    changed = {noun: {c.path[0]: c for c in changes if c.noun is noun} for noun in FORMULAS_HOLD}
    kpis = {path[0]: fields for path, fields in stored.of(Noun.KPI).items()}
    kpis |= {name: change.after for name, change in changed[Noun.KPI].items()}
    if not kpis or not any(changed.values()):
        return
    metrics = metrics_after(stored, changes)
    formulas = formulas_after(stored, changes, Noun.KPI)
    yield from _named_alike(changed, formulas, metrics)
    broken = formulas_after(stored, changes, Noun.DERIVED).keys() - metrics.keys()
    faults = {
        name: _unknown(names_reached([name], formulas) & broken) or _fault(name, fields["unit"], formulas, metrics)
        for name, fields in kpis.items()
    }
    for name, fault in faults.items():
        if fault is None:
            continue
        if name in changed[Noun.KPI]:
            yield Conflict(Noun.KPI, (name,), fault.field, None, fault.error.message, fault.error.hint or HOW)
            continue
        breaking = changed_beneath(name, stored, changes)
        if breaking and not (breaking.noun is Noun.KPI and faults[breaking.path[0]]):
            sentence = f"With this the KPI {name!r} cannot be computed any more: {fault.error.message}"
            yield Conflict(breaking.noun, breaking.path, field_of(breaking), None, sentence, "Change the KPI as well.")


class _Fault(NamedTuple):
    """What is wrong with a KPI, and with which of its fields."""

    error: BadInput
    field: str


def _unknown(broken: Collection[str]) -> _Fault | None:
    if not broken:
        return None
    name = min(broken)
    return _Fault(
        BadInput(f"The formula refers to {name!r}, which cannot be derived.", f"Mend {name!r} first."), "formula"
    )


def _fault(name: str, unit: str | None, formulas: Mapping[str, str], metrics: Mapping[str, Defined]) -> _Fault | None:
    field = "formula"
    try:
        computation = computed_from(name, formulas, metrics)
        field = "unit"
        computation.gives.told_in(unit)
    except BadInput as error:
        return _Fault(error, field)
    return None


def _named_alike(
    changed: Mapping[Noun, Mapping[str, Change]], formulas: Mapping[str, str], metrics: Mapping[str, Defined]
) -> Iterator[Conflict]:
    """In a formula a name means one thing."""
    for noun, others, what in ((Noun.KPI, metrics, "metric"), (Noun.METRIC, formulas, "KPI")):
        for name, change in changed[noun].items():
            both_new = noun is Noun.METRIC and name in changed[Noun.KPI]
            if change.before is None and name in others and not both_new:
                sentence = f"There is a {what} of the name {name!r}, which formulas could mean as well."
                yield Conflict(noun, change.path, "name", None, sentence, "Give one of them another name.")
