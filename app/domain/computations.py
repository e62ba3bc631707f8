"""Computations: formulas with their names looked up and their units checked, as steps over columns."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from app.domain.formulas import (
    DEEPEST,
    QUOTES,
    Elapsed,
    Function,
    Named,
    Number,
    Operation,
    Operator,
    Term,
    at_character,
    parse,
)
from app.domain.model import MetricKind
from app.domain.quantities import PLAIN, SECONDS, Quantity, quantity
from app.errors import BadInput

Floats = NDArray[np.float64]

MOST_STEPS = 400
"""Numbers, aggregates and operations of a formula, with all that it refers to."""


class Measured(Protocol):
    """What formulas know of a metric."""

    @property
    def kind(self) -> MetricKind: ...
    @property
    def unit(self) -> str | None: ...


class Input(NamedTuple):
    """An aggregate of a metric's readings; of no metric for the duration."""

    function: Function
    metric: str | None
    unit: str | None

    @property
    def name(self) -> str:
        """As it is written in formulas."""
        if self.metric is None:
            return f"{self.function.value}()"
        plain = all(part.isidentifier() for part in self.metric.split("."))
        return f"{self.function.value}({self.metric if plain else _quoted(self.metric)})"


Step = Number | Input | Operator


class Computation(NamedTuple):
    """A formula in the order in which it is computed, operands before what is done to them, and what it gives; inputs
    are there once, in the order of the formula."""

    steps: tuple[Step, ...]
    gives: Quantity
    inputs: tuple[Input, ...]
    metrics: frozenset[str]


def computed_from(name: str, formulas: Mapping[str, str], metrics: Mapping[str, Measured]) -> Computation:
    """What the formula of this name says, with other formulas by their names put in their places.

    BadInput, with the place, for names that nothing has, circles, units that do not go together, and the like.
    """
    resolving = _Resolving(formulas, metrics)
    gives = resolving.formula(name, 0)
    inputs = tuple(dict.fromkeys(step for step in resolving.steps if isinstance(step, Input)))
    found = frozenset(each.metric for each in inputs if each.metric is not None)
    if not found:
        raise BadInput("The formula names no metric.", "Write for example: good / total.")
    return Computation(tuple(resolving.steps), gives, inputs, found)


def computed(steps: tuple[Step, ...], inputs: Mapping[Input, Floats]) -> Floats:
    """The value of steps over columns of equal length; NaN for what no number is."""
    stack: list[Floats] = []
    with np.errstate(all="ignore"):
        for step in steps:
            match step:
                case Number(value):
                    stack.append(np.array(value))
                case Input():
                    stack.append(inputs[step])
                case _:
                    right, left = stack.pop(), stack.pop()
                    made = _done(step, left, right)
                    # Not at the end: one over infinity would look like a number.
                    stack.append(np.where(np.isfinite(made), made, np.nan))
    return stack.pop()


def _done(operator: Operator, left: Floats, right: Floats) -> Floats:
    match operator:
        case Operator.ADD:
            return np.asarray(left + right)
        case Operator.SUBTRACT:
            return np.asarray(left - right)
        case Operator.MULTIPLY:
            return np.asarray(left * right)
    return np.asarray(left / right)


_TAKES = {
    Function.INCREASE: {MetricKind.COUNTER},
    Function.SUM: {MetricKind.GAUGE},
    Function.AVERAGE: {MetricKind.GAUGE},
    Function.COUNT: set(MetricKind),
}
_TAKES_ELSE = {MetricKind.GAUGE, MetricKind.COUNTER}
_BARE = {MetricKind.COUNTER: Function.INCREASE, MetricKind.GAUGE: Function.AVERAGE}
_READ_OFF = {Function.AVERAGE, Function.MINIMUM, Function.MAXIMUM, Function.FIRST, Function.LAST}


class _Resolving:
    """Puts together the steps of one formula; `within` are the formulas that it is in the midst of."""

    def __init__(self, formulas: Mapping[str, str], metrics: Mapping[str, Measured]) -> None:
        self._formulas = formulas
        self._metrics = metrics
        self._within: list[str] = []
        self.steps: list[Step] = []

    def formula(self, name: str, depth: int) -> Quantity:
        if name in self._within:
            circle = " -> ".join([*self._within[self._within.index(name) :], name])
            raise BadInput(f"The KPI {name!r} is made of itself: {circle[:300]}.", "Write out one of these formulas.")
        self._within.append(name)
        try:
            term = parse(self._formulas[name])
        except BadInput as error:
            raise BadInput(self._told(error.message), error.hint) from error
        gives = self._term(term, depth)
        self._within.pop()
        return gives

    def _term(self, term: Term, depth: int) -> Quantity:
        if depth > DEEPEST:
            raise BadInput(
                f"The formula and those that it refers to nest more than {DEEPEST} deep.", "Refer to fewer KPIs."
            )
        match term:
            case Number():
                return self._add(term, PLAIN)
            case Elapsed():
                return self._add(Input(Function.DURATION, None, "s"), SECONDS)
            case Named(name, None) if name in self._formulas:
                return self.formula(name, depth + 1)
            case Named():
                return self._named(term)
            case Operation():
                return self._operation(term, depth)

    def _add(self, step: Step, gives: Quantity) -> Quantity:
        if len(self.steps) == MOST_STEPS:
            raise BadInput(
                f"The formula and those that it refers to have more than {MOST_STEPS} parts.", "Write a shorter one."
            )
        self.steps.append(step)
        return gives

    def _named(self, term: Named) -> Quantity:
        metric = self._metrics.get(term.name)
        if metric is None:
            known = [*self._metrics, *([] if term.function else self._formulas)]
            meant = get_close_matches(term.name[:64], known, 1)
            what = "metric" if term.function else "metric or KPI"
            remedy = f"Did you mean {meant[0]}?" if meant else QUOTES
            raise self._wrong(term.at, f"names {term.name[:100]!r}, and there is no such {what}", remedy)
        function = term.function or _BARE.get(metric.kind)
        if function is None:
            raise self._wrong(term.at, f"names {term.name!r}, which is a STATE: its values are codes",
                              "Only count() of a STATE is a number.")  # fmt: skip
        if metric.kind not in (takes := _TAKES.get(function, _TAKES_ELSE)):
            kinds = " or ".join(sorted(kind.value for kind in takes))
            raise self._wrong(term.at, f"takes {function.value}() of {term.name!r}, which is a {metric.kind.value}",
                              f"It is taken of a {kinds}.")  # fmt: skip
        if function is Function.COUNT:
            return self._add(Input(function, term.name, None), PLAIN)
        gives = quantity(metric.unit, absolute=function in _READ_OFF)
        return self._add(Input(function, term.name, metric.unit), gives)

    def _operation(self, term: Operation, depth: int) -> Quantity:
        left = self._term(term.left, depth + 1)
        begins = len(self.steps)
        right = self._term(term.right, depth + 1)
        factor = 1.0
        try:
            match term.operator:
                case Operator.MULTIPLY:
                    gives = left.times(right)
                case Operator.DIVIDE:
                    gives = left.times(right, -1)
                case Operator.ADD:
                    gives, factor = left.plus(right)
                case Operator.SUBTRACT:
                    gives, factor = left.plus(right, -1)
        except BadInput as error:
            raise self._wrong(term.at, error.message, error.hint or "") from error
        if term.operator is Operator.DIVIDE and not _becomes(tuple(self.steps[begins:])):
            raise self._wrong(term.at, "divides by 0, whatever is measured", "Divide by something else.")
        if factor != 1:
            self._add(Number(factor), right)
            self._add(Operator.MULTIPLY, right)
        return self._add(term.operator, gives)

    def _wrong(self, at: int, sentence: str, remedy: str) -> BadInput:
        return BadInput(self._told(f"The formula {sentence} {at_character(at)}."), remedy)

    def _told(self, sentence: str) -> str:
        """With the KPI in whose formula it is, where that is another one than was asked for."""
        return f"In the KPI {self._within[-1]!r}, to which it refers: {sentence}" if self._within[1:] else sentence


def _becomes(divisor: tuple[Step, ...]) -> bool:
    """Whether a divisor may be anything but 0."""
    if any(isinstance(step, Input) for step in divisor):
        return True
    return bool(np.abs(computed(divisor, {})) > 0)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
