"""What was touched is gathered: everything is covered, every note is in one place, and little is refreshed in vain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instants import MINUTE
from app.domain.model import SeriesId
from app.domain.spans import Span
from app.domain.touches import Touch, gathered, ripe

EVERYBODY = 1_000
HOUR = 60


def touch(note: int, start: int, end: int, series: range | None) -> Touch:
    """Minutes `[start, end)` of these series."""
    of = None if series is None else frozenset(map(SeriesId, series))
    return Touch(Span(start * MINUTE, end * MINUTE), of, frozenset([note]))


LATE, OTHERS, ALL = range(50), range(50, 100), range(1_000)


@pytest.mark.parametrize(
    ("touches", "found"),
    [
        ([], []),
        # A gateway delivers three hours, over two connections.
        (
            [touch(2 * at + half, at, at + 2, of) for at in range(180) for half, of in enumerate((LATE, OTHERS))],
            [(0, 181, 100)],
        ),
        # All others are a minute late where it ends: they are not refreshed for as long as it was silent.
        (
            [*(touch(at, at, at + 1, LATE) for at in range(180)), touch(180, 179, 181, ALL)],
            [(0, 180, 50), (179, 181, 1_000)],
        ),
        ([touch(0, 0, 60, LATE), touch(1, 60, 120, ALL), touch(2, 120, 180, LATE)], [(0, 180, 50), (60, 120, 1_000)]),
        # What is small is taken together, whatever it is.
        ([touch(0, 0, 1, range(1)), touch(1, 90, 91, range(7, 9))], [(0, 91, 3)]),
        ([touch(0, 0, 1, LATE), touch(1, 0, 1, None)], [(0, 1, None)]),
        # Days apart, each by itself.
        ([touch(1, 72 * HOUR, 73 * HOUR, LATE), touch(0, 0, HOUR, LATE)], [(0, 60, 50), (4_320, 4_380, 50)]),
    ],
)
def test_what_is_refreshed_together(touches: list[Touch], found: list[tuple[int, int, int | None]]) -> None:
    gathering = gathered(touches, EVERYBODY)
    assert [
        (each.span.start // MINUTE, each.span.end // MINUTE, None if each.series is None else len(each.series))
        for each in gathering
    ] == found


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30_000),
            st.integers(1, 600),
            st.none() | st.frozensets(st.integers(1, 30).map(SeriesId), min_size=1),
        ),
        max_size=40,
    )
)
def test_everything_is_covered_and_every_note_is_in_one_place(
    given_touches: list[tuple[int, int, frozenset[SeriesId] | None]],
) -> None:
    touches = [
        Touch(Span(start * MINUTE, (start + length) * MINUTE), series, frozenset([number]))
        for number, (start, length, series) in enumerate(given_touches)
    ]
    found = gathered(touches, 30)
    assert sorted(number for each in found for number in each.notes) == list(range(len(touches)))
    assert found == sorted(found, key=lambda each: each.span.start)
    for each in touches:
        (place,) = (which for which in found if each.notes <= which.notes)
        assert place.span.start <= each.span.start
        assert place.span.end >= each.span.end
        assert place.series is None or (each.series is not None and each.series <= place.series)


@pytest.mark.parametrize(
    ("waiting", "young", "left"),
    [
        ([touch(0, 0, 1, LATE)], [], {0}),
        # More arrives in the same quarter of an hour, of one of the series.
        ([touch(0, 0, 1, LATE), touch(1, 15, 16, LATE)], [touch(2, 13, 14, range(49, 60))], {1}),
        ([touch(0, 0, 1, LATE), touch(1, 14, 16, LATE)], [touch(2, 15, 16, LATE)], {0}),
        # Of others, it is no reason to wait.
        ([touch(0, 0, 1, LATE), touch(1, 0, 1, OTHERS)], [touch(2, 1, 2, OTHERS)], {0}),
        ([touch(0, 0, 1, LATE), touch(1, 60, 61, None)], [touch(2, 1, 2, None)], {1}),
        ([touch(0, 0, 1, None)], [touch(1, 2, 3, LATE)], set[int]()),
    ],
)
def test_what_is_still_arriving_is_not_ripe(waiting: list[Touch], young: list[Touch], left: set[int]) -> None:
    assert {number for each in ripe([*waiting, *young], young) for number in each.notes} == left
