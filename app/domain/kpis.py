"""KPIs: what is computed by which formula, and in which unit it is told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.computations import Computation, Floats, Input, Measured, computed, computed_from
from app.domain.formulas import names, parse
from app.domain.units import Conversion
from app.errors import BadInput


@dataclass(frozen=True, slots=True)
class KpiDefinition:
    """A named formula. `unit` (UCUM) is the one of the answer, None for the formula's own."""

    name: str
    display_name: str
    formula: str
    unit: str | None
    description: str | None


class Kpi(NamedTuple):
    """What is computed, and how it is told."""

    definition: KpiDefinition
    computation: Computation
    unit: str | None
    conversion: Conversion

    def values(self, inputs: Mapping[Input, Floats]) -> Floats:
        """A value for each place of the columns; NaN where something is unknown or a denominator is 0."""
        return self.conversion.values(computed(self.computation.steps, inputs))


def kpi(definition: KpiDefinition, formulas: Mapping[str, str], metrics: Mapping[str, Measured]) -> Kpi:
    """BadInput where the formula makes no sense, or is not of its unit."""
    computation = computed_from(definition.name, formulas, metrics)
    return Kpi(definition, computation, *computation.gives.told_in(definition.unit))


def names_reached(wanted: Iterable[str], formulas: Mapping[str, str]) -> set[str]:
    """These names, and all that the formulas of them refer to; one that cannot be read refers to nothing."""
    found: set[str] = set()
    pending = list(wanted)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += names_in(formulas[name]) if name in formulas else ()
    return found


def names_in(formula: str) -> set[str]:
    """What a formula refers to; nothing where it cannot be read."""
    try:
        return names(parse(formula))
    except BadInput:
        return set()
