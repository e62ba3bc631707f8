"""Deliveries: a body stored part by part, how far it may spread, and how its sender is told."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.domain.instants import instant, microseconds
from app.ingest import intake
from app.store.database import Database
from app.store.tables import readings, refusals
from tests.doors import house_of, open_client
from tests.holdings import count, kept_readings, kept_refusals, milliseconds, nanoseconds

pytestmark = pytest.mark.anyio

BEYOND = "the body spreads over more weeks without readings than it may (LINEGRAPH_NEW_CHUNKS); send fewer"


def spread(number: int) -> list[int]:
    """Times eight days apart, in microseconds, the last of them in 2026."""
    last = datetime(2026, 3, 2, tzinfo=UTC)
    return [microseconds(last - timedelta(days=8) * at) for at in reversed(range(number))]


async def test_a_body_that_spreads_over_many_weeks_is_stored_up_to_the_limit(database: Database) -> None:
    times = spread(8_000)
    body = "".join(f"m value={at} {time * 1_000}\n" for at, time in enumerate(times))
    house = house_of(database, earliest=datetime(1800, 1, 1, tzinfo=UTC))
    async with open_client(house) as client:
        answer = await client.post("/write", content=body)
        assert answer.status_code == 400
        assert (answer.json()["stored"], answer.json()["refusedCount"]) == (500, 7_500)
        first = answer.json()["refused"][0]
        assert first == {"place": f"m value at {instant(times[500]).isoformat()}", "reason": BEYOND}
        assert answer.json()["message"].endswith("and 7490 more")
        assert len(answer.json()["refused"]) == 100
        assert [value for _, value, _ in (await kept_readings(database))["m value"]] == list(range(500))
        assert await count(database, refusals) == 7_500
        assert (await client.post("/write", content=f"m value=1 {nanoseconds(0)}")).status_code == 204
        page = await client.post("/graphql", json={"query": "{ unmappedSeries { edges { node { latest { value }}}}}"})
        assert page.json()["data"]["unmappedSeries"]["edges"] == [{"node": {"latest": {"value": 1.0}}}]


async def test_the_limit_holds_for_a_body_and_not_for_what_exists(database: Database) -> None:
    times = spread(20)
    async with open_client(house_of(database, new_chunks=8)) as client:
        said = [f"m value={at} {time * 1_000}" for at, time in enumerate(times)]
        stored = [(await client.post("/write", content="\n".join(said))).json()["stored"] for _ in range(2)]
        assert stored == [8, 16], "the next body may open as many again"
        assert (await client.post("/write", content="\n".join(said))).status_code == 204
        columns = {"source": "c", "times": [time / 1_000 for time in spread(40)], "values": [1] * 40}
        answer = await client.post("/api/v1/readings", json={"series": [columns]})
        assert (answer.status_code, answer.json()["stored"], answer.json()["refusedCount"]) == (400, 28, 12)
        assert {each["reason"] for each in answer.json()["refused"]} == {BEYOND}


async def test_a_body_of_several_parts_counts_its_lines_and_keeps_their_order(
    client: httpx.AsyncClient, database: Database
) -> None:
    """Its parts share the limits and the receipt; the later line wins across them too."""
    said = [f"m,of={at % 10} value={at} {nanoseconds(at % 100)}" for at in range(60_000)]
    said[9_999] = said[49_999] = "no fields here"
    body = "\n".join(said)
    assert len(body) > 3 * intake.PART
    answer = await client.post("/write", content=body)
    assert (answer.json()["stored"], answer.json()["refusedCount"]) == (59_998, 2)
    assert [each["place"] for each in answer.json()["refused"]] == ["line 10000", "line 50000"]
    kept = await kept_readings(database)
    assert {value for found in kept.values() for _, value, _ in found} == {float(at) for at in range(59_900, 60_000)}
    refused = (await kept_refusals(database))[b"no fields here"]
    assert (refused.place, refused.times) == ("line 50000", 1) or refused.times == 2


async def test_a_large_body_of_columns_is_stored_in_several_commits(
    client: httpx.AsyncClient, database: Database
) -> None:
    number = 120_000
    times = [milliseconds(0) + at for at in range(number)]
    columns = [
        {"source": "a", "times": times, "values": list(range(number))},
        {"source": "b", "times": [*times[:2], times[0]], "values": [1, 1e300, 2]},
    ]
    answer = await client.post("/api/v1/readings", json={"series": columns})
    assert (answer.status_code, answer.json()["stored"], answer.json()["refusedCount"]) == (400, number + 2, 1)
    assert answer.json()["refused"][0]["place"] == "series 2, reading 2"
    assert await count(database, readings) == number + 1
    kept = await kept_readings(database)
    assert kept["a"][-1] == ((number - 1) * 1_000, number - 1.0, 0)
    assert kept["b"] == [(0, 2.0, 0)], "the later reading wins"


@pytest.mark.alone
async def test_others_are_served_while_a_hostile_line_is_read(client: httpx.AsyncClient, database: Database) -> None:
    """A million empty fields in one line would hold everybody for half a minute, were it taken apart."""
    hostile = asyncio.create_task(client.post("/write", content=b"m value=1" + b"," * 10_000_000 + b" 1\nn value=1"))
    slowest = 0.0
    while not hostile.done():
        started = time.monotonic()
        assert (await client.get("/healthz")).status_code == 200
        slowest = max(slowest, time.monotonic() - started)
        await asyncio.sleep(0)
    answer = await hostile
    assert slowest < 1
    assert (answer.status_code, answer.json()["stored"]) == (400, 1)
    assert answer.json()["refused"] == [{"place": "line 1", "reason": "the line is longer than 524,288 bytes"}]
    assert set(await kept_readings(database)) == {"n value"}
    kept = (await kept_refusals(database))[(b"m value=1" + b"," * 100_000)[: 1 << 16]]
    assert kept.size == 10_000_000 + len("m value=1 1")
