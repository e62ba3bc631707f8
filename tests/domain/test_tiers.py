"""Plans: what a tier answers and what raw readings must, so that every instant is counted once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instants import MINUTE, SECOND, microseconds
from app.domain.spans import Span, merged, overlapping
from app.domain.tiers import MOST_RAW_SPANS, ORIGIN, Freshness, Plan, plan_buckets, plan_plot, price

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
STEPS = [1_000, SECOND, 90 * SECOND, MINUTE, 7 * MINUTE, HOUR, 5 * HOUR, DAY, 7 * DAY]

INSTANTS = st.integers(BASE - 40 * DAY, BASE + 40 * DAY)
RANGES = st.builds(
    lambda start, length: Span(start, start + length),
    INSTANTS,
    st.one_of(st.integers(1, 10), st.integers(1, 3 * HOUR), st.integers(1, 60 * DAY)),
)
NOTES = st.lists(
    st.builds(
        lambda at, minutes: Span(at // MINUTE * MINUTE, (at // MINUTE + minutes) * MINUTE),
        INSTANTS,
        st.integers(1, 3_000),
    ),
    max_size=8,
)
FRESH = st.builds(
    lambda watermark, notes: Freshness(watermark // MINUTE * MINUTE, tuple(merged(notes))),
    INSTANTS | st.just(microseconds(datetime(1, 1, 1, tzinfo=UTC))),
    NOTES,
)


def check(plan: Plan, fresh: Freshness) -> None:
    """Every instant once; from the tier only whole minutes that are materialised."""
    parts = sorted([*plan.from_tier, *plan.from_raw])
    assert parts[0].start == plan.start
    assert parts[-1].end == plan.end
    assert all(earlier.end == later.start for earlier, later in zip(parts, parts[1:], strict=False))
    assert len(plan.from_raw) <= MOST_RAW_SPANS
    for span in plan.from_tier:
        assert span.start % MINUTE == span.end % MINUTE == 0
        assert span.end <= fresh.watermark
        assert not overlapping(fresh.touched, *span)
    assert plan.tier == ("PT1M" if plan.width % MINUTE == 0 else "RAW")
    if plan.tier == "RAW":
        assert plan.from_tier == ()


@given(RANGES, st.sampled_from(STEPS), FRESH)
def test_buckets_are_whole_and_their_parts_meet(asked: Span, step: int, fresh: Freshness) -> None:
    plan = plan_buckets(asked, step, fresh)
    check(plan, fresh)
    assert (plan.width, plan.origin) == (step, ORIGIN)
    assert (plan.start - ORIGIN) % step == (plan.end - ORIGIN) % step == 0
    assert plan.start <= asked.start < plan.start + step
    assert plan.end - step < asked.end <= plan.end
    assert plan.steps == (plan.end - plan.start) // step


@given(RANGES, st.integers(1, 4_000), FRESH)
def test_plots_stay_in_their_range_and_within_their_columns(asked: Span, points: int, fresh: Freshness) -> None:
    plan = plan_plot(asked, points, fresh)
    check(plan, fresh)
    assert (plan.start, plan.end) == asked
    assert plan.origin <= asked.start < plan.origin + plan.width
    assert -(-(asked.end - plan.origin) // plan.width) <= points
    wide = -(-(asked.end - asked.start) // points)
    assert plan.width == wide if wide < MINUTE else wide <= plan.width < wide + 2 * MINUTE
    assert plan.tier == ("PT1M" if wide >= MINUTE else "RAW")


@pytest.mark.parametrize(
    ("asked", "step", "fresh", "tier", "raw"),
    [
        ((0, HOUR), MINUTE, (DAY, []), [(0, HOUR)], []),
        ((0, HOUR), MINUTE, (-DAY, []), [], [(0, HOUR)]),
        ((0, HOUR), MINUTE, (20 * MINUTE, []), [(0, 20 * MINUTE)], [(20 * MINUTE, HOUR)]),
        ((1, HOUR - 1), 15 * MINUTE, (DAY, []), [(0, HOUR)], []),
        ((0, HOUR), 90 * SECOND, (DAY, []), [], [(0, HOUR)]),
        ((0, HOUR), MINUTE, (DAY, [(5, 6)]), [(0, 5 * MINUTE), (6 * MINUTE, HOUR)], [(5 * MINUTE, 6 * MINUTE)]),
        ((0, HOUR), HOUR, (30 * MINUTE, [(10, 20), (40, 50)]), [(0, 10 * MINUTE), (20 * MINUTE, 30 * MINUTE)],
         [(10 * MINUTE, 20 * MINUTE), (30 * MINUTE, HOUR)]),
    ],
)  # fmt: skip
def test_edges_of_buckets(
    asked: tuple[int, int],
    step: int,
    fresh: tuple[int, list[tuple[int, int]]],
    tier: list[tuple[int, int]],
    raw: list[tuple[int, int]],
) -> None:
    watermark, minutes = fresh
    notes = tuple(Span(BASE + start * MINUTE, BASE + end * MINUTE) for start, end in minutes)
    plan = plan_buckets(Span(BASE + asked[0], BASE + asked[1]), step, Freshness(BASE + watermark, notes))
    assert [(span.start - BASE, span.end - BASE) for span in plan.from_tier] == tier
    assert [(span.start - BASE, span.end - BASE) for span in plan.from_raw] == raw


def test_many_touched_spans_are_read_raw_together() -> None:
    notes = tuple(Span(BASE + at * MINUTE, BASE + (at + 1) * MINUTE) for at in (1, 3, 20, 22, 40, 59))
    plan = plan_buckets(Span(BASE, BASE + HOUR), MINUTE, Freshness(BASE + DAY, notes))
    assert [((s.start - BASE) // MINUTE, (s.end - BASE) // MINUTE) for s in plan.from_raw] == [
        (1, 4), (20, 23), (40, 41), (59, 60),
    ]  # fmt: skip


def test_edges_of_a_plot_off_the_minute_are_read_raw() -> None:
    asked = Span(BASE + 10 * SECOND, BASE + 2 * HOUR + 20 * SECOND)
    plan = plan_plot(asked, 10, Freshness(BASE + DAY))
    assert (plan.origin, plan.width) == (BASE, 13 * MINUTE)
    assert plan.from_raw == (Span(asked.start, BASE + MINUTE), Span(BASE + 2 * HOUR, asked.end))
    assert plan.from_tier == (Span(BASE + MINUTE, BASE + 2 * HOUR),)
    short = plan_plot(Span(BASE + 1, BASE + 2), 4_000, Freshness(BASE + DAY))
    assert (short.tier, short.width, short.from_raw) == ("RAW", 1, (Span(BASE + 1, BASE + 2),))


def test_the_price_counts_minutes_of_the_tier_and_raw_readings_and_never_more_than_there_are() -> None:
    hour, fresh = Span(BASE, BASE + HOUR), Freshness(BASE + 20 * MINUTE)
    plan, every = plan_buckets(hour, MINUTE, fresh), timedelta(seconds=10)
    assert price(plan, None, 10**9) == 20 + 2_400
    assert price(plan, every, 10**9) == 20 + 240
    assert price(plan, every, 50) == 50
    assert price(plan, timedelta(hours=1), 10**9) == 60, "as many as there are steps"
    assert price(plan_buckets(hour, 1_000, fresh), every, 10**9) == 3_600_000
    assert price(plan_plot(hour, 60, Freshness(BASE + DAY)), every, 10**9) == 60
