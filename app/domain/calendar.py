"""Calendar steps in a plant's time zone: the instants at which hours, days, weeks, months and production days begin."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.domain.instants import instant, microseconds
from app.domain.spans import Span
from app.errors import BadInput

_MIDNIGHT = time()
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MICROSECOND = timedelta(microseconds=1)
MOST_STEPS = 100_000
"""Of one answer: eleven years of hours."""
WHOLE_MINUTES_SINCE = microseconds(datetime(1973, 1, 1, tzinfo=UTC))
"""Liberia was the last to give up an offset with seconds, in 1972: buckets of minutes make every later day."""


class CalendarStep(Enum):
    """Weeks start on Monday; a production day starts when its plant says."""

    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    PRODUCTION_DAY = "PRODUCTION_DAY"


_SHORTEST = {
    CalendarStep.HOUR: timedelta(minutes=30),
    CalendarStep.DAY: timedelta(hours=22),
    CalendarStep.PRODUCTION_DAY: timedelta(hours=22),
    CalendarStep.WEEK: timedelta(days=6),
    CalendarStep.MONTH: timedelta(days=27),
}
_LONGEST = {
    CalendarStep.HOUR: timedelta(hours=3),
    CalendarStep.DAY: timedelta(hours=50),
    CalendarStep.PRODUCTION_DAY: timedelta(hours=50),
    CalendarStep.WEEK: timedelta(days=9),
    CalendarStep.MONTH: timedelta(days=33),
}


def edges(step: CalendarStep, zone: str, production_day_starts: time, asked: Span) -> NDArray[np.int64]:
    """The starts of all steps that overlap the range and the end of the last, in microseconds, ascending.

    A local start that does not exist moves to the first instant that does; one that exists twice is the first of the
    two, so that the hour that is repeated is one step. BadInput for more steps than an answer may have.
    """
    if (asked.end - asked.start) // (_SHORTEST[step] // _MICROSECOND) > MOST_STEPS:
        raise BadInput(f"The range has more than {MOST_STEPS:,} steps.", "Ask for a shorter range or longer steps.")
    clock = ZoneInfo(zone)
    begins = production_day_starts if step is CalendarStep.PRODUCTION_DAY else _MIDNIGHT
    first = (instant(asked.start) - _LONGEST[step]).astimezone(clock).date()
    found: list[int] = []
    for local in _local_starts(step, first, begins):
        at = first_instant(local, clock)
        if not found or at > found[-1]:
            found.append(at)
        if at >= asked.end:
            break
    starts = np.array(found, np.int64)
    return starts[np.searchsorted(starts, asked.start, "right") - 1 :]


def first_instant(local: datetime, clock: ZoneInfo) -> int:
    """The first instant (microseconds) at which clocks show a local time, or have passed it by."""
    early = local.replace(tzinfo=clock, fold=0).astimezone(UTC)
    if early.astimezone(clock).replace(tzinfo=None) == local:
        return microseconds(early)
    low, high = microseconds(local.replace(tzinfo=clock, fold=1).astimezone(UTC)), microseconds(early)
    before = instant(low).astimezone(clock).utcoffset()
    while high - low > 1:  # where the offset changes
        middle = (low + high) // 2
        low, high = (middle, high) if instant(middle).astimezone(clock).utcoffset() == before else (low, middle)
    return high


def _local_starts(step: CalendarStep, first: date, begins: time) -> Iterator[datetime]:
    """Without end, from a step that begins by the first day on."""
    if step is CalendarStep.WEEK:
        first -= timedelta(days=first.weekday())
    if step is CalendarStep.MONTH:
        first = first.replace(day=1)
    at = datetime.combine(first, begins)
    while True:
        yield at
        if step is CalendarStep.HOUR:
            at += _HOUR
        elif step is CalendarStep.WEEK:
            at += 7 * _DAY
        elif step is CalendarStep.MONTH:
            at = (at.replace(day=28) + 4 * _DAY).replace(day=1)
        else:
            at += _DAY


def kept_days(step: CalendarStep, zone: str, production_day_starts: time, since: int, asked: Span) -> NDArray[np.int64]:
    """The edges of the days within the range that the store may keep, as of `since`: days of production for these, of
    the calendar for all others; none for what is shorter than a day."""
    start = max(asked.start, since, WHOLE_MINUTES_SINCE)
    if step is CalendarStep.HOUR or start >= asked.end:
        return np.empty(0, np.int64)
    # A production day that starts at midnight is a day, and is kept as one.
    day = CalendarStep.PRODUCTION_DAY if step is CalendarStep.PRODUCTION_DAY else CalendarStep.DAY
    found = edges(day, zone, production_day_starts, Span(start, asked.end))
    return found[(found >= start) & (found <= asked.end)]
