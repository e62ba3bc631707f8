"""The database servers that are measured on: one of each engine, new and with the settings that users get."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy.engine import make_url

from app.store.embedded import embedded_server
from app.store.installation import installations
from app.store.migration import migrate
from bench.bounds import PLAIN_SHARE

ENGINES = ("timescaledb", "postgresql")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and what it says of itself."""

    url: str
    engine: str
    description: str
    durability: str

    def share(self, least: float) -> float:
        """What this engine has to reach, where TimescaleDB must reach `least`."""
        return least if self.engine == "timescaledb" else least * PLAIN_SHARE


def installed(engine: str) -> bool:
    return any(each.running(engine) for each in installations())


@asynccontextmanager
async def new_server(engine: str) -> AsyncIterator[Server]:
    """An embedded server in a folder of its own, gone in the end."""
    folder = _reachable_folder()
    try:
        async with embedded_server(folder, engine=engine, announce=lambda _: None) as server:
            settings = [f"{name} {await _setting(server.url, name)}" for name in ("synchronous_commit", "fsync")]
            version = f"PostgreSQL {server.installation.version}"
            extension = server.installation.timescale
            description = f"{version}, TimescaleDB {extension}" if extension else f"{version} without TimescaleDB"
            yield Server(server.url, engine, description, ", ".join(settings))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def new_database(server: Server, name: str) -> AsyncIterator[str]:
    """The URL of a migrated database without data, dropped in the end."""
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        await connection.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name)))
        try:
            url = make_url(server.url).set(database=name).render_as_string(hide_password=False)
            await migrate(url)
            yield url
        finally:
            await connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _reachable_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="linegraph-bench-"))
    folder.chmod(0o755)  # the server may run as another user, who must get in
    return folder


async def _setting(url: str, name: str) -> str:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        row = await (await connection.execute("SELECT current_setting(%s)", [name])).fetchone()
    return str(row[0]) if row else "unknown"
