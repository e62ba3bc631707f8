"""Curves for a chart: the corners of every column in time order, and nulls in silences."""

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.domain.instants import SECOND
from app.domain.plot import CORNERS, Points, points_of, with_gaps

NAN = float("nan")
Readings = list[tuple[int, float]]


def columns_of(columns: list[Readings]) -> dict[str, NDArray[np.generic]]:
    """The corners of columns of readings as the store answers them; an empty one has only bad readings."""
    found: dict[str, list[float]] = {name: [] for corner in CORNERS for name in corner}
    for readings in columns:
        lowest = min(readings, key=lambda r: r[1]) if readings else (0, NAN)
        highest = max(readings, key=lambda r: r[1]) if readings else (0, NAN)
        first, last = (readings[0], readings[-1]) if readings else ((0, NAN), (0, NAN))
        for (at, value), reading in zip(CORNERS, (first, lowest, highest, last), strict=True):
            found[at].append(reading[0])
            found[value].append(reading[1])
    return {name: np.array(column, np.int64 if name.endswith("_at") else np.float64) for name, column in found.items()}


def listed(points: Points) -> Readings:
    return list(zip(points[0].tolist(), points[1].tolist(), strict=True))


def test_corners_come_in_time_order_each_reading_once() -> None:
    assert listed(points_of(columns_of([]))) == []
    assert listed(points_of(columns_of([[(1, 5.0)]]))) == [(1, 5.0)]
    column = [(1, 2.0), (2, 9.0), (3, 1.0), (4, 3.0)]
    assert listed(points_of(columns_of([column]))) == column
    assert listed(points_of(columns_of([[(1, 2.0), (2, 2.0), (3, 2.0)]]))) == [(1, 2.0), (3, 2.0)]
    assert listed(points_of(columns_of([[(1, 1.0), (2, 0.0)], [], [(9, -1.0), (10, 7.0)]]))) == [
        (1, 1.0), (2, 0.0), (9, -1.0), (10, 7.0),
    ]  # fmt: skip


VALUES = st.floats(-1e150, 1e150)


@given(st.lists(st.lists(VALUES, max_size=9), max_size=6))
def test_any_columns_give_at_most_four_of_their_own_readings_with_both_extremes(
    columns: list[list[float]],
) -> None:
    readings = [[(100 * at + step, value) for step, value in enumerate(values)] for at, values in enumerate(columns)]
    found = listed(points_of(columns_of(readings)))
    assert found == sorted(set(found))
    for column in readings:
        own = [point for point in found if point in column]
        assert len(own) <= 4
        if column:
            assert {column[0], column[-1]} <= set(own)
            values = [value for _, value in own]
            assert (min(values), max(values)) == (min(v for _, v in column), max(v for _, v in column))
    assert all(any(point in column for column in readings) for point in found)


def gapped(times: list[int], gap: int | None, interval: int | None, width: int = 1) -> list[int]:
    """Times of the nulls in whole seconds, doubled so that a middle is whole."""
    column = np.array(times, np.int64)
    points = Points(column * SECOND, np.ones(len(times)), column // width)
    found = with_gaps(
        points,
        None if gap is None else timedelta(seconds=gap),
        None if interval is None else timedelta(seconds=interval),
    )
    assert [time for time, value in listed(found) if not np.isnan(value)] == [time * SECOND for time in times]
    assert (np.diff(found[0]) > 0).all()
    return [time * 2 // SECOND for time, value in listed(found) if np.isnan(value)]


def test_one_null_in_the_middle_of_every_silence_longer_than_the_gap() -> None:
    times = [0, 10, 20, 31, 41, 99]
    assert gapped(times, None, None) == []
    assert gapped(times, 10, None) == [51, 140]
    assert gapped(times, 11, None) == [140]
    assert gapped(times, 58, None) == []
    assert gapped(times, None, 2) == [51, 140]
    assert gapped(times, None, 3) == [140]
    assert gapped(times, 50, 1) == [140], "the metric's gap comes before its interval"
    assert gapped([], 1, 1) == gapped([5], 1, 1) == []


def test_a_silence_is_seen_between_columns_and_never_within_one() -> None:
    assert gapped([0, 50, 160, 170], 30, None, width=60) == [210], "one column wide, and still a gap"
    assert gapped([0, 59, 60, 119], 30, None, width=60) == [], "within a column there may be others between"
