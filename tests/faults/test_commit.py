"""A connection that is lost while its commit is under way: whichever way it went, the reading is stored once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import psycopg
import pytest

from app.store.database import Database
from tests.engines import TestServer
from tests.holdings import kept_latest, kept_readings, nanoseconds

pytestmark = pytest.mark.anyio

HOLD = """
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER hold AFTER INSERT OR UPDATE ON latest DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION hold();
"""
COMMITTING = """
SELECT pid FROM pg_stat_activity WHERE datname = %s AND query = 'COMMIT' AND state = 'active' AND wait_event = %s
"""
BODY = "\n".join(f"m value={at} {nanoseconds(at)}" for at in range(100))
STORED = {"m value": [(at * 1_000_000, float(at), 0) for at in range(100)]}


async def test_a_commit_cut_before_its_point_of_no_return_is_not_stored(
    client: httpx.AsyncClient, database: Database, database_url: str
) -> None:
    async with _connected(database_url) as connection:
        await connection.execute(HOLD)
        await connection.execute("SELECT pg_advisory_lock(7)")
        await _cut_while_committing(client, connection, "advisory")
        assert await kept_readings(database) == {}
        await connection.execute("SELECT pg_advisory_unlock(7)")
        assert (await client.post("/write", content=BODY)).status_code == 204
    assert await kept_readings(database) == STORED


async def test_a_commit_cut_behind_it_is_stored_and_sent_again_without_harm(
    client: httpx.AsyncClient, server: TestServer, database: Database, database_url: str
) -> None:
    if server.log is None:
        pytest.skip("the settings of this server are not ours to change")
    first = BODY.partition("\n")[0]
    assert (await client.post("/write", content=first)).status_code == 204, "then the next commit is of readings"
    async with _connected(database_url) as connection:
        # It waits for a replica that never comes, with its commit on its own disk already.
        await _set(connection, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        try:
            await _cut_while_committing(client, connection, "SyncRep")
        finally:
            await _set(connection, "ALTER SYSTEM RESET synchronous_standby_names")
    assert await kept_readings(database) == STORED, "committed, though nobody could be told"
    assert (await client.post("/write", content=BODY)).status_code == 204
    assert await kept_readings(database) == STORED
    assert await kept_latest(database) == {"m value": STORED["m value"][-1]}


async def _cut_while_committing(client: httpx.AsyncClient, connection: psycopg.AsyncConnection[Any], wait: str) -> None:
    """Sends readings, and ends the connection that commits them once it waits there."""
    sent = asyncio.create_task(client.post("/write", content=BODY))
    with anyio.fail_after(10):
        pid = None
        while pid is None:
            await asyncio.sleep(0.01)
            found = await connection.execute(COMMITTING, (connection.info.dbname, wait))
            pid = await found.fetchone()
        await connection.execute("SELECT pg_terminate_backend(%s, 5000)", pid)
        answer = await sent
    assert answer.status_code == 503
    assert answer.json()["code"] == "STORE_UNAVAILABLE"
    assert int(answer.headers["Retry-After"]) >= 1


async def _set(connection: psycopg.AsyncConnection[Any], statement: str) -> None:
    await connection.execute(statement.encode())
    await connection.execute("SELECT pg_reload_conf()")


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection that waits for no replica itself."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("SET synchronous_commit = local")
        yield connection
