"""Which tier answers a question, and which spans of it must come from raw readings."""

from datetime import datetime, timedelta
from typing import NamedTuple

from app.domain.instants import MINUTE, microseconds
from app.domain.spans import Span, at_most, merged, overlapping

ORIGIN = microseconds(datetime.fromisoformat("2000-01-03T00:00:00Z"))
"""Fixed steps count from this Monday, as TimescaleDB's time_bucket does."""

MOST_RAW_SPANS = 4
"""Beyond, neighbouring spans are read raw together: each costs a branch of the statement."""

RAW = "RAW"
MINUTES = "PT1M"


class Plan(NamedTuple):
    """How to answer `[start, end)` in steps of `width` counted from `origin`, all in microseconds: the spans that the
    tier answers, and those that raw readings do."""

    tier: str
    start: int
    end: int
    width: int
    origin: int
    from_tier: tuple[Span, ...]
    from_raw: tuple[Span, ...]

    @property
    def steps(self) -> int:
        """How many steps there are, filled or not."""
        return -(-(self.end - self.start) // self.width)


class Freshness(NamedTuple):
    """Behind `watermark` the tier is materialised, except in the `touched` spans."""

    watermark: int
    touched: tuple[Span, ...] = ()


def plan_buckets(asked: Span, width: int, freshness: Freshness) -> Plan:
    """Whole buckets that overlap the range: a bucket has one value whatever range asks for it."""
    start = ORIGIN + (asked.start - ORIGIN) // width * width
    end = ORIGIN - (ORIGIN - asked.end) // width * width
    return _plan(Span(start, end), width, ORIGIN, freshness)


def plan_plot(asked: Span, points: int, freshness: Freshness) -> Plan:
    """At most `points` columns; as soon as a column is a minute wide the tier answers, in columns of whole minutes."""
    width = -(-(asked.end - asked.start) // points)
    if width < MINUTE:
        return _plan(asked, width, asked.start, freshness)
    start = asked.start // MINUTE * MINUTE
    whole = -(-(asked.end - start) // points)
    return _plan(asked, -(-whole // MINUTE) * MINUTE, start, freshness)


def _plan(span: Span, width: int, origin: int, freshness: Freshness) -> Plan:
    if width % MINUTE or (origin - ORIGIN) % MINUTE:
        return Plan(RAW, *span, width, origin, (), (span,))
    raw = at_most(_not_materialised(span, freshness), MOST_RAW_SPANS)
    return Plan(MINUTES, *span, width, origin, tuple(_between(span, raw)), tuple(raw))


def _not_materialised(span: Span, freshness: Freshness) -> list[Span]:
    """Edges off the minute, touched spans, and all behind the watermark."""
    first, last = -(-span.start // MINUTE) * MINUTE, span.end // MINUTE * MINUTE
    parts = [Span(span.start, first), Span(last, span.end), Span(freshness.watermark, span.end), *freshness.touched]
    return merged(overlapping(parts, *span))


def _between(span: Span, holes: list[Span]) -> list[Span]:
    """What is left of the span without the holes."""
    starts = [span.start, *(hole.end for hole in holes)]
    ends = [*(hole.start for hole in holes), span.end]
    return [Span(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def price(plan: Plan, interval: timedelta | None, received: int) -> int:
    """Rows that one series' answer may touch: minutes of the tier and raw readings at the expected interval (one a
    second where none is set), or the steps of the answer if these are more; never more than the series has received."""
    raw = max((interval or timedelta(seconds=1)) // timedelta(microseconds=1), 1)
    minutes = sum(span.end - span.start for span in plan.from_tier) // MINUTE
    readings = sum(span.end - span.start for span in plan.from_raw) // raw
    return min(max(minutes + readings, plan.steps), received)
