"""What may be asked: ranges, steps and sizes that make sense, and a price for a whole request."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.asking import EARLIEST, LATEST, Bill, Budget, asked_points, asked_range, asked_steps
from app.domain.instants import microseconds, width
from app.domain.spans import Span
from app.errors import BadInput

NOW = datetime(2024, 3, 4, 8, 0, 0, 500_000, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST, BEYOND = datetime(1700, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)


def test_ranges_are_from_and_to_or_last_up_to_now() -> None:
    now, hour = microseconds(NOW), 3_600_000_000
    start, end = NOW - 2 * HOUR, NOW - HOUR
    berlin = timezone(timedelta(hours=1))
    assert asked_range(start, end, None, NOW) == Span(now - 2 * hour, now - hour)
    assert asked_range(start.astimezone(berlin), end, None, NOW) == Span(now - 2 * hour, now - hour)
    assert asked_range(start, None, None, NOW) == Span(now - 2 * hour, now)
    assert asked_range(None, None, HOUR, NOW) == Span(now - hour, now)
    assert asked_range(None, None, timedelta(microseconds=1), NOW) == Span(now - 1, now)
    assert asked_range(NOW + HOUR, NOW + 2 * HOUR, None, NOW) == Span(now + hour, now + 2 * hour)
    assert asked_range(FIRST, BEYOND, None, NOW) == Span(EARLIEST, LATEST)


@pytest.mark.parametrize(
    ("start", "end", "last", "message"),
    [
        (None, None, None, "needs a start"),
        (None, NOW, None, "needs a start"),
        (NOW, None, HOUR, "either from and to, or last"),
        (None, NOW, HOUR, "either from and to, or last"),
        (None, None, timedelta(0), "longer than zero"),
        (None, None, -HOUR, "longer than zero"),
        (NOW, None, None, "is empty"),
        (NOW, NOW, None, "is empty"),
        (NOW, NOW - HOUR, None, "ends before it starts"),
        (NOW + HOUR, None, None, "ends before it starts"),
        (FIRST - timedelta(microseconds=1), NOW, None, "1700 to 2500"),
        (NOW, BEYOND + timedelta(microseconds=1), None, "1700 to 2500"),
        (None, None, timedelta.max, "1700 to 2500"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(
    start: datetime | None, end: datetime | None, last: timedelta | None, message: str
) -> None:
    with pytest.raises(BadInput, match=message) as refused:
        asked_range(start, end, last, NOW)
    assert refused.value.hint


INSTANTS = st.none() | st.datetimes(timezones=st.just(UTC))


@given(INSTANTS, INSTANTS, st.none() | st.timedeltas(), st.datetimes(timezones=st.just(UTC)))
def test_any_range_is_a_span_within_the_limits_or_refused(
    start: datetime | None, end: datetime | None, last: timedelta | None, now: datetime
) -> None:
    try:
        span = asked_range(start, end, last, now)
    except BadInput:
        return
    assert EARLIEST <= span.start < span.end <= LATEST
    assert span.end == microseconds(end or now)
    asked = width(last) if last is not None else span.end - microseconds(start or now)
    assert span.end - span.start == asked


def test_steps_from_a_millisecond_to_a_week() -> None:
    assert asked_steps(timedelta(milliseconds=1), None) == 1_000
    assert asked_steps(timedelta(weeks=1), None) == 604_800_000_000
    assert asked_steps(timedelta(seconds=90), None) == 90_000_000
    for step in (timedelta(0), timedelta(microseconds=999), timedelta(weeks=1, microseconds=1), -HOUR):
        with pytest.raises(BadInput, match="between a millisecond and a week"):
            asked_steps(step, None)


def test_points_from_one_to_four_thousand() -> None:
    assert [asked_points(points) for points in (1, 800, 4_000)] == [1, 800, 4_000]
    for points, way in ((0, "at least one"), (-1, "at least one"), (4_001, "as many as there are pixels")):
        with pytest.raises(BadInput, match=f"points: {points} is not between 1 and 4000") as refused:
            asked_points(points)
        assert way in str(refused.value.hint)


def firm(rows: int, hint: str = "Ask for less.") -> Bill:
    return Bill(lambda _: rows, lambda left: f"{hint} {left:,} are left.")


def test_a_request_pays_as_a_whole_and_what_is_refused_costs_nothing() -> None:
    budget = Budget(100)
    assert budget.charge([firm(40), firm(20)]) == 0
    with pytest.raises(BadInput, match=r"would touch 1,070 rows; the limit is 100\.") as refused:
        budget.charge([firm(10, "Less of a."), firm(1_000, "Less of b.")])
    assert refused.value.hint == "Less of b. 30 are left.", "of the dearest, beside which the others still fit"
    assert budget.charge([firm(40)]) == 0
    assert budget.spent == 100
    with pytest.raises(BadInput, match="101 rows"):
        budget.charge([firm(1)])


def test_points_have_a_limit_of_their_own() -> None:
    budget = Budget(1_000, most_points=100)
    wide = firm(400)._replace(points=lambda _: 60)
    assert budget.charge([wide]) == 0
    with pytest.raises(BadInput, match=r"would answer 120 points; the limit is 100\.") as refused:
        budget.charge([wide, firm(10)])
    assert refused.value.hint == "Ask for less. 40 are left."
    with pytest.raises(BadInput, match=r"would touch 1,060 rows; the limit is 1,000\."):
        budget.charge([wide, firm(260)])
    assert (budget.spent, budget.points) == (400, 60)
    plots = Bill(lambda _: 1, lambda _: "", 2, [200, 50, 40].__getitem__)
    assert budget.charge([plots]) == 2, "coarser until it fits"


def test_what_may_be_coarser_is_no_coarser_than_it_must_be() -> None:
    plots = [1_000, 100, 10]
    bill = Bill(plots.__getitem__, lambda left: f"{left:,} are left.", coarsest=2)
    for limit, beside, coarser, spent in (
        (1_000, [], 0, 1_000), (999, [], 1, 100), (1_000, [firm(1)], 1, 101), (110, [firm(50), firm(50)], 2, 110),
    ):  # fmt: skip
        budget = Budget(limit)
        assert budget.charge([bill, *beside]) == coarser
        assert budget.spent == spent
    for beside, price, left in (([], 10, 9), ([firm(5)], 15, 4)):
        with pytest.raises(BadInput, match=rf"would touch {price} rows; the limit is 9\.") as refused:
            Budget(9).charge([bill, *beside])
        assert refused.value.hint == f"{left} are left."
