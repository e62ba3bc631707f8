"""Answers that take their time to be sent: their memory counts until the client has them, and nobody keeps it long."""

import asyncio
import gc
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest

import app.http.graphql
from app.read.columns import Buckets
from app.store.database import Database
from tests.asker import STILL, asking, columns, within
from tests.doors import house_of, reached
from tests.holdings import BASE, fill_up

pytestmark = pytest.mark.anyio

COUNT = 250_000
"""Buckets of a second: 12 MB, more than the sockets between the service and a client hold."""
END = BASE + COUNT * 1_000_000
QUERY = """query ($range: Range!) {
  machine(path: "p/l/m") {series {buckets(range: $range, every: "PT1S") {starts average minimum maximum}}}
}"""
LARGE = {"query": QUERY, "variables": {"range": within(BASE, END)}}
SMALL = {"query": "{machines {totalCount}}"}


@pytest.fixture
async def points(database: Database, database_url: str) -> int:
    """What the large answer costs; its readings are there."""
    async with asking(database) as asker:
        await asker.send(columns("p/l/m", "x", [(BASE, 0.0), (END - 1_000_000, 0.0)]))
    await fill_up(database_url, COUNT, 1_000_000)
    async with asking(database, query_points=1) as asker:
        fault = await asker.fault(QUERY, range=within(BASE, END))
    found = re.search(r"would answer ([\d,]+) points", fault.message)
    assert found, fault.message
    return int(found[1].replace(",", ""))


@asynccontextmanager
async def begun(client: httpx.AsyncClient) -> AsyncIterator[httpx.Response]:
    """A large answer of which nothing was taken but its beginning."""
    async with client.stream("POST", "/graphql", json=LARGE) as response:
        assert response.status_code == 200
        yield response


async def test_what_is_not_sent_yet_takes_up_memory(
    database: Database, points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.http.graphql, "PATIENCE", 60)
    async with reached(house_of(database, query_points=points, **STILL)) as client:
        async with begun(client) as first, begun(client):  # there is room for two
            third = asyncio.create_task(client.post("/graphql", json=LARGE))
            assert (await client.post("/graphql", json=SMALL)).json()["data"] == {"machines": {"totalCount": 1}}
            await asyncio.sleep(2)
            assert not third.done()
            whole = await first.aread()
            assert first.headers["Content-Length"] == str(len(whole))
            [series] = first.json()["data"]["machine"]["series"]
            assert series["buckets"]["average"] == [0.0, *(at / 8 for at in range(1, COUNT - 1)), 0.0]
            assert (await third).json()["data"] == first.json()["data"]
        # Whoever leaves gives back the room as well.
        with anyio.fail_after(60):
            both = await asyncio.gather(*(client.post("/graphql", json=LARGE) for _ in range(2)))
        assert [each.status_code for each in both] == [200, 200]


async def test_a_client_that_stands_still_is_given_up(
    database: Database, points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.http.graphql, "PATIENCE", 0.3)
    house = house_of(database, query_points=points, **STILL)
    async with reached(house) as client, begun(client) as first, begun(client) as second:
        with anyio.fail_after(60):
            assert (await client.post("/graphql", json=LARGE)).status_code == 200
        for cut in (first, second):
            with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
                await cut.aread()
        assert b'linegraph_failures_total{kind="graphql"} 2.0' in house.observer.metrics()


async def test_an_answer_is_let_go_at_once_not_when_garbage_is_collected(database: Database) -> None:
    async with asking(database) as asker:
        await asker.send(columns("p/l/m", "x", [(BASE, 0.5)]))
        gc.collect()
        gc.disable()
        try:
            answer = await asker.data(QUERY, range=within(BASE, BASE + 10_000_000))
            kept = [each for each in gc.get_objects() if isinstance(each, Buckets)]
        finally:
            gc.enable()
    assert answer["machine"]["series"][0]["buckets"]["average"] == [0.5]
    assert kept == []


async def test_a_large_answer_is_packed_piece_by_piece(database: Database, points: int) -> None:
    async with reached(house_of(database, query_points=points, **STILL)) as client:
        plain = await client.post("/graphql", json=LARGE)
        packed = await client.post("/graphql", json=LARGE, headers={"Accept-Encoding": "gzip"})
        assert (packed.headers["Content-Encoding"], "Content-Length" in packed.headers) == ("gzip", False)
        assert packed.json()["data"] == plain.json()["data"]
