"""Finality: provisional before final, revised for all that holds a changed quarter of an hour."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.finality import CODES, NO_REVISIONS, Finality, Revisions, finality_of, revised_at
from app.domain.instants import MINUTE, microseconds
from app.domain.spans import Span, merged
from app.domain.tiers import Freshness

BASE = microseconds(datetime(2026, 3, 2, 8, tzinfo=UTC))
QUARTER = 15 * MINUTE
NAMES = {code: finality.name[0] for finality, code in CODES.items()}


def found(width: int, count: int, fresh: Freshness, revisions: Revisions = NO_REVISIONS) -> str:
    """The first letters of the finality of so many buckets from the base on."""
    starts = BASE + np.arange(count, dtype=np.int64) * width * MINUTE
    return "".join(NAMES[code] for code in finality_of(starts, starts + width * MINUTE, fresh, revisions).tolist())


def quarters(*minutes: int) -> Revisions:
    starts = BASE + np.array(minutes, np.int64) * MINUTE
    return Revisions(starts, BASE + np.arange(1, len(minutes) + 1, dtype=np.int64))


def notes(*minutes: tuple[int, int]) -> list[Span]:
    return [Span(BASE + start * MINUTE, BASE + end * MINUTE) for start, end in minutes]


@pytest.mark.parametrize(
    ("width", "count", "watermark", "touched", "revised", "answer"),
    [
        (15, 4, 31, [], [], "FFPP"),
        (15, 4, 30, [], [], "FFPP"),
        (15, 4, 60, [(20, 21)], [], "FPFF"),
        (15, 4, 60, [(15, 30)], [], "FPFF"),
        (15, 4, 60, [(14, 31)], [], "PPPF"),
        (15, 4, 60, [], [15], "FRFF"),
        (15, 4, 60, [(16, 17)], [15], "FPFF"),
        (60, 1, 60, [], [30], "R"),
        (60, 1, 59, [], [30], "P"),
        (5, 6, 60, [], [15], "FFFRRR"),
        (7, 5, 60, [], [15], "FFRRR"),
    ],
)
def test_finality_of_buckets(
    width: int, count: int, watermark: int, touched: list[tuple[int, int]], revised: list[int], answer: str
) -> None:
    fresh = Freshness.at(BASE + watermark * MINUTE, notes(*touched))
    assert found(width, count, fresh, quarters(*revised) if revised else NO_REVISIONS) == answer


def test_the_time_of_a_revision_is_the_latest_of_the_parts() -> None:
    starts = BASE + np.arange(3, dtype=np.int64) * 60 * MINUTE
    when = revised_at(starts, starts + 60 * MINUTE, quarters(0, 45, 120))
    assert when[[0, 2]].tolist() == [BASE + 2, BASE + 3]
    assert np.isnan(when[1])


@given(
    st.integers(1, 200),
    st.integers(0, 600),
    st.lists(st.tuples(st.integers(0, 600), st.integers(1, 40)), max_size=5),
    st.sets(st.integers(0, 40), max_size=6),
)
def test_finality_is_what_it_says_of_any_bucket(
    width: int, watermark: int, touched: list[tuple[int, int]], revised: set[int]
) -> None:
    spans = merged(notes(*((start, start + length) for start, length in touched)))
    fresh = Freshness.at(BASE + watermark * MINUTE, spans)
    at = sorted(number * 15 for number in revised)
    answer = found(width, 600 // width, fresh, quarters(*at))
    for place, letter in enumerate(answer):
        start, end = BASE + place * width * MINUTE, BASE + (place + 1) * width * MINUTE
        if end > fresh.watermark or any(span.start < end and span.end > start for span in spans):
            assert letter == "P"
        else:
            overlaps = any(BASE + each * MINUTE < end and BASE + each * MINUTE + QUARTER > start for each in at)
            assert letter == ("R" if overlaps else "F")


def test_the_places_of_the_members_are_those_of_the_schema() -> None:
    assert list(CODES) == list(Finality)
    assert [finality.name for finality in Finality] == ["PROVISIONAL", "FINAL", "REVISED"]
