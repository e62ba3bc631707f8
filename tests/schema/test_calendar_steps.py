"""Calendar steps, filling and the counts of quality, as clients ask for them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.instants import MINUTE, SECOND, instant, microseconds
from app.store.database import Database
from tests.asker import Asker, asking, columns, within, written

pytestmark = pytest.mark.anyio

HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
BASE = microseconds(datetime(2024, 3, 28, 23, tzinfo=UTC))
"""Berlin's midnight three days before its clocks change."""
ZONES = {"berlin": "Europe/Berlin", "kolkata": "Asia/Kolkata", "kathmandu": "Asia/Kathmandu", "utc": "UTC"}
QUERY = """query ($range: Range!, $by: CalendarStep, $fill: Fill! = NONE) {
  machines {edges {node {plant {code} series {
    buckets(range: $range, by: $by, fill: $fill) {starts ends count average first last tier}
  }}}}
}"""


@pytest.fixture
async def plants(asker: Asker) -> Asker:
    """One machine in each of four zones with a reading every ten minutes for eight days."""
    model = "plants:\n" + "".join(
        f"  - {{code: {code}, time_zone: {zone}, production_day_starts: '06:10'}}\n" for code, zone in ZONES.items()
    )
    await asker.house.model.apply(model, "zones.yaml")
    rows = [(BASE + at * 10 * MINUTE, float(at)) for at in range(8 * 144)]
    await asker.send(*(columns(f"{code}/l/m", "x", rows) for code in ZONES))
    return asker


async def by_plant(asker: Asker, **asked: Any) -> dict[str, Any]:
    data = await asker.data(QUERY, **asked)
    nodes = [edge["node"] for edge in data["machines"]["edges"]]
    return {node["plant"]["code"]: node["series"][0]["buckets"] for node in nodes}


def clocks(zone: str, times: list[float]) -> list[str]:
    return [f"{instant(round(at * 1_000)).astimezone(ZoneInfo(zone)):%d %H:%M}" for at in times]


async def test_days_are_those_of_each_plant_before_and_after_the_watermark(plants: Asker) -> None:
    answers = []
    for watermark in (0, BASE + 3 * DAY + 5 * HOUR + 7 * MINUTE, BASE + 20 * DAY):
        await plants.advance(watermark)
        answers.append(await by_plant(plants, range=within(BASE + DAY, BASE + 4 * DAY), by="DAY"))
        for code, found in answers[-1].items():
            assert all(shown.endswith("00:00") for shown in clocks(ZONES[code], found["starts"])), code
            assert found["ends"][:-1] == found["starts"][1:]
        assert answers[-1]["berlin"]["count"] == [144, 138, 144, 144], "the day of the change has 23 hours"
        assert answers[-1]["berlin"]["first"] == [144.0, 288.0, 426.0, 570.0]
        assert answers[-1]["utc"]["count"] == [144] * 4
        for each in answers[-1].values():
            each.pop("tier")
    assert answers[0] == answers[1] == answers[2]


async def test_production_days_hours_weeks_and_months(plants: Asker) -> None:
    await plants.advance(BASE + 5 * DAY + 3 * HOUR)
    asked = within(BASE, BASE + 8 * DAY)
    for step, shown, number in (("PRODUCTION_DAY", "06:10", 9), ("WEEK", "00:00", 2), ("MONTH", "00:00", 2)):
        found = (await by_plant(plants, range=asked, by=step))["berlin"]
        assert (len(found["starts"]), sum(found["count"])) == (number, 8 * 144)
        assert all(each.endswith(shown) for each in clocks("Europe/Berlin", found["starts"]))
    hours = await by_plant(plants, range=within(BASE + 2 * DAY, BASE + 2 * DAY + 4 * HOUR), by="HOUR")
    assert clocks("Europe/Berlin", hours["berlin"]["starts"]) == ["31 00:00", "31 01:00", "31 03:00", "31 04:00"]
    assert clocks("Asia/Kathmandu", hours["kathmandu"]["starts"])[:2] == ["31 04:00", "31 05:00"]
    assert hours["kathmandu"]["count"][1:-1] == [6, 6, 6]


async def test_filled_steps_go_up_to_now_and_no_further(database: Database) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    start = microseconds(now) // HOUR * HOUR - 5 * HOUR
    async with asking(database) as asker:
        rows = [(start - DAY, 4.0), (start + 2 * HOUR, 8.0), (start + 2 * HOUR + MINUTE, None, 0x80000000)]
        await asker.send(columns("p/l/m", "x", rows))
        for fill, averages in {
            "NULLS": [None, None, 8.0, None, None, None],
            "PREVIOUS": [4.0, 4.0, 8.0, 8.0, 8.0, 8.0],
            "LINEAR": [None, None, 8.0, None, None, None],
        }.items():
            found = (await by_plant(asker, range=within(start, start + 9 * HOUR), by="HOUR", fill=fill))["p"]
            assert found["average"] == averages, fill
            assert found["count"] == [0, 0, 1, 0, 0, 0]
        span = {"start": written(start), "end": written(start + 1_000 * DAY)}
        query = """query ($start: DateTime!, $end: DateTime!) {machine(path: "p/l/m") {series {
          buckets(range: {from: $start, to: $end}, every: "PT0.001S", fill: NULLS) {starts}}}}"""
        fault = await asker.fault(query, **span)
        assert fault.code == "BAD_USER_INPUT"
        assert "the limit is 5,000,000" in fault.message


async def test_a_step_is_fixed_or_of_the_calendar(asker: Asker) -> None:
    await asker.send(columns("p/l/m", "x", [(BASE, 1.0)]))
    for steps in ("", 'every: "PT1H", by: DAY,'):
        query = 'query ($range: Range!) {machine(path: "p/l/m") {series {buckets(STEPS range: $range) {starts}}}}'
        fault = await asker.fault(query.replace("STEPS", steps), range=within(BASE, BASE + DAY))
        assert (fault.code, fault.hint) == ("BAD_USER_INPUT", "Write every: PT1H, or by: DAY.")
    query = '{machine(path: "p/l/m") {series {buckets(range: {last: "P1D"}, by: SHIFT) {starts}}}}'
    assert (await asker.fault(query)).code == "GRAPHQL_VALIDATION_FAILED"


async def test_qualities_are_counted_and_the_worst_is_told(asker: Asker) -> None:
    rows = [(BASE, 1.0, 0), (BASE + SECOND, 2.0, 0x40000000), (BASE + 2 * SECOND, 3.0, 0x808C0000)]
    await asker.send(columns("p/l/m", "x", [*rows, (BASE + MINUTE, 1.0, 0), (BASE + 3 * MINUTE, 4.0, 0x40900000)]))
    query = """query ($range: Range!) {machine(path: "p/l/m") {series {
      buckets(range: $range, every: "PT1M", fill: NULLS) {count uncertain bad worst average}}}}"""
    for watermark in (0, BASE + HOUR):
        await asker.advance(watermark)
        data = await asker.data(query, range=within(BASE, BASE + 4 * MINUTE))
        assert data["machine"]["series"][0]["buckets"] == {
            "count": [2, 1, 0, 1],
            "uncertain": [1, 0, 0, 1],
            "bad": [1, 0, 0, 0],
            "worst": ["BAD", "GOOD", "GOOD", "UNCERTAIN"],
            "average": [1.5, 1.0, None, 4.0],
        }
