"""The values of a derived metric: a formula over the aggregates of each step of each machine."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.computations import Floats
from app.domain.counters import Drops, increases
from app.domain.formulas import Function
from app.domain.kpis import Kpi
from app.domain.limits import LARGEST_VALUE
from app.domain.units import Conversion

Columns = Mapping[str, NDArray[np.generic]]
"""Columns of buckets by name, and their `start`; instants are microseconds."""


class Buckets(NamedTuple):
    """Those of one series: in its own unit, with the last usable value before them (NaN for none), its drops, and what
    brings its values into the unit of the metric."""

    columns: Columns
    previous: float
    drops: Drops | None
    conversion: Conversion


class Steps(NamedTuple):
    """Of many machines in a span: a row each, a column a step. NaN where there is no value."""

    values: Floats
    uncertain: NDArray[np.bool_]


def needed(functions: Sequence[Function]) -> frozenset[str]:
    """The columns of buckets that these aggregates are made of."""
    return _ALWAYS.union(*(_NEEDS[function] for function in functions))


def derived_steps(kpi: Kpi, machines: Sequence[Mapping[str, Buckets]], start: int, every: int, count: int) -> Steps:
    """`count` steps from `start` on (microseconds): each has the value that the KPI has there for the machine alone.
    Those that no reading could hold have none."""
    shape = len(machines), count
    inputs = {each: np.full(shape, 0.0 if each.function in _ADDING else np.nan) for each in kpi.computation.inputs}
    takes_part, uncertain = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    for row, machine in enumerate(machines):
        for name, buckets in machine.items():
            place = (buckets.columns["start"].astype(np.int64) - start) // every
            takes_part[row, place] = True
            uncertain[row, place] |= buckets.columns["uncertain"].astype(np.int64) > 0
            for each, values in inputs.items():
                if each.metric == name:
                    values[row, place] = _aggregate(each.function, buckets)
    for each in inputs:
        if each.metric is None:
            inputs[each] = np.full(shape, every / 1e6)
        takes_part &= ~np.isnan(inputs[each])
    values = kpi.values(inputs)
    usable = takes_part & np.isfinite(values) & (np.abs(values) <= LARGEST_VALUE)
    return Steps(np.where(usable, values, np.nan), uncertain)


def _aggregate(function: Function, buckets: Buckets) -> Floats:
    """In the unit of the metric; NaN where a bucket has no usable readings."""
    columns, _, _, conversion = buckets

    def column(name: str) -> Floats:
        return columns[name].astype(np.float64)

    match function:
        case Function.INCREASE:
            starts, last_at = columns["start"].astype(np.int64), column("last_at")
            edges = column("first"), column("last")
            return conversion.differences(increases(starts, last_at, *edges, buckets.previous, buckets.drops))
        case Function.COUNT:
            return column("good") + column("uncertain")
        case Function.MINIMUM | Function.MAXIMUM:
            lowest = (function is Function.MINIMUM) is not conversion.turns
            return conversion.values(column("minimum" if lowest else "maximum"))
        case Function.FIRST | Function.LAST:
            return conversion.values(column(function.value))
    count = column("good") + column("uncertain")
    told = conversion.scale * column("sum") + conversion.offset * count
    if function is Function.SUM:
        return np.nan_to_num(told)
    with np.errstate(invalid="ignore"):
        return np.asarray(told / count)


_ALWAYS = frozenset({"good", "uncertain"})
_ADDING = {Function.INCREASE, Function.SUM, Function.COUNT}
"""Nothing where nothing was read, as with KPIs; everything else is unknown then."""
_NEEDS: Mapping[Function, frozenset[str]] = {
    Function.INCREASE: frozenset({"first", "last", "last_at"}),
    Function.SUM: frozenset({"sum"}),
    Function.AVERAGE: frozenset({"sum"}),
    Function.MINIMUM: frozenset({"minimum", "maximum"}),
    Function.MAXIMUM: frozenset({"minimum", "maximum"}),
    Function.FIRST: frozenset({"first"}),
    Function.LAST: frozenset({"last"}),
    Function.COUNT: frozenset(),
    Function.DURATION: frozenset(),
}
