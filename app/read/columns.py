"""Answers in columns: plots, buckets and readings, as arrays that go to the encoder in one piece."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.finality import Revisions, finality_of, revised_at
from app.domain.model import Metric, MetricKind
from app.domain.quality import Quality
from app.domain.tiers import Freshness
from app.store.buckets import Columns

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def milliseconds(times: NDArray[np.generic]) -> Floats:
    """Microseconds as the milliseconds with fractions that clients see."""
    return times.astype(np.int64) / 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """Times in milliseconds since 1970, values with NaN where a gap is, and the worst quality of what was read."""

    unit: str | None
    times: Floats
    values: Floats
    quality: Quality
    tier: str


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Columns of equal length, one entry a bucket that has readings; what nobody looks at is not in `columns`.

    width and now: microseconds.
    """

    unit: str | None
    tier: str
    width: int
    now: int
    metric: Metric | None
    columns: Columns
    freshness: Freshness
    revisions: Revisions

    @property
    def starts(self) -> Floats:
        return milliseconds(self._edges[0])

    @property
    def ends(self) -> Floats:
        return milliseconds(self._edges[1])

    @property
    def count(self) -> Counts:
        """Good and uncertain readings."""
        return self.columns["good"].astype(np.int64) + self.columns["uncertain"].astype(np.int64)

    @property
    def average(self) -> Floats:
        """The mean of the readings; a STATE has none."""
        if self.metric is not None and self.metric.kind is MetricKind.STATE:
            return np.full(len(self.count), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self._measure("sum") / self.count)

    @property
    def minimum(self) -> Floats:
        return self._measure("minimum")

    @property
    def maximum(self) -> Floats:
        return self._measure("maximum")

    @property
    def first(self) -> Floats:
        return self._measure("first")

    @property
    def last(self) -> Floats:
        return self._measure("last")

    @property
    def coverage(self) -> Floats:
        """Received over expected readings, at most 1; of a bucket that is not over, up to now. NaN where none are
        expected: without an interval, and where a bucket that has not begun holds nothing but bad readings."""
        interval = self.metric.interval if self.metric else None
        if interval is None:
            return np.full(len(self.count), np.nan)
        starts, ends = self._edges
        elapsed = (np.minimum(ends, self.now) - starts) / 1e6
        expected = elapsed / interval.total_seconds()
        received = self.count
        most = np.where((received > 0) | (expected > 0), 1.0, np.nan)
        return np.where(expected > received, received / np.maximum(expected, 1e-9), most)

    @property
    def finality(self) -> NDArray[np.int8]:
        """The place of each bucket's finality among all values of that enumeration."""
        return finality_of(*self._edges, self.freshness, self.revisions)

    @property
    def revised_at(self) -> Floats:
        """When a number of each bucket has last changed after it was final; NaN where none has."""
        return revised_at(*self._edges, self.revisions) / 1_000

    @property
    def _edges(self) -> tuple[Counts, Counts]:
        starts = self.columns["start"].astype(np.int64)
        return starts, starts + self.width

    def _measure(self, name: str) -> Floats:
        return self.columns[name].astype(np.float64, copy=False)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Times in milliseconds since 1970, values (NaN for none) and full status codes; the cursor goes on behind them."""

    unit: str | None
    times: Floats
    values: Floats
    statuses: Floats
    end_cursor: str | None
    has_next_page: bool
