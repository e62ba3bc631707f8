"""The database goes away or cannot write: nothing is promised that is not kept, and work goes on by itself."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import psycopg
import pytest
import structlog
from sqlalchemy.engine import make_url

from app.domain.access import Role
from app.main import House
from app.store.database import open_database
from app.store.tables import readings, refusals, series
from tests.doors import open_client, token_for
from tests.engines import TestServer
from tests.holdings import (
    allowed,
    commits_held,
    count,
    cut,
    forbidden,
    kept_readings,
    milliseconds,
    nanoseconds,
    until_held,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def said() -> Iterator[list[Any]]:
    """What is logged; rendering it would take longer than the tests."""
    with structlog.testing.capture_logs() as entries:
        yield entries


async def write(client: httpx.AsyncClient, at: int, name: str = "m") -> httpx.Response:
    return await client.post("/write", content=f"{name} value={at} {nanoseconds(at)}")


async def written(client: httpx.AsyncClient, at: int, name: str = "m") -> int:
    """Sends it as a client does, again and again until it is acknowledged; returns how often."""
    with anyio.fail_after(5):
        for attempt in itertools.count(1):
            answer = await write(client, at, name)
            if answer.status_code == 204:
                return attempt
            assert is_told_to_come_back(answer)
            await asyncio.sleep(0.1)
    raise AssertionError("unreachable")


def is_told_to_come_back(answer: httpx.Response) -> bool:
    return (
        answer.status_code == 503
        and answer.json()["code"] == "STORE_UNAVAILABLE"
        and int(answer.headers["Retry-After"]) >= 1
    )


async def test_while_the_database_is_gone_writers_are_told_to_come_back(
    client: httpx.AsyncClient, server: TestServer, database_url: str, said: list[Any]
) -> None:
    assert (await write(client, 0)).status_code == 204
    await forbidden(server, database_url)
    columns = {"series": [{"source": "c", "times": [milliseconds(0)], "values": [1]}]}
    assert is_told_to_come_back(await write(client, 1)), "a series that is known"
    assert is_told_to_come_back(await write(client, 1, "new")), "a series that is new"
    assert is_told_to_come_back(await client.post("/api/v1/readings", json=columns))
    assert is_told_to_come_back(await client.post("/write", content="only a line to be refused"))
    asked = await client.post("/graphql", json={"query": "{ plants { totalCount } }"})
    assert asked.json()["errors"][0]["extensions"]["code"] == "STORE_UNAVAILABLE"
    await allowed(server, database_url)
    async with open_database(database_url) as database:
        assert await kept_readings(database) == {"m value": [(0, 0.0, 0)]}
        assert await count(database, refusals) == 0
        await written(client, 1)
        assert (await client.post("/api/v1/readings", json=columns)).status_code == 200
        assert await count(database, readings) == 3
    assert not [entry for entry in said if entry["log_level"] == "error"], "an outage is no fault of ours"


async def test_while_connections_are_cut_everything_acknowledged_is_stored(
    client: httpx.AsyncClient, server: TestServer, database_url: str
) -> None:
    for at in range(12):
        if at % 3 == 2:
            await cut(server, database_url)
        assert await written(client, at) <= 10
    async with open_database(database_url) as database:
        assert await kept_readings(database) == {"m value": [(at * 1_000_000, float(at), 0) for at in range(12)]}


async def test_a_commit_that_is_cut_short_is_not_acknowledged_and_not_stored(
    client: httpx.AsyncClient, server: TestServer, database_url: str
) -> None:
    async with commits_held(database_url) as holder:
        sent = [asyncio.create_task(write(client, 0, "first"))]
        await until_held(holder)
        sent += [asyncio.create_task(write(client, 1, f"m{at}")) for at in range(5)]
        await asyncio.sleep(0.1)
        await forbidden(server, database_url)
        answers = await asyncio.gather(*sent)
    assert all(map(is_told_to_come_back, answers))
    await allowed(server, database_url)
    async with open_database(database_url) as database:
        assert await count(database, readings) == 0
        for at in range(5):
            await written(client, 1, f"m{at}")
        assert await count(database, readings) == 5


async def test_a_database_that_is_dropped_answers_no_differently(
    client: httpx.AsyncClient, server: TestServer, database_url: str, said: list[Any]
) -> None:
    assert (await write(client, 0)).status_code == 204
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        await connection.execute(f'DROP DATABASE "{make_url(database_url).database}" WITH (FORCE)')
    for at in range(3):
        assert is_told_to_come_back(await write(client, at))
    assert (await client.get("/readyz")).status_code == 503
    assert not [entry for entry in said if entry["log_level"] == "error"]


async def test_tokens_cannot_be_checked_without_the_database(
    house: House, server: TestServer, database_url: str
) -> None:
    headers = await token_for(house, Role.WRITER)
    async with open_client(house, loopback_only=False) as client:
        await forbidden(server, database_url)
        answer = await client.post("/write", content="m value=1", headers=headers)
        assert is_told_to_come_back(answer), "and not that the token is not known"
        await allowed(server, database_url)
        client.headers.update(headers)
        await written(client, 0)


async def test_a_read_only_database_takes_nothing_until_it_can_be_written_to_again(
    client: httpx.AsyncClient, server: TestServer, database_url: str
) -> None:
    assert (await write(client, 0)).status_code == 204
    await _read_only(server, database_url, "on")
    await cut(server, database_url)
    for name in ("m", "new", "m"):
        assert is_told_to_come_back(await write(client, 1, name))
    assert is_told_to_come_back(await client.post("/write", content="only a line to be refused"))
    answer = await client.post("/graphql", json={"query": "{ unmappedSeries { totalCount } }"})
    assert answer.json()["data"] == {"unmappedSeries": {"totalCount": 1}}, "reading goes on"
    await _read_only(server, database_url, "off")
    await written(client, 1)
    async with open_database(database_url) as database:
        assert await kept_readings(database) == {"m value": [(0, 0.0, 0), (1_000_000, 1.0, 0)]}
        assert await count(database, series) == 1


async def _read_only(server: TestServer, url: str, mode: str) -> None:
    """New connections to the database may only read; those that are open go on as they were."""
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        name = make_url(url).database
        await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {mode}')
