"""The comparison itself: a right answer gives nothing, and each planted defect is found."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from simulation.differences import MEASURES, MOST_WORDS, Comparison, compare_columns
from simulation.metrics import Kind, Metric
from simulation.plant import DAY, HOUR, MINUTE, SECOND
from simulation.truth import BAD, Columns, SpanOf, buckets, days, fixed

BASE = int(datetime(2026, 3, 28, tzinfo=UTC).timestamp()) * SECOND
GAUGE, COUNTER = Metric("gauge"), Metric("counter", Kind.COUNTER)
QUARTERS = fixed(15 * MINUTE)
Row = tuple[int, float | None, int]
"""Time, value, status."""
Rows = list[Row]


def plain(seed: int = 1, count: int = 2_000) -> Rows:
    """A reading every 90 s or so, so that minutes differ in how many they hold."""
    rnd = random.Random(seed)
    times = sorted(rnd.sample(range(BASE, BASE + 2 * DAY, SECOND), count))
    return [(time, rnd.randrange(400) / 4, 0) for time in times]


def last_wins(rows: Rows) -> Rows:
    return sorted({row[0]: row for row in rows}.values())


def not_bad(row: Row) -> bool:
    return row[1] is not None and row[2] < BAD


def weighted(minutes: list[list[float]]) -> float:
    return sum(map(sum, minutes)) / sum(map(len, minutes))


def aggregate(
    rows: Iterable[Row],
    span_of: SpanOf,
    *,
    settle: Callable[[Rows], Rows] = last_wins,
    usable: Callable[[Row], bool] = not_bad,
    average: Callable[[list[list[float]]], float] = weighted,
) -> Columns:
    """Another way to the same numbers: minutes first, which are then put together. Its parts can be exchanged."""
    tier: dict[int, dict[int, list[float]]] = {}
    for row in settle(list(rows)):
        minutes = tier.setdefault(span_of(row[0])[0], {}).setdefault(row[0] // MINUTE, [])
        if usable(row):
            minutes.append(row[1] or 0.0)
    columns: Columns = {name: [] for name in ("starts", *MEASURES)}
    for start in sorted(tier):
        held = [minute for minute in tier[start].values() if minute]
        values = [value for minute in held for value in minute]
        bucket = (
            start, len(values), average(held) if values else None, min(values, default=None),
            max(values, default=None), values[0] if values else None, values[-1] if values else None,
        )  # fmt: skip
        for name, value in zip(columns, bucket, strict=True):
            columns[name].append(value)
    return columns


def truth(rows: Rows, span_of: SpanOf, metric: Metric = GAUGE) -> Columns:
    return buckets({time: (value, status) for time, value, status in rows}, span_of, metric)


def compared(found: Columns, expected: Columns, *measures: str) -> Comparison:
    result = Comparison()
    compare_columns("p/l/m x, PT15M", found, expected, result, measures or MEASURES)
    return result


def messy() -> Rows:
    """Repeats, corrections and bad readings, in any order that leaves the later ones later."""
    rnd = random.Random(3)
    rows = plain()
    rnd.shuffle(rows)
    rows += rnd.sample(rows, 300)
    rows += [(time, 7.25, 0) for time, _, _ in rnd.sample(rows, 50)]
    return rows + [(time, None if rnd.random() < 0.5 else 999.0, BAD) for time, _, _ in rnd.sample(rows, 100)]


@pytest.mark.parametrize("span_of", [fixed(MINUTE), QUARTERS, fixed(6 * HOUR), days("Europe/Berlin")])
def test_a_right_answer_differs_in_nothing(span_of: SpanOf) -> None:
    expected = truth(messy(), span_of)
    result = compared(aggregate(messy(), span_of), expected)
    assert (result.different, result.compared, result.words) == (0, len(expected["starts"]), [])


def test_a_dropped_note_is_found_late_rows_are_missing_from_one_bucket() -> None:
    rows = plain()
    late = next(row for row in rows if row[0] >= BASE + HOUR)
    result = compared(aggregate([row for row in rows if row is not late], QUARTERS), truth(rows, QUARTERS))
    assert (result.different, result.changed) == (1, 1)
    assert result.words[0].startswith("p/l/m x, PT15M, bucket of 2026-03-28T01:")
    assert "count is" in result.words[0]


def test_an_average_of_averages_is_found() -> None:
    rows = plain()
    found = aggregate(rows, QUARTERS, average=lambda minutes: sum(sum(m) / len(m) for m in minutes) / len(minutes))
    result = compared(found, truth(rows, QUARTERS))
    assert result.changed > 100
    assert "average is" in result.words[0]
    assert "count is" not in result.words[0]


def test_days_of_utc_instead_of_the_zone_are_found() -> None:
    rows = plain()
    result = compared(aggregate(rows, fixed(DAY)), truth(rows, days("Europe/Berlin")))
    assert (result.missing, result.additional, result.changed) == (3, 2, 0)


def test_a_day_without_its_change_of_clocks_is_found() -> None:
    rows = plain()

    def winter(at: int) -> tuple[int, int]:
        start = (at + HOUR) // DAY * DAY - HOUR
        return start, start + DAY

    result = compared(aggregate(rows, winter), truth(rows, days("Europe/Berlin")))
    assert result.changed == 1, "the day of 23 hours has one more"
    assert result.missing == 1, "and the next begins an hour late"


def test_a_repeat_that_is_counted_twice_is_found() -> None:
    rows = plain()
    result = compared(aggregate([*rows, rows[700]], QUARTERS, settle=sorted), truth([*rows, rows[700]], QUARTERS))
    assert result.changed == 1
    assert "count is" in result.words[0]


def test_a_reset_that_is_missed_is_found() -> None:
    rows: Rows = [(BASE + at * MINUTE, float(at if at < 70 else at - 70), 0) for at in range(120)]
    expected = truth(rows, QUARTERS, COUNTER)
    # As a difference of edges: right until the counter begins again.
    edges = [0.0, *expected["last"]]
    naive = [after - before for before, after in zip(edges, expected["last"], strict=False)]
    result = compared(expected | {"increase": naive}, expected, "increase")
    assert result.changed == 1
    assert result.words == ["p/l/m x, PT15M, bucket of 2026-03-28T01:00:00Z: increase is -55.0, expected 14.0"]


def test_a_bucket_that_is_cut_at_the_edge_of_the_range_is_found() -> None:
    rows = plain()
    result = compared(aggregate([row for row in rows if row[0] >= BASE + 7 * MINUTE], QUARTERS), truth(rows, QUARTERS))
    assert result.changed == 1
    assert "first is" in result.words[0]


def test_a_bad_reading_that_is_averaged_is_found() -> None:
    rows = plain()
    rows[500] = (rows[500][0], 400.0, BAD)
    result = compared(aggregate(rows, QUARTERS, usable=lambda row: row[1] is not None), truth(rows, QUARTERS))
    assert result.changed == 1
    assert "maximum is 400.0" in result.words[0]


def test_a_correction_that_is_ignored_is_found() -> None:
    rows = plain()
    corrected = [*rows, (rows[500][0], 400.0, 0)]

    def first_wins(rows: Rows) -> Rows:
        return sorted({row[0]: row for row in reversed(rows)}.values())

    result = compared(aggregate(corrected, QUARTERS, settle=first_wins), truth(corrected, QUARTERS))
    assert result.changed == 1
    assert "expected 400.0" in result.words[0]


def test_buckets_are_missing_additional_or_twice() -> None:
    expected: dict[str, list[Any]] = {"starts": [0, MINUTE], "count": [1, 2]}
    cases: list[tuple[dict[str, list[Any]], tuple[int, ...]]] = [
        ({"starts": [0], "count": [1]}, (2, 1, 0, 0)),
        ({"starts": [], "count": []}, (2, 2, 0, 0)),
        ({"starts": [0, MINUTE, HOUR], "count": [1, 2, 0]}, (3, 0, 1, 0)),
        ({"starts": [0, 0, MINUTE], "count": [1, 1, 2]}, (3, 0, 1, 0)),
        ({"starts": [0, MINUTE], "count": [1, None]}, (2, 0, 0, 1)),
        ({"starts": [MINUTE, 0], "count": [2, 1]}, (2, 0, 0, 1)),
    ]
    for found, counts in cases:
        result = compared(found, expected, "count")
        assert (result.compared, result.missing, result.additional, result.changed) == counts, found
        assert result.words


def test_numbers_are_equal_to_nine_digits_and_words_are_few() -> None:
    expected: dict[str, list[Any]] = {"starts": list(range(100)), "average": [1.0] * 100}
    assert compared(expected | {"average": [1.0 + 1e-11] * 100}, expected, "average").different == 0
    result = compared(expected | {"average": [1.0 + 1e-7] * 100}, expected, "average")
    assert result.different == 100
    assert len(result.words) == MOST_WORDS
