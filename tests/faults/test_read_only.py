"""A server that is switched to reading only, while connections to it are open, and back."""

import asyncio
from typing import Any

import anyio
import httpx
import psycopg
import pytest

from app.store.database import Database
from tests.engines import TestServer
from tests.holdings import kept_readings, milliseconds, nanoseconds

pytestmark = pytest.mark.anyio


async def test_writers_are_told_to_come_back_until_the_server_takes_them_again(
    client: httpx.AsyncClient, server: TestServer, database: Database
) -> None:
    if server.log is None:
        pytest.skip("the settings of this server are not ours to change")
    assert (await _send_lines(client, 0)).status_code == 204
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        await connection.execute("SET default_transaction_read_only = off")
        try:
            await _switch(connection, server, "SET default_transaction_read_only = on", "on")
            # More often than the pool has connections: none of them may keep a mode that has passed.
            answers = [await send(client, at) for at in range(1, 7) for send in (_send_lines, _send_columns)]
            asked = await client.post("/graphql", json={"query": "{ unmappedSeries { totalCount } }"})
        finally:
            await _switch(connection, server, "RESET default_transaction_read_only", "off")
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, "STORE_UNAVAILABLE")}
    assert min(int(answer.headers["Retry-After"]) for answer in answers) >= 1
    assert asked.json()["data"] == {"unmappedSeries": {"totalCount": 1}}, "reading goes on"
    assert await kept_readings(database) == {"m value": [(0, 0.0, 0)]}
    assert await _last_answer(client, 1) == 204
    answers = [await send(client, at) for at in range(2, 7) for send in (_send_lines, _send_columns)]
    assert {answer.status_code for answer in answers} == {200, 204}
    assert await kept_readings(database) == {
        "m value": [(at * 1_000_000, float(at), 0) for at in range(7)],
        "c": [(at * 1_000_000, float(at), 0) for at in range(2, 7)],
    }


async def _send_lines(client: httpx.AsyncClient, at: int) -> httpx.Response:
    return await client.post("/write", content=f"m value={at} {nanoseconds(at)}")


async def _last_answer(client: httpx.AsyncClient, at: int) -> int:
    """The first that is not to come back later."""
    with anyio.fail_after(10):
        while True:
            answer = await _send_lines(client, at)
            if answer.status_code != 503:
                return answer.status_code
            await asyncio.sleep(0.05)


async def _send_columns(client: httpx.AsyncClient, at: int) -> httpx.Response:
    columns = {"source": "c", "times": [milliseconds(at)], "values": [at]}
    return await client.post("/api/v1/readings", json={"series": [columns]})


async def _switch(connection: psycopg.AsyncConnection[Any], server: TestServer, change: str, mode: str) -> None:
    """Returns when the server has read its new settings."""
    await connection.execute(f"ALTER SYSTEM {change}".encode())
    await connection.execute("SELECT pg_reload_conf()")
    with anyio.fail_after(10):
        while True:
            if await _mode(server) == mode:
                return
            await asyncio.sleep(0.02)


async def _mode(server: TestServer) -> str:
    async with await psycopg.AsyncConnection.connect(server.url) as connection:
        row = await (await connection.execute("SHOW default_transaction_read_only")).fetchone()
    return str(row[0]) if row else ""
