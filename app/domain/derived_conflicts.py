"""What a change of the plant model must not do to derived metrics: leave one that cannot be computed, or is sent."""

from collections.abc import Iterator, Mapping, Sequence

from app.domain.derived import Defined, Fault, Link, chained
from app.domain.formulas import HOW
from app.domain.kpis import KpiDefinition, names_reached
from app.domain.model_conflicts import Conflict
from app.domain.plant_model import Change, Fields, Noun, PlantModel

FORMULAS_HOLD = (Noun.METRIC, Noun.KPI, Noun.DERIVED)
"""What formulas name."""


def derived_conflicts(stored: PlantModel, changes: Sequence[Change]) -> Iterator[Conflict]:
    """Everything about derived metrics in the changes that cannot be; what could not be derived before either is left
    alone."""
    if not any(change.noun in FORMULAS_HOLD for change in changes):
        return
    yield from _named_alike(stored, changes)
    changed = {change.path[0] for change in changes if change.noun is Noun.DERIVED}
    faults = {name: made for name, made in derived_after(stored, changes).items() if isinstance(made, Fault)}
    for name, fault in faults.items():
        told = fault.error.message, fault.error.hint or HOW
        if name in changed:
            yield Conflict(Noun.DERIVED, (name,), fault.field, None, *told)
            continue
        breaking = changed_beneath(name, stored, changes)
        if breaking and not (breaking.noun is Noun.DERIVED and breaking.path[0] in faults):
            sentence = f"With this the derived metric {name!r} cannot be computed any more: {told[0]}"
            remedy = "Change the derived metric as well."
            yield Conflict(breaking.noun, breaking.path, field_of(breaking), None, sentence, remedy)


def derived_after(stored: PlantModel, changes: Sequence[Change]) -> dict[str, Link | Fault]:
    """All derived metrics as they are with the changes."""
    wanted = {
        name: KpiDefinition(name, fields["display_name"], fields["formula"], fields["unit"], fields["description"])
        for name, fields in _after(stored, changes, Noun.DERIVED).items()
    }
    return chained(wanted, formulas_after(stored, changes, Noun.KPI), _sent_after(stored, changes))


def metrics_after(stored: PlantModel, changes: Sequence[Change]) -> dict[str, Defined]:
    """All metrics as they are with the changes, but for those that cannot be derived."""
    links = {name: made for name, made in derived_after(stored, changes).items() if isinstance(made, Link)}
    return {**_sent_after(stored, changes), **{name: Defined(made.kpi.unit) for name, made in links.items()}}


def formulas_after(stored: PlantModel, changes: Sequence[Change], noun: Noun) -> dict[str, str]:
    """Of all KPIs, or of all derived metrics, as they are with the changes."""
    return {name: fields["formula"] for name, fields in _after(stored, changes, noun).items()}


def changed_beneath(name: str, stored: PlantModel, changes: Sequence[Change]) -> Change | None:
    """What was changed of all that a formula is made of."""
    formulas = formulas_after(stored, changes, Noun.KPI) | formulas_after(stored, changes, Noun.DERIVED)
    reached = names_reached([name], formulas)
    found = (c for noun in FORMULAS_HOLD for c in changes if c.noun is noun and c.path[0] in reached)
    return min(found, key=lambda change: (FORMULAS_HOLD.index(change.noun), change.path), default=None)


def field_of(change: Change) -> str:
    """Which field of a change does harm to what is made of it."""
    if change.noun is Noun.KPI or change.before is None:
        return "formula"
    if change.noun is Noun.DERIVED:
        return "formula" if change.before["formula"] != change.after["formula"] else "unit"
    return "kind" if change.before["kind"] is not change.after["kind"] else "unit"


def _named_alike(stored: PlantModel, changes: Sequence[Change]) -> Iterator[Conflict]:
    """In a formula a name means one thing, and what is derived is not sent."""
    sent, kpis = _after(stored, changes, Noun.METRIC), {path[0] for path in stored.of(Noun.KPI)}
    for change in changes:
        name = change.path[0]
        if change.noun is Noun.DERIVED and change.before is None and (name in sent or name in kpis):
            what = "metric whose readings are sent" if name in sent else "KPI"
            sentence = f"There is a {what} of the name {name!r}."
            yield Conflict(change.noun, change.path, "name", None, sentence, "Give the derived metric another name.")
        elif change.noun is Noun.METRIC and change.path in stored.of(Noun.DERIVED):
            sentence = f"The metric {name!r} is a derived one."
            yield Conflict(change.noun, change.path, "name", None, sentence, "Change it under `derived`.")


def _sent_after(stored: PlantModel, changes: Sequence[Change]) -> Mapping[str, Defined]:
    metrics = _after(stored, changes, Noun.METRIC).items()
    return {name: Defined(fields["unit"], fields["kind"]) for name, fields in metrics}


def _after(stored: PlantModel, changes: Sequence[Change], noun: Noun) -> dict[str, Fields]:
    found = {path[0]: fields for path, fields in stored.of(noun).items()}
    return found | {change.path[0]: change.after for change in changes if change.noun is noun}
