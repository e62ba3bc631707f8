"""Brings a database to the newest schema, whichever engine it is, and tells whether it is there."""

from importlib.resources import as_file, files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.errors import StoreUnavailable, UnsupportedServer
from app.store.address import database_url
from app.store.server_kind import server_kind, unsupported
from app.store.trouble import AT_FIRST, translated

_ONE_AT_A_TIME = 7_463_001


async def migrate(text: str) -> None:
    """Runs the missing steps in one transaction; harmless to repeat and to run twice at once."""
    engine = create_async_engine(database_url(text), connect_args={"connect_timeout": 10})
    try:
        await _install_timescale(engine)
        if fault := unsupported(await server_kind(engine)):
            raise fault
        with translated(AT_FIRST):
            async with engine.begin() as connection:
                await connection.exec_driver_sql("SET LOCAL timezone = 'UTC'")
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
                await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


async def require_migrated(text: str) -> None:
    """UnsupportedServer, with what to do, where steps are missing or the schema is newer than this program."""
    engine = create_async_engine(database_url(text), connect_args={"connect_timeout": 10})
    try:
        with translated(AT_FIRST):
            async with engine.connect() as connection:
                found = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    finally:
        await engine.dispose()
    if found != newest():
        raise UnsupportedServer(
            f"The database's schema is {found or 'empty'}, this program needs {newest()}.",
            "Run `linegraph migrate`, or install the release that made the schema.",
        )


def newest() -> str:
    """The newest step of the history."""
    with as_file(files("migrations")) as folder:
        return str(ScriptDirectory(str(folder)).get_current_head())


def _upgrade(connection: Connection) -> None:
    with as_file(files("migrations")) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


async def _install_timescale(engine: AsyncEngine) -> None:
    """Installs the extension where the server has it loaded and nothing of ours was made without it."""
    with translated(AT_FIRST):
        async with engine.begin() as connection:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
            wanted = await connection.scalar(
                sa.text(
                    "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')"
                    " AND current_setting('shared_preload_libraries') LIKE '%timescaledb%'"
                    " AND to_regclass('readings') IS NULL"
                )
            )
            if not wanted:
                return
            try:
                await connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS timescaledb")
            except sa.exc.ProgrammingError as error:
                raise UnsupportedServer(
                    f"The extension timescaledb is there but cannot be installed: {error.orig}.",
                    "Have a superuser run CREATE EXTENSION timescaledb in this database, then start again.",
                ) from error
            except sa.exc.OperationalError as error:
                raise StoreUnavailable(f"The extension timescaledb cannot be installed: {error.orig}.") from error
