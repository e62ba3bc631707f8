"""Exports over a real connection: slow and leaving clients, a database that dies, and answers that are cut off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
import httpx
import psycopg
import pytest

import app.http.export
import app.read.export
from app.errors import Busy
from app.main import House
from app.store.database import Database, open_database
from tests.asker import STILL, asking, columns, within
from tests.doors import house_of, reached
from tests.engines import TestServer
from tests.holdings import BASE, allowed, fill_up, forbidden, until_held, waiting

pytestmark = pytest.mark.anyio

COUNT = 250_000
"""Readings: 14 MB, more than the sockets between the service and a client hold."""
END = BASE + COUNT * 1_000
ASKED = {"machine": "p/l/m", **within(BASE, END)}
HELD = "FROM readings"


@pytest.fixture
async def filled(database: Database, database_url: str) -> str:
    """The URL of a database with many readings of one series."""
    async with asking(database) as asker:
        await asker.send(columns("p/l/m", "x", [(BASE, 0.0), (END - 1_000, 0.0)]))
    await fill_up(database_url, COUNT, 1_000)
    return database_url


@asynccontextmanager
async def begun(client: httpx.AsyncClient, **more: str) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[bytes]]]:
    """An export of which one piece was read, and the pieces that follow."""
    async with client.stream("GET", "/api/v1/export", params=ASKED | more) as response:
        assert response.status_code == 200
        pieces = response.aiter_bytes()
        assert await anext(pieces)
        yield response, pieces


async def drained(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def until_free(house: House) -> None:
    """Returns when the one place that there is can be had again."""
    with anyio.fail_after(5):
        while True:
            try:
                with house.exports.place():
                    return
            except Busy:
                await anyio.sleep(0.01)


async def test_a_client_may_be_slow_but_not_stand_still(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patience = timedelta(milliseconds=1_500)
    async with open_database(filled, patience=patience) as database:
        house = house_of(database, **STILL, exports=1, query_timeout=patience)
        async with reached(house) as client:
            async with begun(client) as (_, pieces):
                await anyio.sleep(2)  # each page has its time, the whole may take what it takes
                rest = await drained(pieces)
            assert rest.endswith(b".0,0,\r\n")
            assert rest.count(b"\n") > COUNT // 2
            await until_free(house)
            monkeypatch.setattr(app.http.export, "PATIENCE", 0.1)
            async with begun(client) as (_, pieces):
                await until_free(house)
                with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
                    await drained(pieces)
            assert b'linegraph_failures_total{kind="export"} 1.0' in house.observer.metrics()


@pytest.mark.parametrize("form", ["csv", "arrow"])
async def test_a_database_that_dies_half_way_leaves_an_answer_without_an_end(
    filled: str, server: TestServer, form: str
) -> None:
    if form == "arrow":
        pytest.importorskip("pyarrow", reason="no pyarrow: pip install 'linegraph[parquet]'")
    async with open_database(filled) as database:
        house = house_of(database, **STILL, exports=1)
        async with reached(house) as client:
            async with begun(client, format=form) as (_, pieces):
                await forbidden(server, filled)
                with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
                    await drained(pieces)
            assert b'linegraph_failures_total{kind="export"} 1.0' in house.observer.metrics()
            refused = await client.get("/api/v1/export", params=ASKED)
            assert (refused.status_code, refused.json()["code"]) == (503, "STORE_UNAVAILABLE")
            await allowed(server, filled)
            whole = await client.get("/api/v1/export", params=ASKED)
            assert (whole.status_code, whole.content.count(b"\n")) == (200, COUNT + 1)


async def test_a_client_that_leaves_stops_its_statement_and_frees_its_place(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.read.export, "PAGE", 50_000)
    async with open_database(filled) as database, await psycopg.AsyncConnection.connect(filled) as holding:
        house = house_of(database, **STILL, exports=1)
        async with reached(house) as client:
            for _ in range(10):  # more often than the pool has connections
                async with begun(client):
                    pass
                await until_free(house)
            await holding.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
            with anyio.move_on_after(0.5):
                await client.get("/api/v1/export", params=ASKED)
            with anyio.fail_after(5):
                while await waiting(holding, "FROM readings"):  # noqa: ASYNC110 - the server tells it in no other way
                    await anyio.sleep(0.01)
            await until_free(house)
            await holding.rollback()
            assert (await client.get("/api/v1/export", params=ASKED)).content.count(b"\n") == COUNT + 1
        assert b'linegraph_failures_total{kind="export"}' not in house.observer.metrics()


async def test_a_statement_that_takes_too_long_is_told_first_and_cuts_later(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.read.export, "PAGE", 20_000)
    patience = timedelta(milliseconds=300)
    async with (
        open_database(filled, patience=patience) as database,
        await psycopg.AsyncConnection.connect(filled) as holding,
    ):
        house = house_of(database, **STILL, query_timeout=patience)
        async with reached(house) as client:
            async with begun(client) as (_, pieces):
                await holding.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
                with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
                    await drained(pieces)
            slow = asyncio.create_task(client.get("/api/v1/export", params=ASKED))
            await until_held(holding, HELD)
            assert ((await slow).status_code, (await slow).json()["code"]) == (408, "TOO_SLOW")
            await holding.rollback()
