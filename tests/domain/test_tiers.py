"""Plans: what a tier answers and what raw readings must, so that every instant is counted once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instants import MINUTE, SECOND, microseconds
from app.domain.spans import Span, merged, overlapping
from app.domain.tiers import MOST_SPANS, ORIGIN, RAW, TIERS, Freshness, Plan, plan_buckets, plan_plot, price

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
STEPS = [1_000, SECOND, 90 * SECOND, MINUTE, 7 * MINUTE, 15 * MINUTE, HOUR, 5 * HOUR, 6 * HOUR, DAY, 7 * DAY]

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
    Freshness.at,
    (INSTANTS | st.just(microseconds(datetime(1, 1, 1, tzinfo=UTC)))).map(lambda at: at // MINUTE * MINUTE),
    NOTES.map(merged),
)
WIDTHS = {tier.name: tier.width for tier in TIERS}


def check(plan: Plan, fresh: Freshness) -> None:
    """Every instant once; from a tier only whole buckets that are materialised, and fit the steps."""
    parts = sorted(plan.parts, key=lambda part: part.span)
    assert parts[0].span.start == plan.start
    assert parts[-1].span.end == plan.end
    assert all(earlier.span.end == later.span.start for earlier, later in zip(parts, parts[1:], strict=False))
    assert len(of(plan, RAW)) <= MOST_SPANS
    assert len(parts) <= 1 + MOST_SPANS * 2 * len(TIERS)
    for tier, watermark in zip(TIERS, fresh.watermarks, strict=True):
        for span in of(plan, tier.name):
            assert span.start % tier.width == span.end % tier.width == 0
            assert span.end <= watermark
            assert not overlapping(fresh.touched, *span)
            assert plan.width % tier.width == (plan.origin - ORIGIN) % tier.width == 0
    assert plan.tier == max((each for each in WIDTHS if fits(plan, WIDTHS[each])), key=WIDTHS.__getitem__, default=RAW)


def fits(plan: Plan, width: int) -> bool:
    return plan.width % width == (plan.origin - ORIGIN) % width == 0


def of(plan: Plan, source: str) -> list[Span]:
    return [span for each, span in plan.parts if each == source]


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
    grain = max((width for width in WIDTHS.values() if width <= wide), default=None)
    if grain is None:
        assert (plan.tier, plan.width) == (RAW, wide)
    else:
        assert WIDTHS[plan.tier] >= grain
        assert wide <= plan.width < wide + 2 * grain


@given(RANGES, st.integers(1, 4_000), FRESH, st.integers(0, len(TIERS)))
def test_plots_that_must_be_cheaper_come_from_a_coarser_tier(
    asked: Span, points: int, fresh: Freshness, finest: int
) -> None:
    plan, wanted = plan_plot(asked, points, fresh, finest), plan_plot(asked, points, fresh)
    check(plan, fresh)
    assert -(-(asked.end - plan.origin) // plan.width) <= points
    assert list(WIDTHS).index(plan.tier) >= finest - 1 if finest else plan == wanted
    assert plan.width >= wanted.width


@pytest.mark.parametrize(
    ("asked", "step", "fresh", "tier", "raw"),
    [
        ((0, HOUR), MINUTE, (DAY, []), [(0, HOUR)], []),
        ((0, HOUR), MINUTE, (-DAY, []), [], [(0, HOUR)]),
        ((0, HOUR), MINUTE, (20 * MINUTE, []), [(0, 20 * MINUTE)], [(20 * MINUTE, HOUR)]),
        ((1, HOUR - 1), 12 * MINUTE, (DAY, []), [(0, HOUR)], []),
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
    plan = plan_buckets(Span(BASE + asked[0], BASE + asked[1]), step, Freshness.at(BASE + watermark, notes))
    found = {source: [(s.start - BASE, s.end - BASE) for s in of(plan, source)] for source in ("PT1M", RAW)}
    assert found == {"PT1M": tier, RAW: raw}


def test_a_week_comes_from_every_tier_around_a_note_and_behind_the_watermarks() -> None:
    """Monday to Monday; the watermark stands on Thursday at 13:52, and two minutes of Tuesday are touched."""
    monday = microseconds(datetime(2024, 3, 4, tzinfo=UTC))
    at = monday + 3 * DAY + 13 * HOUR + 52 * MINUTE
    touched = Span(monday + DAY + 7 * HOUR + 20 * MINUTE, monday + DAY + 7 * HOUR + 22 * MINUTE)
    plan = plan_buckets(Span(monday, monday + 7 * DAY), 7 * DAY, Freshness.at(at, [touched]))

    def hours(source: str) -> list[tuple[float, float]]:
        return [((span.start - monday) / HOUR, (span.end - monday) / HOUR) for span in sorted(of(plan, source))]

    assert hours(RAW) == [(24 + 7 + 20 / 60, 24 + 7 + 22 / 60), (72 + 13 + 52 / 60, 168)]
    assert hours("PT1M") == [(31.25, 31 + 20 / 60), (31 + 22 / 60, 31.5), (85.75, 72 + 13 + 52 / 60)]
    assert hours("PT15M") == [(31, 31.25), (31.5, 32), (85, 85.75)]
    assert hours("PT1H") == [(30, 31), (32, 36), (84, 85)]
    assert hours("PT6H") == [(0, 30), (36, 84)]


def test_many_touched_spans_are_read_together() -> None:
    notes = tuple(Span(BASE + at * MINUTE, BASE + (at + 1) * MINUTE) for at in (1, 3, 20, 22, 40, 59))
    plan = plan_buckets(Span(BASE, BASE + HOUR), MINUTE, Freshness.at(BASE + DAY, notes))
    assert [((s.start - BASE) // MINUTE, (s.end - BASE) // MINUTE) for s in of(plan, RAW)] == [
        (1, 4), (20, 23), (40, 41), (59, 60),
    ]  # fmt: skip


def test_edges_of_a_plot_off_the_minute_are_read_raw() -> None:
    asked = Span(BASE + 10 * SECOND, BASE + 2 * HOUR + 20 * SECOND)
    plan = plan_plot(asked, 10, Freshness.at(BASE + DAY))
    assert (plan.origin, plan.width) == (BASE, 13 * MINUTE)
    assert of(plan, RAW) == [Span(asked.start, BASE + MINUTE), Span(BASE + 2 * HOUR, asked.end)]
    assert of(plan, "PT1M") == [Span(BASE + MINUTE, BASE + 2 * HOUR)]
    short = plan_plot(Span(BASE + 1, BASE + 2), 4_000, Freshness.at(BASE + DAY))
    assert (short.tier, short.width, of(short, RAW)) == (RAW, 1, [Span(BASE + 1, BASE + 2)])


def test_a_year_is_plotted_from_the_coarsest_tier_with_edges_from_finer_ones() -> None:
    end = BASE + 3 * HOUR + 17 * MINUTE + 5
    plan = plan_plot(Span(end - 365 * DAY, end), 800, Freshness.at(end + DAY))
    assert (plan.tier, plan.width) == ("PT6H", 12 * HOUR)
    assert sum(span.end - span.start for span in of(plan, "PT6H")) > 364 * DAY
    assert sum(span.end - span.start for span in of(plan, RAW)) <= 2 * MINUTE


def test_the_price_counts_minutes_of_the_tier_and_raw_readings_and_never_more_than_there_are() -> None:
    hour, fresh = Span(BASE, BASE + HOUR), Freshness.at(BASE + 20 * MINUTE)
    plan, every = plan_buckets(hour, MINUTE, fresh), timedelta(seconds=10)
    assert price(plan, None, 10**9) == 20 + 2_400
    assert price(plan, every, 10**9) == 20 + 240
    assert price(plan, every, 50) == 50
    assert price(plan, timedelta(hours=1), 10**9) == 60, "as many as there are steps"
    assert price(plan_buckets(hour, 1_000, fresh), every, 10**9) == 3_600_000
    assert price(plan_plot(hour, 60, Freshness.at(BASE + DAY)), every, 10**9) == 60
