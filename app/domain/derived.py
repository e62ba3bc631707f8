"""Derived metrics: formulas whose values are kept as series, in the order in which one needs the other."""

from collections.abc import Container, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from app.domain.computations import Measured, computed_from
from app.domain.kpis import Kpi, KpiDefinition, names_in, names_reached
from app.domain.model import MetricKind
from app.errors import BadInput

DEEPEST_CHAIN = 10
"""Derived metrics that each need the one before: every link costs statements at each turn of the worker."""


class Defined(NamedTuple):
    """What formulas know of a metric."""

    unit: str | None
    kind: MetricKind = MetricKind.GAUGE


class Fault(NamedTuple):
    """Why one cannot be derived, and which of its fields is to blame."""

    error: BadInput
    field: str = "formula"


class Link(NamedTuple):
    """What is computed, and how many derived metrics it goes through, itself included."""

    kpi: Kpi
    rank: int


def chained(
    wanted: Mapping[str, KpiDefinition], kpis: Mapping[str, str], metrics: Mapping[str, Measured]
) -> dict[str, Link | Fault]:
    """Every derived metric, those that others need first. `kpis` are formulas by name; what is derived need not be
    among the metrics."""
    formulas = {**kpis, **{name: each.formula for name, each in wanted.items()}}
    named = {name: sorted(names_in(formula) & formulas.keys()) for name, formula in formulas.items()}
    found: dict[str, Link | Fault] = {}
    order = [name for name in _in_order(named, wanted, found) if name in wanted]
    known: dict[str, Measured] = {name: each for name, each in metrics.items() if name not in wanted}
    for name in order:
        needed = {each: found[each] for each in sorted(names_reached(named[name], kpis) & wanted.keys())}
        found[name] = made = _link(wanted[name], needed, kpis, known)
        if isinstance(made, Link):
            known[name] = Defined(made.kpi.unit)
    return found


def _in_order(
    named: Mapping[str, Iterable[str]], wanted: Container[str], found: dict[str, Link | Fault]
) -> Iterable[str]:
    """Of those that are in no circle; the others that are `wanted` are found to be at fault."""
    left = named
    while True:
        try:
            return tuple(TopologicalSorter(left).static_order())
        except CycleError as error:
            circle: list[str] = error.args[1][:0:-1]
        begins = circle.index(min(circle, key=lambda name: (name not in wanted, name)))
        told = " -> ".join([*circle[begins:], *circle[: begins + 1]])
        error_of_all = BadInput(f"It is made of itself: {told[:300]}.", "Write out one of these formulas.")
        found |= {name: Fault(error_of_all) for name in circle if name in wanted}
        left = {name: [each for each in of if each not in circle] for name, of in left.items() if name not in circle}


def _link(
    wanted: KpiDefinition, needed: Mapping[str, Link | Fault], kpis: Mapping[str, str], known: Mapping[str, Measured]
) -> Link | Fault:
    for name, each in needed.items():
        if isinstance(each, Fault):
            return Fault(BadInput(f"It refers to {name!r}, which cannot be derived.", f"Mend {name!r} first."))
    rank = 1 + max((each.rank for each in needed.values() if isinstance(each, Link)), default=0)
    if rank > DEEPEST_CHAIN:
        sentence = f"It goes through more than {DEEPEST_CHAIN} derived metrics."
        return Fault(BadInput(sentence, "Write out one of the formulas between."))
    try:
        computation = computed_from(wanted.name, {**kpis, wanted.name: wanted.formula}, known)
    except BadInput as error:
        return Fault(error)
    try:
        return Link(Kpi(wanted, computation, *computation.gives.told_in(wanted.unit)), rank)
    except BadInput as error:
        return Fault(error, "unit")
