"""Ranges that end within the hour that clocks show twice: steps are whole, and the same however it is named."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.instants import MINUTE, instant, microseconds
from tests.asker import Asker, columns

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 10, 25, 22, tzinfo=UTC))
"""Berlin's midnight a day before its clocks go back, which they do at 01:00 UTC of the 27th."""
QUERY = """query ($to: DateTime!, $by: CalendarStep!) {machine(path: "p/l/m") {series {
  buckets(range: {from: "2024-10-26T21:59:59Z", to: $to}, by: $by) {starts ends count first last}
}}}"""
FIRST = ["2024-10-27T02:30:00+02:00", "2024-10-27T00:30:00Z", "2024-10-27T02:00:00.000001+02:00"]
SECOND = ["2024-10-27T02:30:00+01:00", "2024-10-27T01:30:00Z", "2024-10-27T03:00:00+01:00"]


@pytest.fixture
async def berlin(asker: Asker) -> Asker:
    """A reading every ten minutes for three days; each day of production begins at half past two."""
    model = "plants: [{code: p, time_zone: Europe/Berlin, production_day_starts: '02:30'}]"
    await asker.house.model.apply(model, "berlin.yaml")
    await asker.send(columns("p/l/m", "x", [(BASE + at * 10 * MINUTE, float(at)) for at in range(3 * 144)]))
    return asker


async def buckets(asker: Asker, to: str, by: str) -> dict[str, Any]:
    found = (await asker.data(QUERY, to=to, by=by))["machine"]["series"][0]["buckets"]
    edges = {name: [f"{instant(round(at * 1_000)):%d %H:%M}" for at in found[name]] for name in ("starts", "ends")}
    return {**found, **edges}


async def test_hours_days_and_production_days_that_end_there(berlin: Asker) -> None:
    for watermark in (0, BASE + 26 * 60 * MINUTE + 7 * MINUTE, BASE + 200 * 60 * MINUTE):
        await berlin.advance(watermark)
        for to in FIRST + SECOND:
            assert await buckets(berlin, to, "HOUR") == {
                "starts": ["26 21:00", "26 22:00", "26 23:00", "27 00:00"],
                "ends": ["26 22:00", "26 23:00", "27 00:00", "27 02:00"],
                "count": [6, 6, 6, 12],
                "first": [138, 144, 150, 156],
                "last": [143, 149, 155, 167],
            }, (watermark, to)
            assert await buckets(berlin, to, "DAY") == {
                "starts": ["25 22:00", "26 22:00"],
                "ends": ["26 22:00", "27 23:00"],
                "count": [144, 150],
                "first": [0, 144],
                "last": [143, 293],
            }, (watermark, to)
        for to, last in ((FIRST[0], "27 00:30"), (FIRST[2], "27 00:30"), (SECOND[0], "28 01:30")):
            found = await buckets(berlin, to, "PRODUCTION_DAY")
            assert found["ends"][-1] == last, "half past two is the first of the two"
            assert found["count"] == [144, 150][: len(found["count"])]


async def test_a_range_of_which_both_ends_show_the_same_clock_is_an_hour(berlin: Asker) -> None:
    query = """query ($from: DateTime!, $to: DateTime!) {machine(path: "p/l/m") {series {
      readings(range: {from: $from, to: $to}) {values} buckets(range: {from: $from, to: $to}, by: HOUR) {count}
    }}}"""
    data = await berlin.data(query, **{"from": FIRST[0], "to": SECOND[0]})
    assert data["machine"]["series"] == [
        {"readings": {"values": [159, 160, 161, 162, 163, 164]}, "buckets": {"count": [12]}}
    ]
    backwards = await berlin.fault(query, **{"from": SECOND[0], "to": FIRST[0]})
    assert (backwards.code, backwards.message) == ("BAD_USER_INPUT", "The range ends before it starts, or is empty.")
