"""Clients that leave, and answers that take too long: their statements end at the server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import anyio
import httpx
import psycopg
import pytest

from app.main import House
from app.store.database import Database, open_database
from tests.asker import STILL, asking, columns, within
from tests.doors import house_of, listening
from tests.holdings import BASE, until_held, waiting

pytestmark = pytest.mark.anyio

QUERY = """query ($range: Range!) {machine(path: "p/l/m") {series {
  readings(range: $range) {times} buckets(range: $range, every: "PT1S") {starts}
}}}"""
BODY = json.dumps({"query": QUERY, "variables": {"range": within(BASE, BASE + 60_000_000)}}).encode()
HEADERS = {"Content-Type": "application/json"}
Locking = psycopg.AsyncConnection[Any]


@pytest.fixture
async def house(database: Database) -> House:
    async with asking(database) as asker:
        await asker.send(columns("p/l/m", "x", [(BASE, 1.0)]))
    return house_of(database, **STILL)


@asynccontextmanager
async def readings_held(url: str) -> AsyncIterator[Locking]:
    """Nothing can be read of the readings inside."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        yield connection
        await connection.rollback()


async def until_nothing_waits(connection: Locking) -> None:
    # Where a cancellation comes too early, the driver waits five seconds, and the server notices a second later.
    with anyio.fail_after(10):
        while await waiting(connection, "FROM readings"):  # noqa: ASYNC110 - the server tells it in no other way
            await anyio.sleep(0.01)


def name_of(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__name__", "")


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_client_that_leaves_stops_its_statements(house: House, database_url: str, method: str) -> None:
    url = httpx.URL("http://127.0.0.1/graphql", params={"query": QUERY.replace("($range: Range!)", "")})
    start, end = within(BASE, BASE + 60_000_000).values()
    url = httpx.URL(url, params={"query": url.params["query"].replace("$range", f'{{from: "{start}", to: "{end}"}}')})
    target, body = (url.raw_path, b"") if method == "GET" else (b"/graphql", BODY)
    asked = b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    async with listening(house) as address:
        async with readings_held(database_url) as holding:
            for _ in range(10):  # more often than the pool has connections
                _, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(address).port)
                writer.write(asked % (method.encode(), target, len(body), body))
                await until_held(holding, "FROM readings")
                writer.close()
                await until_nothing_waits(holding)
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{address}/graphql", content=BODY, headers=HEADERS)
    (series,) = answer.json()["data"]["machine"]["series"]
    assert series["readings"]["times"] == series["buckets"]["starts"] == [BASE / 1_000]


async def test_an_answer_that_takes_too_long_stops_all_its_statements(
    database: Database, house: House, database_url: str
) -> None:
    async with (
        asking(database, query_timeout=timedelta(milliseconds=300)) as asker,
        readings_held(database_url) as held,
    ):
        for _ in range(10):
            response = await asker.client.post("/graphql", content=BODY, headers=HEADERS)
            assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (408, "TOO_SLOW")
            assert not {"dispatch_batch", "present", "_pay"} & {name_of(task) for task in asyncio.all_tasks()}
            await until_nothing_waits(held)


async def test_the_server_itself_ends_what_takes_too_long_but_nothing_that_is_written(
    house: House, database_url: str
) -> None:
    async with (
        open_database(database_url, patience=timedelta(milliseconds=300)) as database,
        asking(database) as asker,
        readings_held(database_url) as held,
    ):
        sending = asyncio.create_task(asker.send(columns("p/l/m", "x", [(BASE + 1_000_000, 2.0)])))
        await until_held(held, "readings")
        for _ in range(2):
            fault = await asker.fault(QUERY, range=within(BASE, BASE + 60_000_000))
            assert (fault.code, fault.message) == ("TOO_SLOW", "The database took too long.")
            assert fault.hint == "Ask for a shorter range, or for less at once."
        assert not sending.done()
        await held.rollback()
        await sending
        found = await asker.data(QUERY, range=within(BASE, BASE + 60_000_000))
        assert len(found["machine"]["series"][0]["readings"]["times"]) == 2
