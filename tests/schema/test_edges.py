"""Values and times at the edges of what is accepted, and series that hold nothing but bad readings, on each engine."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.instants import MINUTE, SECOND, microseconds
from tests.asker import Asker, columns, within
from tests.holdings import kept_readings, kept_refusals

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2026, 3, 2, 8, tzinfo=UTC))
BUCKETS = """query ($range: Range!, $every: Duration!) {machine(path: "p/l/m") {series {
  latest {value quality} plot(range: $range) {times values quality}
  buckets(range: $range, every: $every) {starts count bad average minimum maximum first last finality}
}}}"""


async def sent(asker: Asker, *rows: tuple[int, float | None]) -> Any:
    """What the JSON door says to readings (microseconds, value), and what the other door says to the same as lines."""
    series = columns("p/l/m", "x", rows)
    answer = await asker.client.post("/api/v1/readings", json={"series": [series]})
    lines = "\n".join(f"y,plant=p,line=l,machine=m value={value!r} {time * 1_000}" for time, value in rows)
    other = await asker.client.post("/write", content=lines)
    refused = other.json()["refusedCount"] if other.status_code == 400 else 0
    assert (answer.status_code, refused) == (other.status_code if refused else 200, len(answer.json()["refused"]))
    return answer.json()


async def test_the_largest_values_are_kept_and_summed_and_larger_ones_refused(asker: Asker) -> None:
    kept = [(BASE + at * SECOND, value) for at, value in enumerate((1e150, -1e150, 1e150, 5e-324, -0.0, 1e150))]
    assert (await sent(asker, *kept))["stored"] == 6
    answer = await sent(asker, (BASE + 10 * SECOND, 1.0000000000000002e150), (BASE + 11 * SECOND, -1.7e308))
    assert (answer["stored"], {each["reason"] for each in answer["refused"]}) == (
        0,
        {"the value is larger than 1e+150"},
    )
    assert len(await kept_refusals(asker.house.database)) == 4
    stored = await kept_readings(asker.house.database)
    assert [[value for _, value, _ in rows] for rows in stored.values()] == [[value for _, value in kept]] * 2
    for watermark in (0, BASE + 7 * 60 * MINUTE):
        await asker.advance(watermark)
        for every in ("PT1M", "PT15M", "PT1H", "PT6H"):
            data = await asker.data(BUCKETS, range=within(BASE, BASE + MINUTE), every=every)
            found = data["machine"]["series"][0]["buckets"]
            assert (found["count"], found["minimum"], found["maximum"]) == ([6], [-1e150], [1e150])
            assert found["average"] == [pytest.approx(2e150 / 6)]


async def test_the_earliest_and_the_latest_times_are_kept_and_those_beyond_refused(asker: Asker) -> None:
    now = microseconds(datetime.now(UTC))
    day = timedelta(days=1) // timedelta(microseconds=1)
    assert (await sent(asker, (0, 1.0), (now + day - 60 * SECOND, 2.0)))["stored"] == 2
    answer = await sent(asker, (-1, 1.0), (now + day + 60 * SECOND, 2.0))
    assert [each["reason"] for each in answer["refused"]] == [
        "the time lies before the earliest accepted (LINEGRAPH_EARLIEST)",
        "the time lies too far ahead of now (LINEGRAPH_AHEAD)",
    ]
    await asker.advance(now)
    data = await asker.data(BUCKETS, range=within(0, SECOND), every="P1D")
    found = data["machine"]["series"][0]["buckets"]
    assert (found["starts"], found["count"], found["finality"]) == ([0.0], [1], ["FINAL"])


async def test_a_series_whose_every_reading_is_bad_has_buckets_without_values(asker: Asker) -> None:
    rows = [(BASE + at * MINUTE, None if at % 2 else 9.0, 0x80000000) for at in range(20)]
    await asker.send(columns("p/l/m", "x", rows))
    for watermark in (0, BASE + 7 * 60 * MINUTE):
        await asker.advance(watermark)
        for every, bad in (("PT15M", [15, 5]), ("PT1H", [20]), ("PT6H", [20])):
            data = await asker.data(BUCKETS, range=within(BASE, BASE + 20 * MINUTE), every=every)
            [series] = data["machine"]["series"]
            found = series["buckets"]
            assert (found["count"], found["bad"]) == ([0] * len(bad), bad)
            for name in ("average", "minimum", "maximum", "first", "last"):
                assert found[name] == [None] * len(bad), name
            assert series["plot"] == {"times": [], "values": [], "quality": "BAD"}
            assert series["latest"]["quality"] == "BAD"
