"""The truth, against the cases that were worked out by others, and where clocks change."""

import json
import math
import random
import time as clock
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from simulation.metrics import Kind, Metric
from simulation.plant import DAY, HOUR, MINUTE, SECOND
from simulation.truth import NAMES, Columns, SpanOf, buckets, days, fixed

CASES = Path(__file__).parents[3] / "shared" / "golden" / "cases.json"
STEPS = {
    "PT1M": MINUTE, "PT7M": 7 * MINUTE, "PT15M": 15 * MINUTE, "PT1H": HOUR, "PT5H": 5 * HOUR, "P1D": DAY,
    "P1W": 7 * DAY,
}  # fmt: skip


def cases() -> list[Any]:
    """Fixed steps and days, without filling."""
    if not CASES.exists():
        pytest.skip("the golden cases lie beside the project, and are not on this machine")
    known = json.loads(CASES.read_text(encoding="utf-8"))
    return [
        case
        for case in known
        if case["ask"].get("fill", "NONE") == "NONE" and case["ask"].get("by") in (None, "DAY", "PRODUCTION_DAY")
    ]


def span_of(case: Any) -> SpanOf:
    if "every" in case["ask"]:
        return fixed(STEPS[case["ask"]["every"]])
    begins = case["production_day_starts"] if case["ask"]["by"] == "PRODUCTION_DAY" else "00:00"
    return days(case["time_zone"], time.fromisoformat(begins))


def answer(case: Any) -> Columns:
    """What overlaps the range, times in milliseconds."""
    told = case["metric"]
    metric = Metric(
        "x", Kind(told["kind"]), told.get("dip_tolerance", 0.0), told.get("modulus"),
        told.get("interval_ms", 0) * 1_000,
    )  # fmt: skip
    readings = {row[0] * 1_000: (row[1], *row[2:], 0)[:2] for batch in case["batches"] for row in batch}
    found = buckets(readings, span_of(case), metric)
    start, end = case["ask"]["from"] * 1_000, case["ask"]["to"] * 1_000
    kept = [at for at in range(len(found["starts"])) if found["ends"][at] > start and found["starts"][at] < end]
    columns = {name: [column[at] for at in kept] for name, column in found.items()}
    return columns | {name: [at / 1_000 for at in columns[name]] for name in ("starts", "ends")}


def same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)


def test_it_is_that_of_the_golden_cases() -> None:
    known = cases()
    assert len(known) > 30
    for case in known:
        found = answer(case)
        for name in NAMES:
            assert len(found[name]) == len(case["answer"][name]), (case["name"], name)
            assert all(map(same, found[name], case["answer"][name])), (case["name"], name)


def test_days_are_as_long_as_the_clocks_make_them() -> None:
    span = days("Europe/Berlin")
    lengths = {
        (3, 28): 24, (3, 29): 23, (3, 30): 24, (10, 24): 24, (10, 25): 25, (10, 26): 24,
    }  # fmt: skip
    for (month, day), hours in lengths.items():
        noon = int(datetime(2026, month, day, 12, tzinfo=UTC).timestamp()) * SECOND
        start, end = span(noon)
        assert end - start == hours * HOUR
        assert span(start) == span(end - 1) == (start, end)
        assert span(end)[0] == end
        assert span(start - 1)[1] == start


def test_a_day_that_begins_in_the_hour_that_does_not_exist_begins_right_behind_it() -> None:
    starts, _ = days("Europe/Berlin", time(2, 30))(int(datetime(2026, 3, 29, 12, tzinfo=UTC).timestamp()) * SECOND)
    assert starts == int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp()) * SECOND


def test_counters_grow_by_resets_rollovers_and_dips() -> None:
    counter = Metric("x", Kind.COUNTER, dip_tolerance=0.5, modulus=100.0)
    values = [10.0, 12.0, 11.75, 13.0, 95.0, 4.0, 60.0, 2.0]
    readings: dict[int, tuple[float | None, int]] = {at * MINUTE: (value, 0) for at, value in enumerate(values)}
    readings[2 * MINUTE + 1] = (9_999.0, 0x80000000)
    found = buckets(readings, fixed(MINUTE), counter)
    assert found["increase"] == [0.0, 2.0, -0.25, 1.25, 82.0, 9.0, 56.0, 42.0]
    assert buckets(readings, fixed(HOUR), counter)["increase"] == [192.0]
    found = buckets(readings, fixed(HOUR), Metric("x", Kind.COUNTER))
    assert found["increase"] == [2.0 + 11.75 + 1.25 + 82.0 + 4.0 + 56.0 + 2.0]


def test_only_bad_readings_are_a_bucket_of_nothing_and_a_state_has_no_average() -> None:
    readings: dict[int, tuple[float | None, int]] = {
        0: (1.0, 0x80000000), 1: (None, 0), MINUTE: (3.0, 0x40000000), MINUTE + 1: (1.0, 0),
    }  # fmt: skip
    found = buckets(readings, fixed(MINUTE), Metric("x", Kind.STATE, interval=30 * SECOND))
    assert found["starts"] == [0, MINUTE]
    assert found["count"] == [0, 2]
    assert found["average"] == [None, None]
    assert (found["minimum"], found["maximum"]) == ([None, 1.0], [None, 3.0])
    assert (found["first"], found["last"]) == ([None, 3.0], [None, 1.0])
    assert found["coverage"] == [0.0, 1.0]
    assert buckets({}, fixed(MINUTE), Metric("x"))["starts"] == []


def test_a_hundred_thousand_minutes_take_a_moment() -> None:
    """A million from three million readings must be a matter of half a minute."""
    rnd = random.Random(1)
    readings: dict[int, tuple[float | None, int]] = {
        at * 20 * SECOND: (rnd.randrange(400) / 4, 0) for at in range(300_000)
    }
    began = clock.process_time()
    assert len(buckets(readings, fixed(MINUTE), Metric("x", Kind.COUNTER))["starts"]) == 100_000
    assert clock.process_time() - began < 3
