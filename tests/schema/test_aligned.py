"""Series of a line seen from its start: what happened to the same material stands at the same time."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import isodate
import pytest

from app.domain.instants import MINUTE, SECOND, instant, microseconds
from app.domain.policy import Policy
from app.domain.tiers import ORIGIN
from tests.asker import Asker, columns, within

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
TRANSITS = {"saw": "PT0S", "oven": "PT7M30S", "press": "PT45S", "lamp": "PT45S", "crane": "PT2H", "late": "P3DT0.001S"}
OFFSETS = {"saw": 0, "oven": 450 * SECOND, "press": 45 * SECOND, "lamp": 45 * SECOND, "crane": 2 * HOUR}
QUERY = """query ($metrics: [String!]!, $range: Range!, $every: Duration!) {line(path: "p/l") {
  aligned(metrics: $metrics, range: $range, every: $every) {
    offset series {metric {name} machine {code}}
    buckets {starts ends count average minimum maximum first last finality coverage tier unit}
  }
}}"""
Readings = Sequence[tuple[int, float]]


@pytest.fixture
async def line(asker: Asker) -> Asker:
    """Machines in another order than that of their names, each with two metrics; one of them has none."""
    machines = "".join(f"    - {{code: {code}, transit: {transit}}}\n" for code, transit in TRANSITS.items())
    await asker.house.model.apply(f"plants:\n- code: p\n  lines:\n  - code: l\n    machines:\n{machines}", "line.yaml")
    await asker.define("speed", interval=timedelta(seconds=10))
    return asker


def drawn(seed: int, seconds: int) -> list[tuple[int, float]]:
    """Readings of six hours, whole numbers so that sums are exact in any order."""
    rnd = random.Random(seed)
    return [
        (BASE + at * SECOND + rnd.randrange(SECOND), float(rnd.randrange(1_000))) for at in range(0, 21_600, seconds)
    ]


async def aligned(asker: Asker, start: int, end: int, every: str, *metrics: str) -> Any:
    asked = {"metrics": list(metrics), "range": within(start, end), "every": every}
    return (await asker.data(QUERY, **asked))["line"]["aligned"]


def expected(readings: Readings, start: int, end: int, step: int, offset: int) -> list[tuple[Any, ...]]:
    """Start, end, count, sum and the corners of each bucket of the line's grid that overlaps the range."""
    found: dict[int, list[float]] = {}
    for time, value in readings:
        at = ORIGIN + (time - offset - ORIGIN) // step * step
        if at + step > start and at < end:
            found.setdefault(at, []).append(value)
    return [
        (at / 1_000, (at + step) / 1_000, len(v), sum(v) / len(v), min(v), max(v), v[0], v[-1])
        for at, v in sorted(found.items())
    ]


def answered(buckets: Any) -> list[tuple[Any, ...]]:
    names = ("starts", "ends", "count", "average", "minimum", "maximum", "first", "last")
    return list(zip(*(buckets[name] for name in names), strict=True))


async def test_buckets_are_those_of_the_readings_moved_back_whatever_range_asks(line: Asker) -> None:
    readings = {code: drawn(seed, 7) for seed, code in enumerate(OFFSETS)}
    await line.send(*(columns(f"p/l/{code}", "speed", rows) for code, rows in readings.items()))
    asked = [
        (BASE, BASE + 6 * HOUR, "PT1M", MINUTE),
        (BASE - HOUR, BASE + 9 * HOUR, "PT1H", HOUR),
        (BASE + HOUR + 1, BASE + HOUR + 2, "PT1H", HOUR),
        (BASE + 90 * MINUTE, BASE + 4 * HOUR, "PT7M", 7 * MINUTE),
        (BASE + HOUR, BASE + HOUR + MINUTE, "PT0.5S", SECOND // 2),
        (BASE - DAY, BASE + DAY, "P7D", 7 * DAY),
    ]
    before: list[Any] = []
    for watermark in (0, BASE + 2 * HOUR + 5 * MINUTE, BASE + 2 * DAY):
        await line.advance(watermark)
        for start, end, every, step in asked:
            found = await aligned(line, start, end, every, "speed")
            assert [each["series"]["machine"]["code"] for each in found] == list(OFFSETS), "as the material flows"
            for each in found:
                code = each["series"]["machine"]["code"]
                assert isodate.parse_duration(each["offset"]) == timedelta(microseconds=OFFSETS[code])
                wanted = expected(readings[code], start, end, step, OFFSETS[code])
                assert answered(each["buckets"]) == wanted, (watermark, every, code)
        late = (await aligned(line, BASE - 2 * HOUR, BASE + 4 * HOUR, "PT1H", "speed"))[4]["buckets"]
        assert late["starts"][0] == (BASE - 2 * HOUR) / 1_000, "what the crane did first entered two hours before"
        before.append(late["finality"])
    assert before == [["PROVISIONAL"] * 6, ["FINAL"] * 2 + ["PROVISIONAL"] * 4, ["FINAL"] * 6]
    # Seen from the start, the hour of the crane is that of its own clock two hours later: the tier of hours has it.
    assert {each["buckets"]["tier"] for each in found} == {"PT6H"}
    hours = await aligned(line, BASE, BASE + 3 * HOUR, "PT1H", "speed")
    assert [each["buckets"]["tier"] for each in hours] == ["PT1H", "PT15M", "PT15M", "PT15M", "PT1H"]


async def test_series_are_named_by_metric_and_what_is_not_there_is_left_out(line: Asker) -> None:
    rows = [(BASE, 1.0)]
    await line.send(
        columns("p/l/saw", "speed", rows), columns("p/l/saw", "power", rows), columns("p/l/oven", "heat", rows)
    )
    await line.send(columns("p/l/oven", "power", rows), columns("q/l/saw", "power", rows))

    async def named(*metrics: str) -> list[tuple[str, str]]:
        found = await aligned(line, BASE, BASE + HOUR, "PT1M", *metrics)
        return [(each["series"]["machine"]["code"], each["series"]["metric"]["name"]) for each in found]

    assert await named("speed", "power", "none") == [("saw", "power"), ("saw", "speed"), ("oven", "power")]
    assert await named("power", "power") == [("saw", "power"), ("oven", "power")]
    assert await named("none") == await named() == []


async def test_increases_revisions_and_coverage_are_those_of_the_shifted_hours(line: Asker) -> None:
    await line.define("parts", kind="COUNTER", interval=timedelta(minutes=1))
    counted = [(BASE + at * MINUTE, float(at % 100)) for at in range(240)]
    await line.send(columns("p/l/oven", "parts", counted), columns("p/l/saw", "parts", counted))
    query = QUERY.replace("unit}", "increase revisedAt}")
    asked = {"metrics": ["parts"], "range": within(BASE - HOUR, BASE + 4 * HOUR), "every": "PT1H"}
    for watermark in (0, BASE + DAY):
        await line.advance(watermark)
        saw, oven = ((each["buckets"]) for each in (await line.data(query, **asked))["line"]["aligned"])
        # By the oven's clock 7:07:30, 8:07:30 and so on; the counter fell from 99 to 0 at 9:40 and at 11:20.
        assert (saw["count"], saw["increase"]) == ([60] * 4, [59.0, 59.0, 60.0, 59.0])
        assert (oven["count"], oven["increase"]) == ([8, 60, 60, 60, 52], [7.0, 60.0, 59.0, 60.0, 51.0])
        assert oven["coverage"] == pytest.approx([8 / 60, 1, 1, 1, 52 / 60])
        assert oven["revisedAt"] == [None] * 5
    await line.send(columns("p/l/oven", "parts", [(BASE + 8 * MINUTE, 8.5)]))
    await line.advance(BASE + DAY)
    _, oven = ((each["buckets"]) for each in (await line.data(query, **asked))["line"]["aligned"])
    assert oven["increase"] == [7.0, 60.0, 59.0, 60.0, 51.0], "only the middle of an hour has changed"
    assert oven["finality"] == ["REVISED", "REVISED", "FINAL", "FINAL", "FINAL"], "the quarter lies in both"
    assert oven["revisedAt"][1] is not None


async def test_what_cannot_be_exact_or_is_too_much_is_refused(line: Asker) -> None:
    await line.send(*(columns(f"p/l/{code}", "speed", drawn(1, 60)) for code in ("saw", "press", "late")))
    await line.advance(BASE + DAY)
    everything = {"metrics": ["speed"], "every": "PT1M"}
    fault = await line.fault(QUERY, **everything | {"range": within(BASE - 400 * DAY, BASE)})
    assert (fault.code, fault.message) == ("BAD_USER_INPUT", "The range has more than 100,000 steps.")
    for every in ("PT0S", "P8D"):
        fault = await line.fault(QUERY, **everything | {"range": within(BASE, BASE + DAY), "every": every})
        assert "between a millisecond and a week" in fault.message
    await line.advance(BASE + 30 * DAY)
    await line.house.policies.set({"RAW": Policy(keep=timedelta(days=10))})
    assert await line.house.policies.carry_out(instant(BASE + 30 * DAY))
    asked = everything | {"range": within(BASE, BASE + HOUR)}
    fault = await line.fault(QUERY, **asked)
    assert (fault.code, "are made of RAW" in fault.message) == ("BAD_USER_INPUT", True)
    await line.house.model.apply(
        "plants:\n- code: p\n  lines:\n  - code: l\n    machines:\n"
        "    - {code: press, transit: PT3M}\n    - {code: late, transit: PT2M}\n",
        "line.yaml",
    )
    found = (await line.data(QUERY, **asked))["line"]["aligned"]
    assert [each["buckets"]["tier"] for each in found] == ["PT1M"] * 3
    assert [sum(each["buckets"]["count"]) for each in found] == [60] * 3, "whole minutes are still known"
