"""Plans of calendar steps: every instant once, from the coarsest tier that fits."""

from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.calendar import CalendarStep, edges, kept_days
from app.domain.calendar_plan import DAYS, CalendarPlan, plan_calendar, plan_shifted, price
from app.domain.instants import MINUTE, microseconds
from app.domain.spans import Span, merged, overlapping
from app.domain.tiers import LONG_AGO, ORIGIN, RAW, TIERS, Freshness
from app.errors import BadInput
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


@pytest.mark.parametrize(
    ("step", "offset", "tier", "made_of"),
    [
        (HOUR, 0, "PT1H", {"PT1H": 24}),
        (HOUR, 2 * HOUR, "PT1H", {"PT1H": 24}),
        (HOUR, 15 * MINUTE, "PT15M", {"PT15M": 96}),
        (DAY, 15 * MINUTE, "PT6H", {"PT6H": 3, "PT1H": 5, "PT15M": 4}),
        (HOUR, 7 * MINUTE, "PT15M", {"PT15M": 24 * 3, "PT1M": 24 * 15}),
        (HOUR, MINUTE // 2, "PT15M", {"PT15M": 24 * 3, "PT1M": 24 * 14, RAW: 25}),
        (MINUTE, MINUTE // 2, RAW, {RAW: 1_440}),
    ],
)
def test_shifted_steps_keep_their_grid_and_take_what_fits_from_the_tiers(
    step: int, offset: int, tier: str, made_of: dict[str, int]
) -> None:
    asked = Span(BASE + 5, BASE + DAY - 5)
    plan = plan_shifted(asked, step, offset, Freshness.at(BASE + 900 * DAY))
    assert (plan.tier, plan.steps) == (tier, DAY // step)
    assert {source: n for source, n in counts(plan).items() if source != RAW} == {
        source: n for source, n in made_of.items() if source != RAW
    }
    assert len(plan.pieces[RAW].starts if RAW in plan.pieces else ()) >= made_of.get(RAW, 0)
    assert ((plan.edges - offset - ORIGIN) % step == 0).all()
    assert (plan.edges[0], plan.edges[-1]) == (BASE + offset, BASE + DAY + offset)
    part = plan_shifted(Span(BASE + DAY // 2, BASE + DAY // 2 + 1), step, offset, Freshness.at(BASE + 900 * DAY))
    assert set(part.edges.tolist()) <= set(plan.edges.tolist())
    for source, found in part.pieces.items():
        whole = {tuple(piece) for piece in zip(*(each.tolist() for each in plan.pieces[source]), strict=True)}
        assert {tuple(piece) for piece in zip(*(each.tolist() for each in found), strict=True)} <= whole


def test_steps_of_what_is_gone_or_beyond_counting_are_refused() -> None:
    gone = (BASE + DAY, *(LONG_AGO for _ in TIERS))
    fresh = Freshness.at(BASE + 900 * DAY, gone=gone)
    assert plan_shifted(Span(BASE, BASE + DAY), HOUR, 3 * MINUTE, fresh).steps == 24
    assert plan_shifted(Span(BASE + 2 * DAY, BASE + 3 * DAY), HOUR, 1, fresh).steps == 24
    with pytest.raises(BadInput, match="made of RAW, which is kept since 2026-03-02T00:00Z"):
        plan_shifted(Span(BASE, BASE + DAY), HOUR, 1, fresh)
    with pytest.raises(BadInput, match="made of RAW"):
        plan_calendar(days("UTC", -1, 1, "06:10:30"), fresh)
    assert plan_shifted(Span(BASE, BASE + 100_000_000), 1_000, 1, Freshness.at(BASE)).steps == 100_000
    with pytest.raises(BadInput, match="more than 100,000 steps"):
        plan_shifted(Span(BASE, BASE + 100_000_001), 1_000, 1, Freshness.at(BASE))


@given(
    st.sampled_from(ZONES),
    st.sampled_from(list(CalendarStep)),
    st.times().map(lambda at: at.replace(microsecond=0, tzinfo=None)),
    st.integers(-30, 30),
    st.integers(1, 12 * 24),
    st.integers(-40 * 1_440, 40 * 1_440),
    st.lists(st.tuples(st.integers(-30 * 1_440, 30 * 1_440), st.integers(1, 600)), max_size=4),
    st.none() | st.integers(-40, 40),
)
def test_every_instant_is_answered_once(
    zone: str,
    step: CalendarStep,
    begins: time,
    day: int,
    hours: int,
    watermark: int,
    notes: list[tuple[int, int]],
    kept_since: int | None,
) -> None:
    if kept_since is not None:  # days are kept where they begin with a minute
        begins = begins.replace(second=0)
    asked = Span(BASE + day * DAY, BASE + day * DAY + hours * HOUR)
    touched = merged(Span(BASE + at * MINUTE, BASE + (at + length) * MINUTE) for at, length in notes)
    fresh = Freshness.at(BASE + watermark * MINUTE, touched)
    found = edges(step, zone, begins, asked)
    whole = Span(int(found[0]), int(found[-1]))
    since = None if kept_since is None else BASE + kept_since * DAY
    kept = None if since is None else kept_days(step, zone, begins, since, whole)
    plan = plan_calendar(found, fresh, kept)
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
    if pieces := plan.pieces.get(DAYS):
        assert since is not None
        assert plan.tier == DAYS
        assert pieces.starts.min() >= since
        assert (pieces.ends <= fresh.watermark).all()
        spans = [Span(*each) for each in zip(pieces.starts.tolist(), pieces.ends.tolist(), strict=True)]
        assert all(19 * HOUR <= end - start <= 49 * HOUR for start, end in spans)
        assert not any(overlapping(touched, *span) for span in spans)
    elif kept is not None:
        usable = zip(kept.tolist(), kept.tolist()[1:], strict=False)
        assert all(end > fresh.watermark or overlapping(touched, start, end) for start, end in usable)
