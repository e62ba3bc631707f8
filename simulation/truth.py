"""The buckets in plain Python: slow, obvious, and independent of the service. Times are microseconds."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from math import fsum
from typing import Any, Final
from zoneinfo import ZoneInfo

from simulation.metrics import Kind, Metric

ORIGIN: Final = 946_857_600_000_000
"""Monday 2000-01-03T00:00Z: fixed steps count from here."""
BAD: Final = 0x80000000
NAMES: Final = (
    "starts", "ends", "count", "average", "minimum", "maximum", "first", "last", "coverage", "increase",
)  # fmt: skip

Columns = dict[str, list[Any]]
"""Columns of equal length by the names of the schema, one entry a bucket; `starts` and `ends` in microseconds."""
SpanOf = Callable[[int], tuple[int, int]]
"""Start and end of the bucket that an instant lies in."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def fixed(width: int) -> SpanOf:
    """Steps of one width."""

    def span_of(at: int) -> tuple[int, int]:
        start = at - (at - ORIGIN) % width
        return start, start + width

    return span_of


def days(zone: str, begins: time = time()) -> SpanOf:
    """Calendar days, or production days that begin at another hour, by the clocks of a zone."""
    clock = ZoneInfo(zone)

    def span_of(at: int) -> tuple[int, int]:
        day = (_EPOCH + timedelta(microseconds=at)).astimezone(clock).date() - timedelta(days=1)
        while (end := _instant(day + timedelta(days=1), begins, clock)) <= at:
            day += timedelta(days=1)
        return _instant(day, begins, clock), end

    return span_of


def _instant(day: date, begins: time, clock: ZoneInfo) -> int:
    """The first of two where the clocks show it twice; the first instant after the gap where they never show it."""
    at = datetime.combine(day, begins, clock).astimezone(UTC)
    if at.astimezone(clock).time() != begins:
        after = at.astimezone(clock).utcoffset()
        while (at - timedelta(minutes=1)).astimezone(clock).utcoffset() == after:
            at -= timedelta(minutes=1)
    return (at - _EPOCH) // _MICROSECOND


def buckets(readings: Mapping[int, tuple[float | None, int]], span_of: SpanOf, metric: Metric) -> Columns:
    """Every bucket that has a reading, in the order of time; a value is None where no reading can be used."""
    rows = sorted(readings.items())
    grown = increases(rows, metric) if metric.kind is Kind.COUNTER else {}
    columns: Columns = {name: [] for name in NAMES}
    for start, end, times, values in _groups(rows, span_of):
        columns["starts"].append(start)
        columns["ends"].append(end)
        columns["count"].append(len(values))
        columns["average"].append(fsum(values) / len(values) if values and metric.kind is not Kind.STATE else None)
        columns["minimum"].append(min(values, default=None))
        columns["maximum"].append(max(values, default=None))
        columns["first"].append(values[0] if values else None)
        columns["last"].append(values[-1] if values else None)
        expected = (end - start) / metric.interval if metric.interval else None
        columns["coverage"].append(min(len(values) / expected, 1.0) if expected else None)
        counts = metric.kind is Kind.COUNTER
        columns["increase"].append(fsum(grown[at] for at in times) if counts else None)
    return columns


def increases(rows: list[tuple[int, tuple[float | None, int]]], metric: Metric) -> dict[int, float]:
    """What each usable reading of a counter adds to the usable one before it, by time."""
    found: dict[int, float] = {}
    before: float | None = None
    for at, (value, status) in rows:
        if value is None or status >= BAD:
            continue
        if before is None:
            found[at] = 0.0
        elif value >= before or before - value <= metric.dip_tolerance:
            found[at] = value - before
        elif metric.modulus and value - before + metric.modulus <= metric.modulus / 2:
            found[at] = value - before + metric.modulus
        else:  # it began again at zero
            found[at] = value
        before = value
    return found


def _groups(
    rows: list[tuple[int, tuple[float | None, int]]], span_of: SpanOf
) -> Iterator[tuple[int, int, list[int], list[float]]]:
    """Start and end of each bucket, and times and values of what can be used of it."""
    if not rows:
        return
    start, end = span_of(rows[0][0])
    times: list[int] = []
    values: list[float] = []
    for at, (value, status) in rows:
        if at >= end:
            yield start, end, times, values
            start, end = span_of(at)
            times, values = [], []
        if value is not None and status < BAD:
            times.append(at)
            values.append(value)
    yield start, end, times, values
