"""What was touched: spans with the series that have changed there, gathered so that little is refreshed in vain."""

from collections.abc import Iterable
from typing import NamedTuple, Self

from app.domain.instants import MINUTE
from app.domain.model import SeriesId
from app.domain.spans import Span, overlapping, widened
from app.domain.tiers import QUARTERS

FIXED = 1_000
"""Minutes of one series that take as long to refresh as what every refresh takes."""
WASTED = 0.5
"""Of what there is to refresh, how much more may be refreshed with it."""
OPEN = 8
"""Of the touches that were gathered last, how many a next one may join."""


class Touch(NamedTuple):
    """What was touched, of which series (None: of all), and the numbers of the notes that say so."""

    span: Span
    series: frozenset[SeriesId] | None = None
    notes: frozenset[int] = frozenset()

    def area(self, everybody: int) -> int:
        """Minutes times series, of which there are so many in all."""
        return (self.span.end - self.span.start) // MINUTE * (everybody if self.series is None else len(self.series))

    def shares_series_with(self, other: Self) -> bool:
        return self.series is None or other.series is None or not self.series.isdisjoint(other.series)

    def with_(self, other: Self) -> Self:
        """One that covers both."""
        series = None if self.series is None or other.series is None else self.series | other.series
        span = Span(min(self.span.start, other.span.start), max(self.span.end, other.span.end))
        return self._replace(span=span, series=series, notes=self.notes | other.notes)


def ripe(touches: Iterable[Touch], young: Iterable[Touch]) -> list[Touch]:
    """Those that share no quarter of an hour of a series with a young one: more is arriving there, and what is
    refreshed too early is refreshed twice, and revised."""
    growing = [(widened(each.span, QUARTERS.width), each) for each in young]
    return [
        touch
        for touch in touches
        if not any(overlapping([span], *touch.span) and touch.shares_series_with(each) for span, each in growing)
    ]


def gathered(touches: Iterable[Touch], everybody: int) -> list[Touch]:
    """Few that cover the given ones, ascending: a late gateway of some series does not make all others be refreshed for
    as long as it was silent."""
    found: list[Touch] = []
    for touch in sorted(touches, key=lambda each: each.span):
        for place in range(len(found) - 1, max(len(found) - OPEN, 0) - 1, -1):
            both = found[place].with_(touch)
            due = found[place].area(everybody) + touch.area(everybody)
            if both.area(everybody) <= due * (1 + WASTED) + FIXED:
                found[place] = both
                break
        else:
            found.append(touch)
    return found
