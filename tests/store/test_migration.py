"""Both engines end with the same tables, columns and types, and with what the tables are declared to be."""

import asyncio
import re
import shutil

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.errors import SettingInvalid, StoreUnavailable, UnsupportedServer
from app.store.address import database_url
from app.store.database import open_database
from app.store.embedded import embedded_server
from app.store.installation import installations
from app.store.migration import migrate, newest, require_migrated
from app.store.server_kind import ServerKind, unsupported
from app.store.tables import metadata
from tests.engines import Servers, missing, new_database, reachable_folder

pytestmark = pytest.mark.anyio

COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name NOT LIKE 'readings\\_p\\_%'
    AND table_name NOT IN ('readings_1m', 'readings_15m', 'readings_1h', 'readings_6h')
ORDER BY 1, 2
"""
TIERS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_name IN ('readings_1m', 'readings_15m', 'readings_1h', 'readings_6h') ORDER BY 1, 2
"""


async def _rows(url: str, statement: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        return await (await connection.execute(statement)).fetchall()


async def test_the_schema_is_what_the_tables_declare(database_url: str) -> None:
    engine = create_async_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))

    def differences(connection: Connection) -> list[object]:
        def ours(name: str | None, kind: str, parents: object) -> bool:
            return kind != "table" or name in metadata.tables

        context = MigrationContext.configure(
            connection, opts={"include_name": ours, "compare_type": True, "target_metadata": metadata}
        )
        return list(compare_metadata(context, metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_both_engines_end_with_the_same_columns(servers: Servers) -> None:
    if reason := missing("timescaledb"):
        pytest.skip(reason)
    found = []
    for engine in ("postgresql", "timescaledb"):
        async with new_database(await servers.of(engine), "both_ends") as url:
            await migrate(url)
            found.append((await _rows(url, COLUMNS), await _rows(url, TIERS)))
    assert found[0] == found[1]
    columns = [(name, kind) for _, name, kind in found[0][1]]
    assert columns[:15] * 4 == columns, "every tier has the same columns"
    assert ("good", "bigint") in columns[:15]


async def test_migrating_twice_and_twice_at_once_is_harmless(empty_url: str) -> None:
    await asyncio.gather(migrate(empty_url), migrate(empty_url))
    before = await _rows(empty_url, COLUMNS)
    await migrate(empty_url)
    assert await _rows(empty_url, COLUMNS) == before
    await require_migrated(empty_url)


async def test_a_database_without_the_schema_says_what_to_run(empty_url: str) -> None:
    with pytest.raises(
        UnsupportedServer, match=f"schema is empty, this program needs {newest()}. Run `linegraph migrate`"
    ):
        await require_migrated(empty_url)


async def test_the_engine_is_the_one_that_the_server_has(database_url: str, engine: str) -> None:
    async with open_database(database_url) as database:
        assert database.engine.name == engine
        assert ("TimescaleDB" in database.kind.sentence) is (
            engine == "timescaledb"
        ) or "without" in database.kind.sentence


async def test_a_database_made_without_the_extension_stays_without(servers: Servers) -> None:
    if reason := missing("timescaledb"):
        pytest.skip(reason)
    async with new_database(await servers.of("timescaledb"), "made_plain") as url:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute("DROP EXTENSION IF EXISTS timescaledb CASCADE")
            await connection.execute("CREATE TABLE readings (series_id int)")
        with pytest.raises(Exception, match="readings"):
            await migrate(url)
        assert await _rows(url, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == [(0,)]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (ServerKind("14.11", 14, None, None), "needs 15 or newer. Install PostgreSQL 18"),
        (ServerKind("16.2", 16, "2.11.1", "timescale"), "needs 2.20 or newer. Install a newer timescaledb"),
        (ServerKind("18.0", 18, "2.29.2", "apache"), "Apache-only build of TimescaleDB.*Install the community build"),
    ],
)
def test_an_unsupported_server_gets_a_sentence_that_says_what_to_install(kind: ServerKind, sentence: str) -> None:
    fault = unsupported(kind)
    assert fault is not None
    assert re.search(sentence, str(fault))


def test_supported_servers_are_taken() -> None:
    assert unsupported(ServerKind("15.4", 15, None, None)) is None
    assert unsupported(ServerKind("18.6", 18, "2.29.2", "timescale")) is None
    assert unsupported(ServerKind("17.1", 17, "2.21.0-dev", "timescale")) is None


async def test_the_apache_build_is_refused_when_it_is_met() -> None:
    if not any(installation.timescale for installation in installations()):
        pytest.skip("no TimescaleDB on this machine that could be started under the Apache licence")
    folder = reachable_folder()
    options = {"timescaledb.license": "apache"}
    async with embedded_server(folder, engine="timescaledb", announce=lambda _: None, options=options) as server:
        with pytest.raises(UnsupportedServer, match="Apache-only build.*Install the community build"):
            await migrate(server.url)
        assert await _rows(server.url, "SELECT to_regclass('plants')") == [(None,)]
    shutil.rmtree(folder)


@pytest.mark.parametrize("text", ["mysql://root@host/db", "not a url"])
def test_another_kind_of_url_is_refused(text: str) -> None:
    with pytest.raises(SettingInvalid, match=r"postgresql://user:password@host:5432/database"):
        database_url(text)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match="The database is not available"):
        async with open_database("postgresql://nobody@127.0.0.1:1/none"):
            raise AssertionError("there is no such server")
