"""The servers that tests run on: one of each engine, started once, through the door that users go through."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from app.store.embedded import embedded_server
from app.store.installation import installations
from app.store.migration import migrate

ENGINES = ("postgresql", "timescaledb")
TIMESCALE_URL = "TIMESCALE_TEST_URL"
"""A TimescaleDB server to test on, where none is installed: tests make and drop databases there."""

# Nothing of ours runs in the extension's own workers; they would sit in each of hundreds of databases.
_OPTIONS = {"fsync": "off", "timescaledb.max_background_workers": "0"}


@dataclass(frozen=True, slots=True)
class TestServer:
    """A running server; `log` is None where it is not ours to read."""

    __test__ = False

    engine: str
    url: str
    version: str
    log: Path | None


def missing(engine: str) -> str | None:
    """Why tests of this engine are skipped, or None."""
    if engine == "timescaledb" and TIMESCALE_URL not in os.environ and not any(i.timescale for i in installations()):
        return f"no TimescaleDB on this machine: install it, or set {TIMESCALE_URL}"
    return None


class Servers:
    """Starts each server when a test first asks for it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._running: dict[str, TestServer] = {}
        self._templates: dict[str, str] = {}

    async def of(self, engine: str) -> TestServer:
        if engine not in self._running:
            self._running[engine] = await self._stack.enter_async_context(_server(engine))
        return self._running[engine]

    async def template(self, engine: str) -> str:
        """The name of a migrated database that new ones are copied from: a sixth of the time of a migration."""
        if engine not in self._templates:
            server, name = await self.of(engine), f"template_{os.getpid()}"
            url = await self._stack.enter_async_context(new_database(server, name))
            await migrate(url)
            async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
                # Nobody may be in a database that is copied.
                await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            self._templates[engine] = name
        return self._templates[engine]


@asynccontextmanager
async def _server(engine: str) -> AsyncIterator[TestServer]:
    if engine == "timescaledb" and TIMESCALE_URL in os.environ:
        url = os.environ[TIMESCALE_URL]
        yield TestServer(engine, url, await _version(url), None)
        return
    folder = reachable_folder()
    try:
        async with embedded_server(folder, engine=engine, announce=lambda _: None, options=_OPTIONS) as server:
            yield TestServer(engine, server.url, await _version(server.url), server.log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def reachable_folder() -> Path:
    """A new folder that the unprivileged user of an embedded server reaches, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="linegraph-test-"))
    folder.chmod(0o755)
    return folder


@asynccontextmanager
async def new_database(server: TestServer, name: str, template: str = "template0") -> AsyncIterator[str]:
    """The URL of a database of this name that is like the template, dropped in the end."""
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        try:
            yield make_url(server.url).set(database=name).render_as_string(hide_password=False)
        finally:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _version(url: str) -> str:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT current_setting('server_version'),"
            " (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),"
            " current_setting('shared_preload_libraries') LIKE '%timescaledb%'"
        )
        row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("the server does not say its version")
    extension = f", TimescaleDB {row[1]}" if row[1] and row[2] else ""
    return f"PostgreSQL {row[0]}{extension}"
