"""Counters as clients see them: increases, the events between, and what an engineer says of these."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.access import Role
from app.domain.instants import MINUTE, SECOND, microseconds
from app.store.database import Database
from tests.asker import Asker, asking, columns, within, written
from tests.doors import token_for

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
VALUES = [100, 110, 120, 5, 15, 14.5, 25]
"""One a minute: twenty more, a reset to five, ten more, a dip by a half, and ten and a half more."""
QUERY = """query ($range: Range!, $every: Duration!) {machine(path: "p/l/m") {series {
  id
  buckets(range: $range, every: $every) {increase finality}
  counterEvents(range: $range) {time kind before after offset overrules {verdict base by note}}
}}}"""
OVERRULE = """mutation ($series: ID!, $time: DateTime!, $verdict: CounterVerdict!, $base: Float, $note: String! = "") {
  overruleCounterEvent(series: $series, time: $time, verdict: $verdict, base: $base, note: $note)
}"""


@pytest.fixture
async def counted(asker: Asker) -> Asker:
    await asker.define("parts", kind="COUNTER", dip_tolerance=1.0)
    await asker.send(columns("p/l/m", "parts", [(BASE + at * MINUTE, value) for at, value in enumerate(VALUES)]))
    return asker


async def series(asker: Asker, every: str = "PT1M") -> Any:
    data = await asker.data(QUERY, range=within(BASE, BASE + HOUR), every=every)
    return data["machine"]["series"][0]


async def increases(asker: Asker, every: str = "PT1M") -> list[float]:
    return list((await series(asker, every))["buckets"]["increase"])


async def test_increases_and_events_before_and_after_the_watermark(counted: Asker) -> None:
    for watermark in (0, BASE + 3 * MINUTE + 30 * SECOND, BASE + DAY):
        await counted.advance(watermark)
        assert await increases(counted) == [0, 10, 10, 5, 10, -0.5, 10.5]
        assert await increases(counted, "PT1H") == await increases(counted, "PT6H") == [45]
        events = (await series(counted))["counterEvents"]
        assert [(event["kind"], event["before"], event["after"], event["offset"]) for event in events] == [
            ("RESET", 120, 5, 120), ("DIP", 15, 14.5, 0),
        ]  # fmt: skip
        assert events[0]["time"] == written(BASE + 3 * MINUTE).replace("+00:00", "Z")


async def test_late_and_corrected_readings_change_events_at_once(counted: Asker) -> None:
    await counted.advance(BASE + DAY)
    await counted.send(columns("p/l/m", "parts", [(BASE + 2 * MINUTE + 30 * SECOND, 2.0)]))
    for _ in range(2):
        assert await increases(counted) == [0, 10, 12, 3, 10, -0.5, 10.5], "the reset came sooner"
        await counted.advance(BASE + DAY)
    await counted.send(columns("p/l/m", "parts", [(BASE + 2 * MINUTE + 30 * SECOND, None, 0x80000000)]))
    for _ in range(2):
        assert await increases(counted) == [0, 10, 10, 5, 10, -0.5, 10.5]
        await counted.advance(BASE + DAY)


async def test_an_overrule_is_followed_at_once_and_what_was_said_before_stays(counted: Asker) -> None:
    await counted.advance(BASE + DAY)
    number, reset = (await series(counted))["id"], written(BASE + 3 * MINUTE)
    said: list[tuple[dict[str, Any], float]] = [
        ({"verdict": "NOT_A_RESET"}, -115),
        ({"verdict": "BASE", "base": 2.0, "note": "two were made by hand"}, 3),
        ({"verdict": "REPLACED", "note": "a new encoder"}, 0),
    ]
    for verdict, increase in said:
        assert (await counted.data(OVERRULE, series=number, time=reset, **verdict))["overruleCounterEvent"] is True
        assert (await increases(counted))[3] == increase
        assert await increases(counted, "PT1H") == [40 + increase]
    [event, _] = (await series(counted))["counterEvents"]
    assert [each["verdict"] for each in event["overrules"]] == ["NOT_A_RESET", "BASE", "REPLACED"]
    assert event["overrules"][1] == {"verdict": "BASE", "base": 2, "by": "demo", "note": "two were made by hand"}
    assert event["kind"] == "RESET"


async def test_what_cannot_be_overruled_is_refused_with_a_code(counted: Asker) -> None:
    number, reset = (await series(counted))["id"], written(BASE + 3 * MINUTE)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"time": written(BASE), "verdict": "REPLACED"}, "has no counter event at 2024-03-04T08:00:00"),
        ({"time": reset, "verdict": "BASE"}, "A base belongs to the verdict BASE"),
        ({"time": reset, "verdict": "REPLACED", "base": 1.0}, "A base belongs to the verdict BASE"),
        ({"time": reset, "verdict": "BASE", "base": 9.0}, "The base 9.0 is above 5.0"),
        ({"time": reset, "verdict": "REPLACED", "note": "x" * 2_000}, "at most 1000 characters"),
    ]
    for asked, message in wrong:
        fault = await counted.fault(OVERRULE, series=number, **asked)
        assert (fault.code, message in fault.message) == ("BAD_USER_INPUT", True), fault
    assert await increases(counted, "PT1H") == [45]


async def test_only_engineers_overrule_and_only_in_their_plant(database: Database) -> None:
    async with asking(database, loopback_only=False) as asker:
        await asker.define("parts", kind="COUNTER")
        body = {"series": [columns("p/l/m", "parts", [(BASE, 9.0), (BASE + SECOND, 1.0)])]}
        writer = await token_for(asker.house, Role.WRITER)
        assert (await asker.client.post("/api/v1/readings", json=body, headers=writer)).status_code == 200
        viewer, engineer = [await token_for(asker.house, role) for role in (Role.VIEWER, Role.ENGINEER)]
        other = {"series": [columns("q/l/m", "parts", [(BASE, 9.0)])]}
        assert (await asker.client.post("/api/v1/readings", json=other, headers=writer)).status_code == 200
        stranger = await token_for(asker.house, Role.ENGINEER, "q")
        asked = {"query": '{machine(path: "p/l/m") {series {id}}}'}
        answer = (await asker.client.post("/graphql", json=asked, headers=viewer)).json()
        [found] = answer["data"]["machine"]["series"]
        variables = {"series": found["id"], "time": written(BASE + SECOND), "verdict": "REPLACED"}
        for headers, code in ((viewer, "FORBIDDEN"), (stranger, "BAD_USER_INPUT"), (engineer, None)):
            request = {"query": OVERRULE, "variables": variables}
            said = (await asker.client.post("/graphql", json=request, headers=headers)).json()
            assert [each["extensions"]["code"] for each in said.get("errors", [])] == ([code] if code else [])


async def test_what_is_no_counter_has_neither_increases_nor_events(asker: Asker) -> None:
    await asker.send(columns("p/l/m", "temperature", [(BASE, 5.0), (BASE + SECOND, 1.0)]))
    found = await series(asker)
    assert found["buckets"]["increase"] == [None]
    assert found["counterEvents"] == []
