"""Series as askers see them: buckets against an obvious truth in plain Python."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from app.domain.instants import MINUTE, SECOND, microseconds
from app.domain.quality import BAD, UNCERTAIN
from tests.asker import Asker, columns, unmapped, within

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
ORIGIN = microseconds(datetime(2000, 1, 3, tzinfo=UTC))
HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
STEPS = {
    "PT1M": MINUTE,
    "PT7M": 7 * MINUTE,
    "PT90S": 90 * SECOND,
    "PT15M": 15 * MINUTE,
    "PT6H": 6 * HOUR,
    "PT5H": 5 * HOUR,
    "P1D": DAY,
    "P1W": 7 * DAY,
}
NAMES = ("starts", "ends", "count", "average", "minimum", "maximum", "first", "last", "coverage")


class Row(NamedTuple):
    """A reading, in microseconds."""

    time: int
    value: float | None
    status: int = 0


def truth(
    rows: Sequence[Row], start: int, end: int, width: int, *, state: bool = False, interval: int = 0
) -> dict[str, list[Any]]:
    """Whole buckets over the range, from all readings: slow and obvious."""
    settled = {row.time: row for row in rows}
    found: dict[str, list[Any]] = {name: [] for name in NAMES}
    parts: dict[int, list[Row]] = {}
    for time in sorted(settled):
        parts.setdefault((time - ORIGIN) // width, []).append(settled[time])
    for number in sorted(parts):
        begins = ORIGIN + number * width
        if begins + width <= start or begins >= end:
            continue
        values = [row.value for row in parts[number] if row.status < BAD and row.value is not None]
        expected = width / interval if interval else 0
        bucket = (
            begins / 1_000,
            (begins + width) / 1_000,
            len(values),
            math.fsum(values) / len(values) if values and not state else None,
            min(values, default=None),
            max(values, default=None),
            values[0] if values else None,
            values[-1] if values else None,
            min(len(values) / expected, 1.0) if expected else None,
        )
        for name, value in zip(NAMES, bucket, strict=True):
            found[name].append(value)
    return found


def same(found: Any, expected: Any) -> bool:
    """Equal, floats to 1e-9."""
    if isinstance(expected, dict):
        return expected.keys() == found.keys() and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(same, found, expected))
    if isinstance(expected, float) and isinstance(found, int | float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return bool(found == expected)


def messy(rnd: random.Random, start: int, end: int, count: int) -> list[Row]:
    """Readings at odd times, of every quality; some right on the edges of buckets."""
    times = {rnd.randrange(start, end) for _ in range(count)}
    times |= {time // MINUTE * MINUTE for time in rnd.sample(sorted(times), count // 5)}
    return [reading(rnd, time) for time in sorted(times)]


def reading(rnd: random.Random, time: int) -> Row:
    status = rnd.choice([0, 0, 0, 0x00300000, UNCERTAIN, 0x40900000, BAD, 0x808C0000, 0xFFFFFFFF])
    value = None if status >= BAD and rnd.random() < 0.5 else round(rnd.gauss(20, 5), 3)
    return Row(time, value, status)


BUCKETS = "{starts ends count average minimum maximum first last coverage}"
QUESTION = (
    "query ($ids: [ID!]!, $range: Range!) {series(ids: $ids) {"
    + " ".join(f'{step}: buckets(range: $range, every: "{step}") {BUCKETS}' for step in STEPS)
    + "}}"
)


async def id_of(asker: Asker, path: str, metric: str) -> str:
    query = "query ($path: String!, $metric: String!) {machine(path: $path) {series(metrics: [$metric]) {id}}}"
    return str((await asker.data(query, path=path, metric=metric))["machine"]["series"][0]["id"])


async def test_buckets_are_the_truth_before_and_after_the_watermark_and_with_late_rows_at_once(asker: Asker) -> None:
    rnd = random.Random(7)
    await asker.define("temperature", interval=timedelta(seconds=10))
    await asker.define("status", kind="STATE", interval=timedelta(minutes=1))
    rows = {name: messy(rnd, BASE, BASE + 12 * HOUR, 700) for name in ("temperature", "status", "raw tag")}
    for name in rows:
        rows[name] += messy(rnd, BASE - 9 * DAY, BASE + 9 * DAY, 150)

    async def send(name: str, some: Sequence[Row]) -> None:
        await asker.send(unmapped(name, some) if name == "raw tag" else columns("p/l/m", name, some))

    for name, some in rows.items():
        await send(name, some)
    ids = [await id_of(asker, "p/l/m", "temperature"), await id_of(asker, "p/l/m", "status")]
    query = "{unmappedSeries {edges {node {id}}}}"
    ids.append((await asker.data(query))["unmappedSeries"]["edges"][0]["node"]["id"])
    kinds: list[dict[str, Any]] = [{"interval": 10 * SECOND}, {"interval": MINUTE, "state": True}, {}]

    async def check(when: str) -> None:
        for _ in range(2):
            start = BASE + rnd.randrange(-10 * DAY, 11 * HOUR)
            end = start + rnd.choice([1, MINUTE, rnd.randrange(1, 3 * HOUR), rnd.randrange(1, 20 * DAY)])
            found = (await asker.data(QUESTION, ids=ids, range=within(start, end)))["series"]
            for answer, name, kind in zip(found, rows, kinds, strict=True):
                for step, width in STEPS.items():
                    expected = truth(rows[name], start, end, width, **kind)
                    assert same(answer[step], expected), (when, name, step, start, end, answer[step], expected)

    await check("before the watermark moves")
    await asker.advance(BASE + 5 * HOUR + 17)
    await check("watermark in the middle")
    for name in rows:
        late = messy(rnd, BASE, BASE + 6 * HOUR, 20) + messy(rnd, BASE - 8 * DAY, BASE + 8 * DAY, 20)
        late += [reading(rnd, row.time) for row in rnd.sample(rows[name], 40)]
        rows[name] += late
        await send(name, rnd.sample(late, len(late)))
        await check("late rows, not yet refreshed")
    await asker.advance(BASE + 30 * DAY)
    await check("all refreshed")
    await send("temperature", corrected := [Row(rows["temperature"][9].time, -50.0)])
    rows["temperature"] += corrected
    await check("one correction far behind the watermark")
    await asker.advance(BASE + 30 * DAY)
    await check("and refreshed")


async def test_one_measure_alone_and_every_alias_say_the_same(asker: Asker) -> None:
    rows = messy(random.Random(3), BASE, BASE + HOUR, 200)
    await asker.send(columns("p/l/m", "x", rows))
    await asker.advance(BASE + 20 * MINUTE)
    number, asked = await id_of(asker, "p/l/m", "x"), within(BASE + 90 * SECOND, BASE + HOUR)
    expected = truth(rows, BASE + 90 * SECOND, BASE + HOUR, 7 * MINUTE)
    for name in NAMES:
        query = (
            "query ($ids: [ID!]!, $range: Range!) {series(ids: $ids)"
            ' {buckets(range: $range, every: "PT7M") {... on Buckets {...F}}}} fragment F on Buckets {it: %s}'
        )
        found = (await asker.data(query % name, ids=[number], range=asked))["series"][0]["buckets"]
        assert same(found["it"], expected[name])
    query = """query ($ids: [ID!]!, $range: Range!) {series(ids: $ids) {
      a: buckets(range: $range, every: "PT7M") {average} b: buckets(range: $range, every: "PT420S") {last count}
      a: buckets(range: $range, every: "PT7M") {maximum}
    }}"""
    found = (await asker.data(query, ids=[number], range=asked))["series"][0]
    assert same(found["a"], {name: expected[name] for name in ("average", "maximum")})
    assert same(found["b"], {name: expected[name] for name in ("last", "count")})


async def test_a_bucket_has_one_value_whatever_range_asks_and_says_where_it_comes_from(asker: Asker) -> None:
    rows = [Row(BASE + at * SECOND, float(at)) for at in range(0, 3_600, 5)]
    await asker.send(columns("p/l/m", "x", rows))
    await asker.advance(BASE + 45 * MINUTE)
    number = await id_of(asker, "p/l/m", "x")
    query = """query ($ids: [ID!]!, $range: Range!, $every: Duration!) {series(ids: $ids) {
      buckets(range: $range, every: $every) {starts ends count average tier unit}
    }}"""
    whole = {"starts": [BASE / 1_000], "ends": [BASE / 1_000 + 900_000], "count": [180], "average": [447.5]}
    edges = (0, 1), (899_999_999, 900_000_000), (1, 899_999_999), (0, 900_000_000), (450 * SECOND, 451 * SECOND)
    for start, end in edges:
        found = await asker.data(query, ids=[number], range=within(BASE + start, BASE + end), every="PT15M")
        assert found["series"][0]["buckets"] == {**whole, "tier": "PT15M", "unit": None}
    found = await asker.data(query, ids=[number], range=within(BASE, BASE + 1), every="PT1.5S")
    assert found["series"][0]["buckets"] == {
        "starts": [BASE / 1_000],
        "ends": [BASE / 1_000 + 1_500],
        "count": [1],
        "average": [0.0],
        "tier": "RAW",
        "unit": None,
    }
    found = await asker.data(query, ids=[number], range=within(BASE - DAY, BASE - HOUR), every="PT1M")
    empty: dict[str, list[float]] = {name: [] for name in whole}
    assert found["series"][0]["buckets"] == {**empty, "tier": "PT1M", "unit": None}


async def test_a_bucket_of_only_bad_readings_exists_with_nulls(asker: Asker) -> None:
    await asker.define("x", interval=timedelta(seconds=1), unit="bar")
    rows = [Row(BASE, None, BAD), Row(BASE + SECOND, 5.0, 0x808C0000), Row(BASE + 3 * MINUTE, 1.0, UNCERTAIN)]
    await asker.send(columns("p/l/m", "x", rows))
    number, nothing = await id_of(asker, "p/l/m", "x"), [None, 1.0]
    query = (
        'query ($ids: [ID!]!, $range: Range!) {series(ids: $ids) {buckets(range: $range, every: "PT1M") '
        "{starts ends count average minimum maximum first last coverage unit}}}"
    )
    for watermark in (BASE - MINUTE, BASE + HOUR):
        await asker.advance(watermark)
        found = (await asker.data(query, ids=[number], range=within(BASE, BASE + HOUR)))["series"][0]["buckets"]
        assert found == {
            "unit": "bar",
            "starts": [BASE / 1_000, BASE / 1_000 + 180_000],
            "ends": [BASE / 1_000 + 60_000, BASE / 1_000 + 240_000],
            "count": [0, 1],
            "coverage": [0.0, pytest.approx(1 / 60)],
            **dict.fromkeys(("average", "minimum", "maximum", "first", "last"), nothing),
        }


async def test_coverage_of_the_running_bucket_counts_up_to_now(asker: Asker) -> None:
    await asker.define("x", interval=timedelta(seconds=60))
    now = microseconds(datetime.now(UTC))
    rows = [Row(now // MINUTE * MINUTE - at * MINUTE, float(at)) for at in range(3 * 10_080)]
    await asker.send(columns("p/l/m", "x", rows))
    number = await id_of(asker, "p/l/m", "x")
    query = """query ($ids: [ID!]!) {series(ids: $ids) {
      week: buckets(range: {last: "PT1S"}, every: "P1W") {coverage starts ends count}
      weeks: buckets(range: {last: "P14D"}, every: "P1W") {coverage}
    }}"""
    series = (await asker.data(query, ids=[number]))["series"][0]
    after = microseconds(datetime.now(UTC))
    week = series["week"]
    starts, count = week["starts"][-1] * 1_000, week["count"][-1]
    least, most = (min(count / ((at - starts) / MINUTE), 1) for at in (after, now))
    assert starts <= now < week["ends"][-1] * 1_000
    assert least - 1e-9 <= week["coverage"][-1] <= most + 1e-9
    assert week["coverage"][-1] > 0.99 or after - starts < 100 * MINUTE
    assert series["weeks"]["coverage"][1] == 1.0


async def test_a_bucket_that_has_not_begun_is_covered_by_what_it_has_or_says_nothing(asker: Asker) -> None:
    await asker.define("x", interval=timedelta(seconds=60))
    ahead = microseconds(datetime.now(UTC)) // HOUR * HOUR + 2 * HOUR
    await asker.send(columns("p/l/m", "x", [(ahead, 1.0), (ahead + HOUR, 2.0, BAD)]))
    query = """query ($ids: [ID!]!, $range: Range!) {series(ids: $ids) {
      buckets(range: $range, every: "PT1H") {count coverage}
    }}"""
    asked = within(ahead - DAY, ahead + DAY)
    series = (await asker.data(query, ids=[await id_of(asker, "p/l/m", "x")], range=asked))["series"][0]
    assert series["buckets"] == {"count": [1, 0], "coverage": [1.0, None]}
