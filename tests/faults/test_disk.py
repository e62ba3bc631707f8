"""A disk that fills up: writers are told to come back, nothing promised is lost, and room alone mends it."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Literal
from sqlalchemy.engine import make_url

from app.store.database import open_database
from app.store.migration import migrate
from bench.server import installed
from bench.victims import victims
from tests.doors import house_of, open_client
from tests.engines import TestServer, reachable_folder
from tests.holdings import kept_readings, nanoseconds

pytestmark = pytest.mark.anyio

LINES = 2_000
"""Of a body."""
LEFT = 1 << 20
"""Bytes that are left on the disk before the readings come."""


@pytest.fixture
def beside() -> Iterator[Path]:
    """A folder on a disk with room."""
    folder = reachable_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def test_tables_on_a_full_disk(server: TestServer) -> None:
    if server.log is None:
        pytest.skip("the files of this server are not ours to place")
    with _small_disk(96) as disk:
        async with (
            _database_on(disk, server) as url,
            open_database(url) as database,
            open_client(house_of(database)) as client,
        ):
            assert (await client.post("/write", content=_body(0))).status_code == 204
            filler = _fill(disk)
            acknowledged = 1
            while (answer := await client.post("/write", content=_body(acknowledged))).status_code == 204:
                acknowledged += 1
                assert acknowledged < 50, "the disk does not fill up"
            again = [await client.post("/write", content=_body(acknowledged)) for _ in range(3)]
            assert all(map(_is_told_to_come_back, [answer, *again]))
            assert await kept_readings(database) == _stored(acknowledged), "what was acknowledged and nothing else"
            filler.unlink()
            assert (await client.post("/write", content=_body(acknowledged))).status_code == 204
            assert await kept_readings(database) == _stored(acknowledged + 1)


@pytest.mark.alone
async def test_everything_on_a_full_disk(engine: str, beside: Path) -> None:
    if not installed(engine):
        pytest.skip(f"no {engine} installed on this machine")
    with _small_disk(192) as disk:
        (beside / "data").symlink_to(disk / "data")  # so that the log of the service has room
        async with victims(beside / "data", engine) as running:
            headers = {"Authorization": f"Bearer {await running.token()}"}
            await running.hand_over()
            async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=30) as client:
                assert (await client.post("/write", content=_body(0))).status_code == 204
                filler = _fill(disk)
                await _end_segment(running.database_url)
                acknowledged = 1
                while (answer := await client.post("/write", content=_body(acknowledged))).status_code == 204:
                    acknowledged += 1
                    await _end_segment(running.database_url)
                    assert acknowledged < 50, "the disk does not fill up"
                assert _is_told_to_come_back(answer)
                await asyncio.sleep(1)
                assert _is_told_to_come_back(await client.post("/write", content=_body(acknowledged)))
                filler.unlink()
                with anyio.move_on_after(15) as late:
                    await _until_taken(client, _body(acknowledged))
                assert not late.cancelled_caught, running.said()
            async with open_database(running.database_url) as database:
                assert await kept_readings(database) == _stored(acknowledged + 1)


@contextmanager
def _small_disk(megabytes: int) -> Iterator[Path]:
    """A file system in memory."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system, and only Linux has them in memory")
    folder = reachable_folder()
    try:
        mount = ("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder))
        if told := subprocess.run(mount, check=False, capture_output=True, text=True).stderr:
            pytest.skip(f"a small file system cannot be mounted here: {told.strip()}")
        try:
            yield folder
        finally:
            subprocess.run(("umount", "--lazy", str(folder)), check=True)
    finally:
        folder.rmdir()


def _fill(disk: Path) -> Path:
    """A file that takes all room but a little."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - LEFT)
    return filler


async def _end_segment(url: str) -> None:
    """The next commit needs a new file of the write-ahead log."""
    try:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute("SELECT pg_switch_wal()")
    except psycopg.OperationalError:
        return  # the server has met the end of the disk already


@asynccontextmanager
async def _database_on(disk: Path, server: TestServer) -> AsyncIterator[str]:
    """A migrated database whose tables are on that disk, while the server's log of them is elsewhere."""
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        row = await (await connection.execute("SHOW data_directory")).fetchone()
        folder = _folder_like(disk / "tables", str(row and row[0]))
        await connection.execute(SQL("CREATE TABLESPACE small LOCATION {}").format(Literal(str(folder))))
        try:
            await connection.execute("CREATE DATABASE small TEMPLATE template0 TABLESPACE small")
            url = make_url(server.url).set(database="small").render_as_string(hide_password=False)
            await migrate(url)
            yield url
        finally:
            await connection.execute("DROP DATABASE IF EXISTS small WITH (FORCE)")
            await connection.execute("DROP TABLESPACE small")


def _folder_like(folder: Path, owned: str) -> Path:
    """A new folder of the same owner."""
    owner = os.stat(owned)
    folder.mkdir()
    os.chown(folder, owner.st_uid, owner.st_gid)
    return folder


async def _until_taken(client: httpx.AsyncClient, body: str) -> None:
    while True:
        answer = await client.post("/write", content=body)
        if answer.status_code == 204:
            return
        assert _is_told_to_come_back(answer), answer.text
        await asyncio.sleep(0.1)


def _body(number: int) -> str:
    return "\n".join(f"m value={at} {nanoseconds(at)}" for at in range(number * LINES, (number + 1) * LINES))


def _stored(bodies: int) -> dict[str, list[tuple[int, float | None, int]]]:
    return {"m value": [(at * 1_000_000, float(at), 0) for at in range(bodies * LINES)]}


def _is_told_to_come_back(answer: httpx.Response) -> bool:
    return (
        answer.status_code == 503
        and answer.json()["code"] == "STORE_UNAVAILABLE"
        and int(answer.headers["Retry-After"]) >= 1
    )
