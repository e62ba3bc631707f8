"""Spans of time against the plain set of instants that they stand for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.domain.spans import Span, around, at_most, merged, overlapping

SPANS = st.lists(
    st.builds(lambda start, length: Span(start, start + length), st.integers(-60, 60), st.integers(1, 12)), max_size=8
)


def instants(spans: list[Span]) -> set[int]:
    """Every instant within the spans."""
    return {at for span in spans for at in range(span.start, span.end)}


def apart(spans: list[Span], gap: int) -> bool:
    """Ascending, and with more than `gap` between neighbours."""
    return all(later.start - earlier.end > gap for earlier, later in zip(spans, spans[1:], strict=False))


def test_neighbours_become_one_and_silences_longer_than_the_gap_stay() -> None:
    assert merged([]) == []
    assert merged([Span(5, 9), Span(0, 2), Span(2, 3), Span(6, 7)]) == [Span(0, 3), Span(5, 9)]
    assert merged([Span(0, 2), Span(4, 5), Span(8, 9)], gap=2) == [Span(0, 5), Span(8, 9)]
    assert merged([Span(0, 9), Span(1, 2)], gap=3) == [Span(0, 9)]


@given(SPANS, st.integers(0, 10))
def test_merged_spans_cover_the_same_and_only_short_silences_more(spans: list[Span], gap: int) -> None:
    found = merged(spans, gap)
    assert apart(found, gap)
    assert instants(merged(spans)) == instants(spans)
    assert instants(found) >= instants(spans)
    filled = instants(found) - instants(spans)
    assert not any(set(range(at, at + gap + 1)) <= filled for at in filled)
    assert merged(found, gap) == found


@given(st.lists(st.integers(-(10**6), 10**6)), st.sampled_from([1, 7, 60]), st.integers(0, 300))
def test_times_are_surrounded_by_whole_widths(times: list[int], width: int, gap: int) -> None:
    found = around(np.array(times, np.int64), width, gap)
    assert found == merged((Span(t // width * width, t // width * width + width) for t in times), gap)
    assert all(span.start % width == span.end % width == 0 for span in found)


def test_no_times_have_nothing_around_them() -> None:
    assert around(np.empty(0, np.int64), 60, 0) == []
    assert around(np.array([-1, 0, 61]), 60, 0) == [Span(-60, 120)]


@given(SPANS, st.integers(1, 6))
def test_at_most_so_many_spans_cover_all_and_the_narrowest_silences_are_filled(spans: list[Span], count: int) -> None:
    given = merged(spans)
    found = at_most(given, count)
    assert len(found) <= count
    assert instants(found) >= instants(given)
    assert apart(found, 0)
    silences = sorted(later.start - earlier.end for earlier, later in zip(given, given[1:], strict=False))
    if len(given) > count:
        assert apart(found, silences[len(given) - count - 1])
        assert all(span.start in {s.start for s in given} and span.end in {s.end for s in given} for span in found)
    else:
        assert found == given


@given(SPANS, st.integers(-70, 70), st.integers(-70, 70))
def test_the_parts_within_a_range(spans: list[Span], start: int, end: int) -> None:
    found = overlapping(spans, start, end)
    assert instants(found) == instants(spans) & set(range(start, end))
    assert all(span.start < span.end for span in found)
