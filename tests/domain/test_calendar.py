"""Calendar steps: days of 23, 24 and 25 hours, odd offsets, and starts that do not exist or exist twice."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.calendar import CalendarStep, edges, first_instant
from app.domain.instants import instant, microseconds
from app.domain.spans import Span
from app.errors import BadInput

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
         "America/St_Johns", "Pacific/Apia", "Africa/Casablanca"]  # fmt: skip


def told(step: str, zone: str, start: str, end: str, begins: str = "06:00") -> list[str]:
    """The edges of a range, which is in UTC, as clocks in the zone show them."""
    span = Span(*(microseconds(datetime.fromisoformat(each).replace(tzinfo=UTC)) for each in (start, end)))
    found = edges(CalendarStep[step], zone, time.fromisoformat(begins), span)
    return [f"{instant(at).astimezone(ZoneInfo(zone)):%m-%d %H:%M%z}" for at in found.tolist()]


@pytest.mark.parametrize(
    ("step", "zone", "start", "end", "shown"),
    [
        ("DAY", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T12:00",
         ["03-28 00:00+0100", "03-29 00:00+0100", "03-30 00:00+0200"]),
        ("PRODUCTION_DAY", "Europe/Berlin", "2026-10-25T04:59", "2026-10-25T05:01",
         ["10-24 06:00+0200", "10-25 06:00+0100", "10-26 06:00+0100"]),
        ("DAY", "UTC", "2026-03-02T00:00", "2026-03-03T00:00", ["03-02 00:00+0000", "03-03 00:00+0000"]),
        ("WEEK", "Asia/Kathmandu", "2026-03-04T00:00", "2026-03-04T01:00", ["03-02 00:00+0545", "03-09 00:00+0545"]),
        ("MONTH", "America/New_York", "2026-02-28T12:00", "2026-03-31T12:00",
         ["02-01 00:00-0500", "03-01 00:00-0500", "04-01 00:00-0400"]),
        ("HOUR", "Asia/Kolkata", "2026-03-04T00:00", "2026-03-04T01:00",
         ["03-04 05:00+0530", "03-04 06:00+0530", "03-04 07:00+0530"]),
        # In spring the hour from two o'clock is left out; in autumn it is shown twice, and is one step.
        ("HOUR", "Europe/Berlin", "2026-03-29T00:30", "2026-03-29T01:30",
         ["03-29 01:00+0100", "03-29 03:00+0200", "03-29 04:00+0200"]),
        ("HOUR", "Europe/Berlin", "2026-10-24T23:30", "2026-10-25T01:30",
         ["10-25 01:00+0200", "10-25 02:00+0200", "10-25 03:00+0100"]),
        ("HOUR", "Australia/Lord_Howe", "2026-04-04T14:30", "2026-04-04T15:45",
         ["04-05 01:00+1100", "04-05 02:00+1030", "04-05 03:00+1030"]),
    ],
)  # fmt: skip
def test_steps(step: str, zone: str, start: str, end: str, shown: list[str]) -> None:
    assert told(step, zone, start, end) == shown


def test_a_start_that_does_not_exist_moves_to_the_first_instant_that_does() -> None:
    found = told("PRODUCTION_DAY", "Europe/Berlin", "2026-03-28T12:00", "2026-03-30T12:00", "02:30")
    assert found == ["03-28 02:30+0100", "03-29 03:00+0200", "03-30 02:30+0200", "03-31 02:30+0200"]


def test_a_start_that_exists_twice_is_the_first() -> None:
    found = told("PRODUCTION_DAY", "Europe/Berlin", "2026-10-25T02:00", "2026-10-25T03:00", "02:30")
    assert found == ["10-25 02:30+0200", "10-26 02:30+0100"]


@pytest.mark.parametrize(
    ("end", "last"),
    [("2026-10-25T00:30", "10-25 03:00+0100"), ("2026-10-25T01:30", "10-25 03:00+0100"),
     ("2026-10-25T02:00", "10-25 03:00+0100"), ("2026-10-25T02:00:00.000001", "10-25 04:00+0100")],
)  # fmt: skip
def test_a_range_that_ends_within_the_hour_that_exists_twice(end: str, last: str) -> None:
    assert told("HOUR", "Europe/Berlin", "2026-10-24T23:00", end)[-1] == last


def test_a_day_that_was_left_out_by_moving_over_the_date_line_is_no_step() -> None:
    found = told("DAY", "Pacific/Apia", "2011-12-29T12:00", "2011-12-31T12:00")
    assert found == ["12-29 00:00-1000", "12-31 00:00+1400", "01-01 00:00+1400", "01-02 00:00+1400"]


def test_more_steps_than_an_answer_may_have_are_refused() -> None:
    century = Span(microseconds(datetime(1900, 1, 1, tzinfo=UTC)), microseconds(datetime(2000, 1, 1, tzinfo=UTC)))
    with pytest.raises(BadInput, match="more than 100,000 steps"):
        edges(CalendarStep.HOUR, "UTC", time(), century)
    assert len(edges(CalendarStep.DAY, "UTC", time(), century)) == 36_525


@given(
    st.sampled_from(list(CalendarStep)),
    st.sampled_from(ZONES),
    st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None)),
    st.integers(5 * 365, 65 * 365).map(lambda day: datetime.fromtimestamp(day * 86_400 + 1, UTC)),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=70)),
)
def test_steps_meet_cover_the_range_and_begin_when_clocks_say(
    step: CalendarStep, zone: str, begins: time, start: datetime, length: timedelta
) -> None:
    asked = Span(microseconds(start), microseconds(start + length))
    found = edges(step, zone, begins, asked).tolist()
    assert found[0] <= asked.start < found[1]
    assert found[-2] < asked.end <= found[-1]
    assert all(earlier < later for earlier, later in pairwise(found))
    clock = ZoneInfo(zone)
    for at in found:
        shown = instant(at).astimezone(clock).replace(tzinfo=None)
        before = instant(at - 1).astimezone(clock).replace(tzinfo=None)
        if step is CalendarStep.HOUR:
            wanted = shown.replace(minute=0, second=0, microsecond=0)
        else:
            wanted = datetime.combine(shown, begins if step is CalendarStep.PRODUCTION_DAY else time())
        assert shown == wanted or before < wanted < shown, "shown then, or passed by then"
        assert first_instant(shown, clock) == at
