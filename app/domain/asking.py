"""What may be asked: ranges and steps that make sense, and a price for a whole request."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from app.domain.calendar import CalendarStep
from app.domain.instants import microseconds, width
from app.domain.model import SeriesId
from app.domain.spans import Span
from app.errors import BadInput

EARLIEST = microseconds(datetime.fromisoformat("1700-01-01T00:00:00Z"))
LATEST = microseconds(datetime.fromisoformat("2500-01-01T00:00:00Z"))
WEEK = timedelta(weeks=1)
SHORTEST_STEP = timedelta(milliseconds=1)
MOST_POINTS = 4_000

_RANGE_HINT = 'Write {from: "2026-03-01T00:00:00Z", to: "2026-03-02T00:00:00Z"} or {last: "PT8H"}.'


def asked_range(start: datetime | None, end: datetime | None, last: timedelta | None, now: datetime) -> Span:
    """`from` and `to` (now if left out), or `last` up to now; the start is included, the end is not."""
    if last is not None:
        if start is not None or end is not None:
            raise BadInput("A range has either from and to, or last.", _RANGE_HINT)
        if last <= timedelta(0):
            raise BadInput("The duration last must be longer than zero.", _RANGE_HINT)
        span = Span(microseconds(now) - width(last), microseconds(now))
    elif start is None:
        raise BadInput("A range needs a start.", _RANGE_HINT)
    else:
        span = Span(microseconds(start), microseconds(end if end is not None else now))
    if span.start >= span.end:
        raise BadInput("The range ends before it starts, or is empty.", "Exchange from and to, or move them apart.")
    if span.start < EARLIEST or span.end > LATEST:
        raise BadInput("The range reaches outside of the years 1700 to 2500.", _RANGE_HINT)
    return span


def asked_steps(every: timedelta | None, by: CalendarStep | None) -> int | CalendarStep:
    """A fixed step in microseconds, a millisecond to a week, or a step of the calendar; BadInput for both or none."""
    if every is not None and by is None:
        return fixed_step(every)
    if by is not None and every is None:
        return by
    raise BadInput(
        "Buckets have either a fixed step (every) or one of the calendar (by).", "Write every: PT1H, or by: DAY."
    )


def fixed_step(every: timedelta) -> int:
    """In microseconds, from a millisecond to a week."""
    if not SHORTEST_STEP <= every <= WEEK:
        raise BadInput("A fixed step lies between a millisecond and a week.", "Write PT1M, PT15M, PT8H or P1D.")
    return width(every)


def asked_points(points: int) -> int:
    """How many columns a plot may have."""
    if not 1 <= points <= MOST_POINTS:
        hint = "Ask for as many as there are pixels." if points > 0 else "Ask for at least one, or leave points out."
        raise BadInput(f"points: {points} is not between 1 and {MOST_POINTS}.", hint)
    return points


def _none(_: int) -> int:
    return 0


class Bill(NamedTuple):
    """What fields of one kind would touch, and the points (entries of columns) that they would answer: `rows` and
    `points` by how much coarser they are answered than wanted, from 0 to `coarsest`. `hint` says how to ask for less,
    given what is left for them of what there is too much of; there are never more points than rows. Both are asked for
    when it is known how many readings there are of these `series`."""

    rows: Callable[[int], int]
    hint: Callable[[int], str]
    coarsest: int = 0
    points: Callable[[int], int] = _none
    series: Sequence[SeriesId] = ()


@dataclass(slots=True)
class Budget:
    """Rows that one request may touch, and points that it may answer; charged before anything is read."""

    limit: int
    most_points: int = sys.maxsize
    spent: int = 0
    points: int = 0

    def charge(self, bills: Sequence[Bill]) -> int:
        """Pays for all that a request asks at once, and returns how much coarser than wanted it must be answered: no
        more than needed. BadInput with price and limit, and nothing is paid, where the coarsest is still too much."""
        rows, points = [0], [0]
        for coarser in range(max(bill.coarsest for bill in bills) + 1):
            rows = [bill.rows(min(coarser, bill.coarsest)) for bill in bills]
            points = [bill.points(min(coarser, bill.coarsest)) for bill in bills]
            if self.spent + sum(rows) <= self.limit and self.points + sum(points) <= self.most_points:
                self.spent += sum(rows)
                self.points += sum(points)
                return coarser
        if self.spent + sum(rows) > self.limit:
            raise _over(bills, rows, "touch", "rows", self.spent, self.limit)
        raise _over(bills, points, "answer", "points", self.points, self.most_points)


def _over(bills: Sequence[Bill], prices: Sequence[int], what: str, unit: str, spent: int, limit: int) -> BadInput:
    """With a hint for the dearest, beside which the others still fit."""
    price, dearest = spent + sum(prices), max(range(len(bills)), key=prices.__getitem__)
    message = f"This request would {what} {price:,} {unit}; the limit is {limit:,}."
    return BadInput(message, bills[dearest].hint(limit - price + prices[dearest]))


@dataclass(frozen=True, slots=True)
class MachineFilter:
    """What machines to list: codes of plant and line, a type's name, a piece of code, name or path."""

    plant: str | None = None
    line: str | None = None
    type: str | None = None
    search: str | None = None
