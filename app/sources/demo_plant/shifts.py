"""The weekly calendar of the demo plant's lines: when people work, when they pause, and how fast a line then runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.domain.instants import instant, microseconds

MONDAY_TO_THURSDAY = range(4)
FRIDAY = range(4, 5)


class Shift(NamedTuple):
    """Hours of local time on some weekdays (Monday is 0); `pace` is a share of the nominal one."""

    weekdays: range
    begins: float
    ends: float
    pace: float
    pauses: tuple[tuple[float, float], ...]
    """Hours after the beginning, and how many hours it lasts."""


class Stretch(NamedTuple):
    """A shift on one day: `[start, end)` in microseconds, and its pauses alike."""

    start: int
    end: int
    pace: float
    pauses: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Week:
    """A production week: from the Monday's start of the production day to the next one's, in microseconds."""

    monday: date
    start: int
    end: int


_EARLY_PAUSES = ((2.75, 0.25), (5.0, 0.5))
_LATE_PAUSES = ((3.0, 0.5), (5.75, 0.25))
_EARLY = (
    Shift(MONDAY_TO_THURSDAY, 6, 14, 1.0, _EARLY_PAUSES),
    Shift(FRIDAY, 6, 14, 1.0, _EARLY_PAUSES),
)
_LATE = (
    Shift(MONDAY_TO_THURSDAY, 14, 22, 0.84, _LATE_PAUSES),
    Shift(FRIDAY, 14, 19.5, 0.84, ((2.5, 0.5),)),
)
_SHORT_NIGHT = (Shift(MONDAY_TO_THURSDAY, 22, 26, 0.62, ((2.0, 0.25),)),)

# Somebody who tries the demo on a Sunday night wants to see machines that run; the
# pause before Monday lets them cool, for every week starts cold.
_AROUND_THE_CLOCK = (
    Shift(range(7), 6, 14, 1.0, _EARLY_PAUSES),
    Shift(range(7), 14, 22, 0.92, _LATE_PAUSES),
    Shift(range(6), 22, 30, 0.84, _LATE_PAUSES),
)

SHIFTS: Mapping[str, tuple[Shift, ...]] = {
    "press": _AROUND_THE_CLOCK,
    "paint": _EARLY + _LATE + _SHORT_NIGHT,
    "assembly": _EARLY + _LATE,
}
"""By the code of the line; on Saturdays and Sundays only the presses work."""


def week_at(moment: int, zone: ZoneInfo, day_starts: time) -> Week:
    """The production week that a time in microseconds lies in."""
    local = instant(moment).astimezone(zone)
    day = local.date() if local.time() >= day_starts else local.date() - timedelta(days=1)
    monday = day - timedelta(days=day.weekday())
    following = monday + timedelta(days=7)
    start, end = (microseconds(datetime.combine(day, day_starts, zone)) for day in (monday, following))
    return Week(monday, start, end)


def stretches(line: str, week: Week, zone: ZoneInfo) -> list[Stretch]:
    """The shifts of a line in a week, in the order of the calendar."""
    worked = [
        _on_day(shift, week.monday + timedelta(days=weekday), zone)
        for shift in SHIFTS[line]
        for weekday in shift.weekdays
    ]
    return sorted(worked)


def _on_day(shift: Shift, day: date, zone: ZoneInfo) -> Stretch:
    midnight = datetime.combine(day, time(), zone)

    def at(hour: float) -> int:
        return microseconds(midnight + timedelta(hours=hour))

    pauses = tuple((at(shift.begins + after), at(shift.begins + after + lasts)) for after, lasts in shift.pauses)
    return Stretch(at(shift.begins), at(shift.ends), shift.pace, pauses)
