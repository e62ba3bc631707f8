"""Plans of calendar steps: every instant once, from the coarsest tier that fits."""

from datetime import UTC, datetime, time, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.domain.calendar import CalendarStep, edges
from app.domain.calendar_plan import CalendarPlan, plan_calendar, price
from app.domain.instants import MINUTE, microseconds
from app.domain.spans import Span, merged, overlapping
from app.domain.tiers import RAW, TIERS, Freshness
from tests.domain.test_calendar import ZONES

BASE = microseconds(datetime(2026, 3, 1, tzinfo=UTC))
HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE


def days(zone: str, first: int, count: int, begins: str = "00:00") -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    step = CalendarStep.PRODUCTION_DAY
    return edges(step, zone, time.fromisoformat(begins), Span(BASE + first * DAY, BASE + (first + count) * DAY))


def counts(plan: CalendarPlan) -> dict[str, int]:
    return {source: len(found.starts) for source, found in plan.pieces.items()}


def test_a_year_of_days_is_made_of_six_hours_and_hours() -> None:
    year = days("Europe/Berlin", -300, 365)
    plan = plan_calendar(year, Freshness.at(BASE + 900 * DAY))
    assert set(counts(plan)) == {"PT1H", "PT6H"}
    assert plan.tier == "PT6H"
    assert sum(counts(plan).values()) < 366 * 10
    assert price(plan, timedelta(minutes=1), 10**9) == sum(counts(plan).values())
    assert price(plan, timedelta(minutes=1), 100) == 100


def test_odd_offsets_and_odd_starts_need_finer_tiers() -> None:
    fresh = Freshness.at(BASE + 900 * DAY)
    assert set(counts(plan_calendar(days("Asia/Kathmandu", 0, 3), fresh))) == {"PT15M", "PT1H", "PT6H"}
    assert set(counts(plan_calendar(days("UTC", 0, 3), fresh))) == {"PT6H"}
    assert set(counts(plan_calendar(days("UTC", 0, 3, "06:10"), fresh))) == {"PT1M", "PT15M", "PT1H", "PT6H"}
    odd = plan_calendar(days("UTC", 0, 1, "06:10:30"), fresh)
    assert (odd.pieces[RAW].ends - odd.pieces[RAW].starts).tolist() == [MINUTE // 2] * 4


def test_what_is_behind_the_watermark_is_raw_and_cut_into_steps() -> None:
    plan = plan_calendar(days("UTC", 0, 3), Freshness.at(BASE + DAY + 7 * HOUR + 3 * MINUTE))
    assert counts(plan) == {"PT6H": 5, "PT1H": 1, "PT1M": 3, RAW: 2}
    assert (plan.pieces[RAW].starts - BASE).tolist() == [DAY + 7 * HOUR + 3 * MINUTE, 2 * DAY]


@given(
    st.sampled_from(ZONES),
    st.sampled_from(list(CalendarStep)),
    st.times().map(lambda at: at.replace(microsecond=0, tzinfo=None)),
    st.integers(-30, 30),
    st.integers(1, 12 * 24),
    st.integers(-40 * 1_440, 40 * 1_440),
    st.lists(st.tuples(st.integers(-30 * 1_440, 30 * 1_440), st.integers(1, 600)), max_size=4),
)
def test_every_instant_is_answered_once(
    zone: str, step: CalendarStep, begins: time, day: int, hours: int, watermark: int, notes: list[tuple[int, int]]
) -> None:
    asked = Span(BASE + day * DAY, BASE + day * DAY + hours * HOUR)
    touched = merged(Span(BASE + at * MINUTE, BASE + (at + length) * MINUTE) for at, length in notes)
    fresh = Freshness.at(BASE + watermark * MINUTE, touched)
    found = edges(step, zone, begins, asked)
    plan = plan_calendar(found, fresh)
    parts = sorted(part for pieces in plan.pieces.values() for part in zip(*(a.tolist() for a in pieces), strict=True))
    assert parts[0][0] == found[0]
    assert parts[-1][1] == found[-1]
    assert all(earlier[1] == later[0] for earlier, later in zip(parts, parts[1:], strict=False))
    places = dict(zip(found.tolist(), found.tolist()[1:], strict=False))
    assert all(label <= start < end <= places[label] for start, end, label in parts)
    for tier, reached in zip(TIERS, fresh.watermarks, strict=True):
        if pieces := plan.pieces.get(tier.name):
            assert (pieces.starts % tier.width == 0).all()
            assert (pieces.ends == pieces.starts + tier.width).all()
            assert (pieces.ends <= reached).all()
            assert not any(overlapping(touched, start, start + tier.width) for start in pieces.starts.tolist())
