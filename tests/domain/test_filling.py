"""Filling: what stands in a bucket that has no readings of its own."""

import numpy as np

from app.domain.filling import carried_on, joined_up, spread

NAN = float("nan")
KNOWN = np.array([False, True, False, False, True, False])
VALUES = np.array([NAN, 1.0, NAN, NAN, 4.0, NAN])
STARTS = np.arange(6, dtype=np.int64) * 10


def same(found: object, expected: list[float]) -> bool:
    return np.array_equal(np.asarray(found, np.float64), np.array(expected), equal_nan=True)


def test_counts_are_0_and_values_missing_where_nothing_was() -> None:
    found = spread({"start": np.array([10, 30]), "good": np.array([2, 3]), "sum": np.array([5.0, NAN])}, STARTS[:4])
    assert found["start"].tolist() == [0, 10, 20, 30]
    assert found["good"].tolist() == [0, 2, 0, 3]
    assert same(found["sum"], [NAN, 5.0, NAN, NAN])


def test_the_last_value_is_carried_on_also_from_before_the_range() -> None:
    assert same(carried_on(VALUES, KNOWN, NAN), [NAN, 1, 1, 1, 4, 4])
    assert same(carried_on(VALUES, KNOWN, 7.0), [7, 1, 1, 1, 4, 4])
    assert same(carried_on(VALUES[:1], KNOWN[:1], 7.0), [7])


def test_a_line_joins_neighbours_and_ends_with_them() -> None:
    assert same(joined_up(VALUES, KNOWN, STARTS), [NAN, 1, 2, 3, 4, NAN])
    assert same(joined_up(VALUES[:1], KNOWN[:1], STARTS[:1]), [NAN])
    uneven = np.array([0, 10, 20, 30, 50, 60], np.int64)
    assert same(joined_up(VALUES, KNOWN, uneven), [NAN, 1, 1.75, 2.5, 4, NAN])
