"""Plots: the readings that a chart needs, at their times, from raw rows and from the tier alike, with gaps as nulls."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from app.domain.instants import MINUTE, SECOND, microseconds
from app.domain.quality import BAD, UNCERTAIN
from app.domain.rows import settled
from tests.asker import Asker, columns, unmapped, within

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
Point = tuple[int, float]
PLOT = """query ($ids: [ID!]!, $range: Range!, $points: Int! = 800) {series(ids: $ids) {
  plot(range: $range, points: $points) {unit times values quality tier}
}}"""


async def plot(asker: Asker, number: str, start: int, end: int, points: int = 800) -> Any:
    data = await asker.data(PLOT, ids=[number], range=within(start, end), points=points)
    return data["series"][0]["plot"]


async def id_of(asker: Asker, path: str) -> str:
    data = await asker.data("query ($path: String!) {machine(path: $path) {series {id}}}", path=path)
    return str(data["machine"]["series"][0]["id"])


def drawn(answer: Any) -> list[Point]:
    """The readings of a plot, without the nulls of its gaps."""
    pairs = zip(answer["times"], answer["values"], strict=True)
    return [(round(time * 1_000), value) for time, value in pairs if value is not None]


GRAINS = {"PT6H": 360 * MINUTE, "PT1H": 60 * MINUTE, "PT15M": 15 * MINUTE, "PT1M": MINUTE}


def column(start: int, end: int, points: int) -> tuple[int, int]:
    """Origin and width of the columns: whole buckets of the coarsest tier that is no wider than a column."""
    width = -(-(end - start) // points)
    grain = next((grain for grain in GRAINS.values() if grain <= width), None)
    if grain is None:
        return start, width
    origin = start // grain * grain
    return origin, -(-(end - origin) // (points * grain)) * grain


def tier_of(start: int, end: int, points: int) -> str:
    """The coarsest tier whose buckets make up the columns."""
    origin, width = column(start, end, points)
    fitting = [name for name, grain in GRAINS.items() if width % grain == origin % grain == 0]
    return fitting[0] if -(-(end - start) // points) >= MINUTE else "RAW"


def corners(readings: Sequence[Point], start: int, end: int, points: int) -> list[Point]:
    """First, lowest, highest and last of every column, from all readings."""
    origin, width = column(start, end, points)
    parts: dict[int, list[Point]] = {}
    for time, value in sorted(readings):
        if start <= time < end:
            parts.setdefault((time - origin) // width, []).append((time, value))
    assert len(parts) <= points
    found = set()
    for part in parts.values():
        found |= {part[0], min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1]), part[-1]}
    return sorted(found)


def distinct(rnd: random.Random, start: int, end: int, count: int) -> list[Point]:
    """Readings of which no two are equal, so that the lowest and the highest stand at one time each."""
    times = sorted({rnd.randrange(start, end) for _ in range(count)})
    values = rnd.sample(range(-1_000_000, 1_000_000), len(times))
    return [(time, value / 100) for time, value in zip(times, values, strict=True)]


async def test_first_lowest_highest_and_last_of_every_column_before_and_after_the_watermark(asker: Asker) -> None:
    rnd = random.Random(11)
    readings = distinct(rnd, BASE, BASE + 6 * HOUR, 3_000)
    bad = [(time + 1, 1e6, BAD) for time, _ in readings[::10]]
    await asker.send(columns("p/l/m", "x", [*readings, *bad]))
    number = await id_of(asker, "p/l/m")
    asked = [
        (BASE, BASE + 6 * HOUR, 800),
        (BASE, BASE + 6 * HOUR, 100),
        (BASE + 17 * SECOND, BASE + 5 * HOUR + 1, 60),
        (BASE + 1, BASE + 3 * HOUR - 1, 4_000),
        (BASE - DAY, BASE + DAY, 1),
        (BASE + HOUR, BASE + HOUR + 30 * SECOND, 7),
        (BASE - 90 * DAY, BASE + 90 * DAY, 800),
    ]
    asked += [
        (start, start + rnd.randrange(1, 7 * HOUR), rnd.choice([1, 2, 33, 199, 800]))
        for start in (BASE + rnd.randrange(-HOUR, 6 * HOUR) for _ in range(6))
    ]
    before = []
    for watermark in (None, BASE + 2 * HOUR + 5, BASE + DAY):
        if watermark:
            await asker.advance(watermark)
        answers = [await plot(asker, number, *each) for each in asked]
        for (start, end, points), answer in zip(asked, answers, strict=True):
            found = drawn(answer)
            assert found == corners(readings, start, end, points), (watermark, start, end, points)
            assert len(found) <= 4 * points
            assert answer["times"] == sorted(set(answer["times"]))
            assert answer["tier"] == tier_of(start, end, points)
            inside = [value for time, value in readings if start <= time < end]
            if inside:
                assert {min(inside), max(inside)} <= {value for _, value in found}
        before.append([(answer["times"], answer["values"]) for answer in answers])
    assert before[0] == before[1] == before[2]


async def test_late_and_corrected_readings_are_drawn_at_once(asker: Asker) -> None:
    readings = dict(distinct(random.Random(2), BASE, BASE + 4 * HOUR, 500))
    await asker.send(columns("p/l/m", "x", readings.items()))
    await asker.advance(BASE + DAY)
    number = await id_of(asker, "p/l/m")
    late = {BASE + HOUR + 1: 99_999.0, sorted(readings)[77]: -99_999.0}
    readings |= late
    await asker.send(columns("p/l/m", "x", late.items()))
    for _ in range(2):
        answer = await plot(asker, number, BASE, BASE + 4 * HOUR, 50)
        assert drawn(answer) == corners(list(readings.items()), BASE, BASE + 4 * HOUR, 50)
        await asker.advance(BASE + DAY)


async def test_equal_values_are_drawn_at_a_time_at_which_they_occurred(asker: Asker) -> None:
    readings = [(BASE + at * 7 * SECOND, float(at % 3)) for at in range(600)]
    await asker.send(columns("p/l/m", "x", readings))
    number = await id_of(asker, "p/l/m")
    for watermark in (BASE - HOUR, BASE + DAY):
        await asker.advance(watermark)
        found = drawn(await plot(asker, number, BASE, BASE + 70 * MINUTE, 10))
        assert set(found) <= set(readings)
        assert {value for _, value in found} >= {0.0, 2.0}
        assert len(found) <= 40


@pytest.mark.parametrize(
    ("given", "silence", "seen"),
    [
        ({"gap": timedelta(minutes=10)}, 11 * MINUTE, True),
        ({"gap": timedelta(minutes=10)}, 10 * MINUTE, False),
        ({"gap": timedelta(minutes=10), "interval": timedelta(seconds=1)}, 9 * MINUTE, False),
        ({"interval": timedelta(minutes=2)}, 10 * MINUTE, False),
        ({"interval": timedelta(minutes=2)}, 10 * MINUTE + 1, True),
        ({}, 5 * HOUR, False),
    ],
)
async def test_a_silence_longer_than_the_gap_or_five_intervals_puts_one_null_between(
    asker: Asker, given: dict[str, object], silence: int, seen: bool
) -> None:
    await asker.define("x", **given)
    before = [(BASE - at * 30 * SECOND, float(at)) for at in range(40)]
    after = [(BASE + silence + at * 30 * SECOND, float(at)) for at in range(40)]
    bad = [(BASE + silence // 2, 5.0, BAD)]
    await asker.send(columns("p/l/m", "x", [*before, *after, *bad]))
    number = await id_of(asker, "p/l/m")
    for watermark in (BASE - DAY, BASE + DAY):
        await asker.advance(watermark)
        answer = await plot(asker, number, BASE - HOUR, BASE + silence + HOUR)
        nulls = [time * 1_000 for time, value in zip(answer["times"], answer["values"], strict=True) if value is None]
        assert len(nulls) == seen
        assert all(BASE < time < BASE + silence for time in nulls)
        assert answer["times"] == sorted(set(answer["times"]))


async def test_a_silence_that_the_columns_are_too_wide_for_is_no_gap_and_a_long_one_is(asker: Asker) -> None:
    await asker.define("x", interval=timedelta(seconds=1))
    parts = [BASE, BASE + 20 * SECOND, BASE + 3 * DAY]
    await asker.send(*(columns("p/l/m", "x", [(part + at * SECOND, 1.0) for at in range(10)]) for part in parts))
    answer = await plot(asker, await id_of(asker, "p/l/m"), BASE - DAY, BASE + 30 * DAY, 400)
    assert [value is None for value in answer["values"]].count(True) == 1


async def test_the_worst_quality_of_what_was_read_and_the_unit(asker: Asker) -> None:
    await asker.define("x", unit="Cel")
    good = [(BASE + at * SECOND, 1.0) for at in range(10)]
    await asker.send(
        columns("p/l/a", "x", good),
        columns("p/l/b", "x", [*good, (BASE + MINUTE, 2.0, UNCERTAIN)]),
        columns("p/l/c", "x", [*good, (BASE + MINUTE, 2.0, UNCERTAIN), (BASE + HOUR, None, 0xFFFFFFFF)]),
        columns("p/l/d", "x", [(BASE, None, BAD)]),
        unmapped("q", [(BASE + 2 * HOUR, 1.0)]),
    )
    query = """query ($range: Range!) {
      machines {edges {node {series {plot(range: $range, points: 10) {quality unit times values}}}}}
      unmappedSeries {edges {node {plot(range: $range) {quality unit times values tier}}}}
    }"""
    for watermark in (BASE - DAY, BASE + DAY):
        await asker.advance(watermark)
        data = await asker.data(query, range=within(BASE - 30 * MINUTE, BASE + 65 * MINUTE))
        plots = [edge["node"]["series"][0]["plot"] for edge in data["machines"]["edges"]]
        assert [each["quality"] for each in plots] == ["GOOD", "UNCERTAIN", "BAD", "BAD"]
        assert {each["unit"] for each in plots} == {"Cel"}
        assert (plots[3]["times"], plots[3]["values"]) == ([], [])
        empty: dict[str, object] = {"quality": "GOOD", "unit": None, "times": [], "values": [], "tier": "RAW"}
        assert data["unmappedSeries"]["edges"][0]["node"]["plot"] == empty


@pytest.mark.alone
async def test_a_year_in_one_plot_comes_from_the_coarsest_tier_and_loses_no_spike(asker: Asker) -> None:
    await asker.send(columns("p/l/m", "x", [(BASE, 0.0)]), columns("p/l/n", "x", [(BASE, 0.0)]))
    number, minutes = await id_of(asker, "p/l/m"), np.arange(365 * 1_440, dtype=np.int64)
    minutes = minutes[minutes // 1_440 % 63 < 3]  # a few days of every ninth week
    values = np.random.default_rng(1).permutation(len(minutes)) / 7
    times = BASE + minutes * MINUTE
    rows = settled(np.ones(len(times), np.int32), times, values, np.zeros(len(times), np.uint32))
    await asker.house.committer.writer.store(rows)
    end = BASE + 365 * DAY
    await asker.advance(end)
    began = perf_counter()
    answer = await plot(asker, number, BASE, end)
    took = perf_counter() - began
    pairs = list(zip(times.tolist(), values.tolist(), strict=True))
    assert drawn(answer) == corners(pairs, BASE, end, 800)
    assert answer["tier"] == "PT6H"
    assert took < 0.2
