"""Series of a line as they are seen from its start: each shifted by the time that material takes to its machine."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import NamedTuple

from app.domain.filling import Fill
from app.domain.instants import width
from app.domain.model import Machine, Series
from app.domain.spans import Span
from app.read.steps import BucketKey


class AlignedSeries(NamedTuple):
    """A series, how much later material is at its machine, and what is asked: a range and a step (microseconds)."""

    series: Series
    offset: timedelta
    asked: Span
    step: int

    def key(self, looked_at: frozenset[str]) -> BucketKey:
        """The buckets of which these columns are looked at."""
        return BucketKey(self.series, self.asked, self.step, Fill.NONE, looked_at, offset=width(self.offset))


def aligned(
    machines: Iterable[tuple[Machine, Iterable[Series]]], metrics: Collection[str], asked: Span, step: int
) -> list[AlignedSeries]:
    """The series of these metrics, in the order of the machines and of each one's series."""
    return [
        AlignedSeries(series, machine.transit, asked, step)
        for machine, found in machines
        for series in found
        if series.metric is not None and series.metric.name in metrics
    ]
