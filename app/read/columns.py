"""Answers in columns: plots, buckets and readings, as arrays that go to the encoder in one piece."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.counters import Drops, increases
from app.domain.filling import Fill, carried_on, joined_up
from app.domain.finality import NO_REVISIONS, Revisions, finality_of, revised_at
from app.domain.model import Metric, MetricKind
from app.domain.quality import Quality
from app.domain.tiers import Freshness
from app.domain.units import UNCHANGED, Conversion
from app.store.buckets import Columns

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def milliseconds(times: NDArray[np.generic]) -> Floats:
    """Microseconds as the milliseconds with fractions that clients see."""
    return times.astype(np.int64) / 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """Times in milliseconds since 1970, values with NaN where a gap is, and the worst quality of what was read, if that
    was asked for."""

    unit: str | None
    times: Floats
    values: Floats
    quality: Quality
    tier: str


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Columns of equal length, one entry a bucket; what nobody looks at is not in `columns`.

    ends_at and now: microseconds. `columns`, `previous` (the last usable value before the first bucket, NaN for none)
    and `drops` are in the source's unit; `conversion` brings what is answered into `unit`. Times are shown `offset`
    (microseconds) earlier.
    """

    unit: str | None
    tier: str
    ends_at: Counts
    now: int
    metric: Metric | None
    columns: Columns
    freshness: Freshness
    revisions: Revisions = NO_REVISIONS
    fill: Fill = Fill.NONE
    previous: float = math.nan
    drops: Drops | None = None
    conversion: Conversion = UNCHANGED
    offset: int = 0

    @property
    def starts(self) -> Floats:
        return milliseconds(self._starts_at - self.offset)

    @property
    def ends(self) -> Floats:
        return milliseconds(self.ends_at - self.offset)

    @property
    def count(self) -> Counts:
        """Good and uncertain readings."""
        return self.good + self.uncertain

    @property
    def good(self) -> Counts:
        return self.columns["good"].astype(np.int64)

    @property
    def uncertain(self) -> Counts:
        return self.columns["uncertain"].astype(np.int64)

    @property
    def bad(self) -> Counts:
        return self.columns["bad"].astype(np.int64)

    @property
    def worst(self) -> NDArray[np.int8]:
        """The place of the worst quality of each bucket's readings among all values of that enumeration."""
        return np.where(self.bad > 0, 2, np.where(self.uncertain > 0, 1, 0)).astype(np.int8)

    @property
    def average(self) -> Floats:
        """The mean of the readings; a STATE has none."""
        if self.metric is not None and self.metric.kind is MetricKind.STATE:
            return np.full(len(self.ends_at), np.nan)
        if "mean" in self.columns:
            return self._told(self._column("mean"))
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.asarray(self._column("sum") / self.count)
        if self.fill is Fill.LINEAR:
            return self.conversion.values(joined_up(means, self.count > 0, self._starts_at))
        return self._told(means)

    @property
    def minimum(self) -> Floats:
        return self._told(self._column("maximum" if self.conversion.turns else "minimum"))

    @property
    def maximum(self) -> Floats:
        return self._told(self._column("minimum" if self.conversion.turns else "maximum"))

    @property
    def first(self) -> Floats:
        return self._told(self._column("first"))

    @property
    def last(self) -> Floats:
        return self._told(self._column("last"))

    @property
    def coverage(self) -> Floats:
        """Received over expected readings, at most 1; of a bucket that is not over, up to now. NaN where none are
        expected: without an interval, and where a bucket that has not begun holds nothing but bad readings."""
        interval = self.metric.interval if self.metric else None
        if interval is None:
            return np.full(len(self.count), np.nan)
        elapsed = (np.minimum(self.ends_at, self.now) - self._starts_at) / 1e6
        expected = elapsed / interval.total_seconds()
        received = self.count
        most = np.where((received > 0) | (expected > 0), 1.0, np.nan)
        return np.where(expected > received, received / np.maximum(expected, 1e-9), most)

    @property
    def increase(self) -> Floats:
        """What a counter has added, drops accounted for; NaN for what is no counter."""
        if self.metric is None or self.metric.kind is not MetricKind.COUNTER:
            return np.full(len(self.count), np.nan)
        first, last = self._column("first"), self._column("last")
        grown = increases(self._starts_at, self._column("last_at"), first, last, self.previous, self.drops)
        return self.conversion.differences(grown)

    @property
    def finality(self) -> NDArray[np.int8]:
        """The place of each bucket's finality among all values of that enumeration."""
        return finality_of(self._starts_at, self.ends_at, self.freshness, self.revisions)

    @property
    def revised_at(self) -> Floats:
        """When a number of each bucket has last changed after it was final; NaN where none has."""
        return revised_at(self._starts_at, self.ends_at, self.revisions) / 1_000

    @property
    def _starts_at(self) -> Counts:
        return self.columns["start"].astype(np.int64)

    def _column(self, name: str) -> Floats:
        return self.columns[name].astype(np.float64, copy=False)

    def _told(self, values: Floats) -> Floats:
        """In the unit of the answer; where a bucket has no usable readings, the last value before it, if that is to be
        carried on."""
        if self.fill is Fill.PREVIOUS:
            known = self.count > 0
            values = np.where(known, values, carried_on(self._column("last"), known, self.previous))
        return self.conversion.values(values)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Times in milliseconds since 1970, values (NaN for none) and full status codes; the cursor goes on behind them."""

    unit: str | None
    times: Floats
    values: Floats
    statuses: Floats
    end_cursor: str | None
    has_next_page: bool
