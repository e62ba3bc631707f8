"""Columns of KPIs: the aggregates of machines put together bucket by bucket, before anything is divided."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.computations import Input
from app.domain.finality import CODES, NO_REVISIONS, Finality, finality_of
from app.domain.formulas import Function
from app.domain.tiers import Freshness
from app.read.columns import Buckets, Counts, Floats, milliseconds


@dataclass(frozen=True, slots=True)
class KpiInput:
    """An aggregate as it is written in formulas, and its value in each bucket, NaN where no machine took part."""

    name: str
    unit: str | None
    value: Floats


@dataclass(frozen=True, slots=True, eq=False)
class KpiColumns:
    """Columns of equal length, one entry a bucket. starts_at, ends_at: microseconds; `machines` is how many took part
    in each, `left_out` (paths) never do. `finality` holds places among all values of that enumeration."""

    name: str
    display_name: str
    unit: str | None
    starts_at: Counts
    ends_at: Counts
    value: Floats
    inputs: list[KpiInput]
    machines: Counts
    left_out: list[str]
    finality: NDArray[np.int8]
    tier: str

    @property
    def starts(self) -> Floats:
        return milliseconds(self.starts_at)

    @property
    def ends(self) -> Floats:
        return milliseconds(self.ends_at)


Machine = Mapping[str, Buckets]
"""The buckets of one machine by metric, all with the same steps."""


class Gathering:
    """Puts machines together over the buckets that start and end so, up to now (all in microseconds)."""

    def __init__(self, inputs: Sequence[Input], starts: Counts, ends: Counts, now: int) -> None:
        self._inputs = inputs
        self._starts = starts
        self._seconds = np.maximum(np.minimum(ends, now) - starts, 0) / 1e6
        self._totals = [_Chosen(len(starts)) if each.function in _CHOOSING else _Added(len(starts)) for each in inputs]
        self.machines = np.zeros(len(starts), np.int64)

    def add(self, machine: Machine) -> None:
        """A machine takes part in the buckets in which something was read of it and no input is unknown: elsewhere it
        could be on one side of a ratio and not on the other."""
        places = {name: np.searchsorted(self._starts, each.columns["start"]) for name, each in machine.items()}
        takes_part = np.zeros(len(self._starts), np.bool_)
        for place in places.values():
            takes_part[place] = True
        found = []
        for each in self._inputs:
            if each.metric is None:
                found.append((self._seconds, self._seconds))
                continue
            values, beside = _column(each.function, machine[each.metric])
            place, missing = places[each.metric], 0.0 if each.function in _ADDING else np.nan
            found.append((self._spread(place, values, missing), self._spread(place, beside, 0.0)))
            takes_part &= ~np.isnan(found[-1][0])
        for total, column in zip(self._totals, found, strict=True):
            total.add(takes_part, *column)
        self.machines += takes_part

    def values(self) -> dict[Input, Floats]:
        """Of each input over all machines that took part; NaN where none did."""
        return {
            each: np.where(self.machines > 0, total.value(each.function), np.nan)
            for each, total in zip(self._inputs, self._totals, strict=True)
        }

    def _spread(self, place: NDArray[np.intp], values: Floats, missing: float) -> Floats:
        if len(values) == len(self._starts):  # no step is missing, as is usual
            return values
        whole = np.full(len(self._starts), missing)
        whole[place] = values
        return whole


class _Added:
    """Sums over machines; an average is one of sums over one of counts."""

    def __init__(self, length: int) -> None:
        self._sum, self._count = np.zeros(length), np.zeros(length)

    def add(self, places: NDArray[np.bool_], values: Floats, counts: Floats) -> None:
        self._sum += np.where(places, values, 0.0)
        self._count += np.where(places, counts, 0.0)

    def value(self, function: Function) -> Floats:
        if function is not Function.AVERAGE:
            return self._sum
        with np.errstate(invalid="ignore"):
            return np.asarray(self._sum / self._count)


class _Chosen:
    """One value of all machines: that with the least beside it."""

    def __init__(self, length: int) -> None:
        self._value, self._least = np.full(length, np.nan), np.full(length, np.inf)

    def add(self, places: NDArray[np.bool_], values: Floats, beside: Floats) -> None:
        better = places & (beside < self._least)
        self._value[better], self._least[better] = values[better], beside[better]

    def value(self, _: Function) -> Floats:
        return self._value


def looked_at(functions: Iterable[Function]) -> frozenset[str]:
    """The measures of buckets that these aggregates are made of."""
    return frozenset(measure for function in functions for measure in _MEASURES[function])


def _column(function: Function, buckets: Buckets) -> tuple[Floats, Floats]:
    """The values of an aggregate, in the unit of the buckets, and what stands beside them."""
    match function:
        case Function.INCREASE:
            return (found := buckets.increase), found
        case Function.COUNT:
            return (found := buckets.count.astype(np.float64)), found
        case Function.MINIMUM:
            return (found := buckets.minimum), found
        case Function.MAXIMUM:
            return (found := buckets.maximum), -found
        case Function.FIRST:
            return buckets.first, buckets.columns["first_at"].astype(np.float64)
        case Function.LAST:
            return buckets.last, -buckets.columns["last_at"].astype(np.float64)
    total, count = buckets.columns["sum"].astype(np.float64), buckets.count.astype(np.float64)
    told = buckets.conversion.scale * total + buckets.conversion.offset * count
    return (np.nan_to_num(told) if function is Function.SUM else told), count


def finality_over(buckets: Iterable[Buckets], starts: Counts, ends: Counts, fresh: Freshness) -> NDArray[np.int8]:
    """The worst of all that a step is made of: PROVISIONAL, then REVISED, then FINAL."""
    codes = finality_of(starts, ends, fresh, NO_REVISIONS)
    for each in buckets:
        if len(each.revisions.starts):
            revised = finality_of(starts, ends, fresh, each.revisions) == CODES[Finality.REVISED]
            codes[revised] = CODES[Finality.REVISED]
    return codes


_ADDING = {Function.INCREASE, Function.SUM, Function.COUNT}
"""Nothing where nothing was read; everything else is unknown then."""
_CHOOSING = {Function.MINIMUM, Function.MAXIMUM, Function.FIRST, Function.LAST}
_MEASURES: Mapping[Function, frozenset[str]] = {
    Function.INCREASE: frozenset({"increase"}),
    Function.SUM: frozenset({"sum"}),
    Function.AVERAGE: frozenset({"sum"}),
    Function.MINIMUM: frozenset({"minimum"}),
    Function.MAXIMUM: frozenset({"maximum"}),
    Function.FIRST: frozenset({"first", "first_at"}),
    Function.LAST: frozenset({"last", "last_at"}),
    Function.COUNT: frozenset(),
    Function.DURATION: frozenset(),
}
