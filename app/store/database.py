"""The way to the database: one pool, its errors turned into Linegraph's, and what kind of server it is."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import psycopg
import sqlalchemy
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection as Transaction
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.errors import SettingInvalid, StoreUnavailable, UnsupportedServer
from app.store import columns
from app.store.engines import Connection, Engine, Plain, Timescale

OLDEST_SERVER = 15
OLDEST_TIMESCALE = (2, 20)

LATER = "Nothing of this request was stored; send it again. The service goes on by itself when the database is back."
AT_FIRST = "Start the database, or correct LINEGRAPH_DATABASE_URL."


@dataclass(frozen=True, slots=True)
class ServerKind:
    """What a server says of itself; `timescale` and `license` are None without the extension."""

    version: str
    major: int
    timescale: str | None
    license: str | None

    @property
    def sentence(self) -> str:
        extension = f" with TimescaleDB {self.timescale}" if self.timescale else " without TimescaleDB"
        return f"PostgreSQL {self.version}{extension}"


def unsupported(kind: ServerKind) -> UnsupportedServer | None:
    """The reason why Linegraph cannot run on such a server, or None."""
    if kind.major < OLDEST_SERVER:
        return UnsupportedServer(
            f"The database is PostgreSQL {kind.version}; Linegraph needs {OLDEST_SERVER} or newer.",
            f"Install PostgreSQL 18 or another from {OLDEST_SERVER} on, move the data with pg_upgrade, start again.",
        )
    if kind.timescale is None:
        return None
    if tuple(int(part) for part in kind.timescale.split("-")[0].split(".")[:2]) < OLDEST_TIMESCALE:
        return UnsupportedServer(
            f"The database has TimescaleDB {kind.timescale}; Linegraph needs 2.20 or newer.",
            "Install a newer timescaledb package and run ALTER EXTENSION timescaledb UPDATE.",
        )
    if kind.license == "apache":
        return UnsupportedServer(
            "The database has the Apache-only build of TimescaleDB, which lacks continuous aggregates.",
            "Install the community build (package timescaledb-2-postgresql-N, image timescale/timescaledb), or set"
            " timescaledb.license = 'timescale' where that build is installed.",
        )
    return None


class Database:
    """A pool of connections to one database on one engine."""

    def __init__(self, pool: AsyncEngine, engine: Engine, kind: ServerKind) -> None:
        self._pool = pool
        self.engine = engine
        self.kind = kind

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """A transaction for SQLAlchemy statements: committed at the end, rolled back on an error."""
        with translated():
            async with self._pool.begin() as transaction:
                yield transaction

    @asynccontextmanager
    async def driver(self, *, autocommit: bool = False) -> AsyncIterator[Connection]:
        """The psycopg connection underneath, for COPY, columns in binary, and what cannot run in a transaction.

        Without `autocommit` the caller's statements are one transaction, as with `begin`.
        """
        with translated():
            async with self._pool.connect() as borrowed:
                if autocommit:
                    await borrowed.execution_options(isolation_level="AUTOCOMMIT")
                connection = await _underneath(borrowed)
                yield connection
                if not autocommit:
                    await connection.commit()

    async def ping(self) -> None:
        """StoreUnavailable where the database does not answer."""
        async with self.begin() as transaction:
            await transaction.exec_driver_sql("SELECT 1")


@contextmanager
def translated(hint: str = LATER) -> Iterator[None]:
    """The driver's errors stop here: what a retry may mend becomes StoreUnavailable, with the cause kept."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise StoreUnavailable(f"The database is not available: {_first_line(error)}.", hint) from error
    except sqlalchemy.exc.TimeoutError as error:
        raise StoreUnavailable("All connections to the database are in use.", "Send it again.") from error
    except sqlalchemy.exc.DBAPIError as error:
        cause = error.orig
        if error.connection_invalidated or isinstance(
            cause, psycopg.OperationalError | psycopg.InterfaceError | psycopg.errors.ReadOnlySqlTransaction
        ):
            raise StoreUnavailable(f"The database is not available: {_first_line(cause)}.", hint) from error
        raise


def database_url(text: str) -> URL:
    """A PostgreSQL URL for psycopg; SettingInvalid where it is something else."""
    try:
        url = make_url(text)
    except sqlalchemy.exc.ArgumentError as error:
        raise SettingInvalid(
            "LINEGRAPH_DATABASE_URL is not a URL.", "Write postgresql://user:password@host:5432/database."
        ) from error
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise SettingInvalid(
            f"LINEGRAPH_DATABASE_URL names {url.get_backend_name()!r}; Linegraph keeps its data in PostgreSQL.",
            "Write postgresql://user:password@host:5432/database.",
        )
    return url.set(drivername="postgresql+psycopg")


@asynccontextmanager
async def open_database(text: str, *, pool: int = 8) -> AsyncIterator[Database]:
    """Connects, refuses servers that are not supported, and closes the pool in the end."""
    engine = create_async_engine(
        database_url(text),
        pool_size=pool,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        connect_args={"prepare_threshold": 3, "connect_timeout": 10, "options": "-c timezone=UTC"},
    )
    sqlalchemy.event.listen(engine.sync_engine, "connect", _teach_columns)
    try:
        kind = await server_kind(engine)
        if fault := unsupported(kind):
            raise fault
        yield Database(engine, Timescale() if kind.timescale else Plain(), kind)
    finally:
        await engine.dispose()


async def server_kind(engine: AsyncEngine) -> ServerKind:
    """Asks the server; a hypertable can only be read where its extension is installed in the database."""
    with translated(AT_FIRST):
        async with engine.connect() as connection:
            answer = await connection.exec_driver_sql(
                "SELECT split_part(current_setting('server_version'), ' ', 1) AS version,"
                " current_setting('server_version_num')::int / 10000 AS major,"
                " (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescale,"
                " current_setting('timescaledb.license', true) AS license"
            )
            row = answer.mappings().one()
    return ServerKind(**row)


def _teach_columns(connection: Any, _record: object) -> None:
    columns.register(connection.driver_connection.adapters)


async def _underneath(borrowed: Transaction) -> Connection:
    raw = await borrowed.get_raw_connection()
    return cast("Connection", raw.driver_connection)


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") if str(error).strip() else type(error).__name__
