"""The way to the database: pools of connections, for transactions and for statements by themselves."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import psycopg
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncConnection as Transaction
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.store import columns
from app.store.address import database_url
from app.store.engines import Connection, Engine, Plain, Timescale
from app.store.server_kind import ServerKind, server_kind, unsupported
from app.store.tally import TalliedCursor, under_way, untallied
from app.store.trouble import answered_in_time, translated

RESTED_SECONDS = 1.0
LEFT_SECONDS = 5.0
"""How long a pool waits for what was borrowed, when it is to be closed."""
_LOOK_SECONDS = 0.01
_BY_ITSELF = "AUTOCOMMIT"


class Database:
    """A pool of connections to one database on one engine.

    `timed` is the same database for those who ask: on connections of their own, so that they never keep a writer
    waiting, and with an end that the server itself puts to what takes too long, even if nobody is left to stop it.
    """

    _by_itself = False
    """How the connections of the pool are made; what is usual costs nothing more."""

    def __init__(self, pool: AsyncEngine, engine: Engine, kind: ServerKind, timed: AsyncEngine | None = None) -> None:
        self.timed = _Timed(timed, engine, kind) if timed else self
        self._pool = pool
        self.engine = engine
        self.kind = kind

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """A transaction for SQLAlchemy statements: committed at the end, rolled back on an error."""
        with self._trouble(), under_way():
            async with self._pool.connect() as borrowed, _left_if_useless(borrowed):
                connection = await self._made(borrowed, by_itself=False)
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Transaction]:
        """For statements that only read, each by itself: no BEGIN and COMMIT around them."""
        with self._trouble(), under_way():
            async with self._pool.connect() as connection:
                yield await self._made(connection, by_itself=True)

    @asynccontextmanager
    async def driver(self, *, autocommit: bool = False) -> AsyncIterator[Connection]:
        """The psycopg connection underneath, for COPY, columns in binary, and what cannot run in a transaction.

        Without `autocommit` the statements are one transaction, as with `begin`; with it, each stands by itself.
        """
        with self._trouble(), under_way():
            async with self._pool.connect() as borrowed, _left_if_useless(borrowed):
                connection = _underneath(await self._made(borrowed, by_itself=autocommit))
                yield connection
                if not autocommit:
                    await connection.commit()

    async def ping(self) -> None:
        """StoreUnavailable where the database does not answer."""
        async with self.asking() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def _made(self, connection: Transaction, *, by_itself: bool) -> Transaction:
        """A connection on which each statement stands by itself, or on which they are a transaction."""
        # Whatever is not usual is said here, and not as an option of the pool: that would be set at each checkout,
        # before anybody is there to give the connection back, and whoever is cancelled just then would lose it.
        if by_itself is self._by_itself:
            return connection
        return await connection.execution_options(isolation_level=_BY_ITSELF if by_itself else "READ COMMITTED")

    def _trouble(self) -> AbstractContextManager[None]:
        return translated()


class _Timed(Database):
    _by_itself = True

    def _trouble(self) -> AbstractContextManager[None]:
        return answered_in_time()


@asynccontextmanager
async def open_database(
    text: str, *, pool: int = 8, patience: timedelta = timedelta(seconds=30)
) -> AsyncIterator[Database]:
    """Connects, refuses servers that are not supported, and closes the pools in the end.

    Each of the two pools has up to `pool` connections; statements of those who ask may take as long as `patience`.
    """
    losses = _Losses()
    async with AsyncExitStack() as stack:
        whole = _pool(text, pool, losses)
        stack.push_async_callback(_close, whole)
        kind = await server_kind(whole)
        if fault := unsupported(kind):
            raise fault
        options = f"-c statement_timeout={-(-patience // timedelta(milliseconds=1))}"
        if kind.linux:
            # A cancellation may come before the statement that it is for; a connection that is closed then ends it.
            options += " -c client_connection_check_interval=1000"
        timed = _pool(text, pool, losses, options, isolation_level=_BY_ITSELF)
        stack.push_async_callback(_close, timed)
        await server_kind(timed)  # the first connection of a pool asks more than others: not within a request
        yield Database(whole, Timescale() if kind.timescale else Plain(), kind, timed)


async def _close(pool: AsyncEngine) -> None:
    """When all connections are back: one that comes back to a pool that is closed stays open."""
    borrowed = cast("sqlalchemy.QueuePool", pool.sync_engine.pool).checkedout
    try:
        for _ in range(round(LEFT_SECONDS / _LOOK_SECONDS)):
            if borrowed() <= 0:
                break
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await pool.dispose()


def _pool(text: str, size: int, losses: "_Losses", options: str = "", **made: Any) -> AsyncEngine:
    pool = create_async_engine(
        database_url(text),
        pool_size=size,
        max_overflow=0,
        pool_timeout=10,
        connect_args={
            "prepare_threshold": 3,
            "connect_timeout": 10,
            "cursor_factory": TalliedCursor,
            "options": f"-c timezone=UTC {options}".rstrip(),
        },
        **made,
    )
    sqlalchemy.event.listen(pool.sync_engine, "connect", _teach_columns)
    sqlalchemy.event.listen(pool.sync_engine, "checkin", _note_rest)
    sqlalchemy.event.listen(pool.sync_engine, "checkout", losses.wake)
    sqlalchemy.event.listen(pool.sync_engine, "invalidate", losses.note)
    return pool


@asynccontextmanager
async def _left_if_useless(connection: Transaction) -> AsyncIterator[None]:
    """A session that is broken, or that may not write although its server may again: the next asker gets a new one."""
    try:
        yield
    except (psycopg.Error, sqlalchemy.exc.DBAPIError) as error:
        cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
        if isinstance(cause, psycopg.OperationalError | psycopg.errors.ReadOnlySqlTransaction):
            await connection.invalidate()
        raise


def _teach_columns(connection: Any, _record: object) -> None:
    columns.register(connection.driver_connection.adapters)


def _note_rest(connection: Any, record: Any) -> None:
    record.info["rested_since"] = time.monotonic()


class _Losses:
    """When a connection of any pool was lost: what ended it may have ended the others."""

    def __init__(self) -> None:
        self._last = -math.inf

    def note(self, _connection: object, _record: object, _error: object) -> None:
        self._last = time.monotonic()

    def wake(self, connection: Any, record: Any, _proxy: object) -> None:
        """One that has rested, or that lay there when another was lost, may be dead: asked only then, for a question
        costs as much as a small statement."""
        since = record.info.get("rested_since", math.inf)  # a new one has not rested yet
        if since > max(time.monotonic() - RESTED_SECONDS, self._last):
            return
        try:
            with untallied():
                connection.cursor().execute("SELECT 1")
                connection.rollback()
        except Exception as error:
            raise sqlalchemy.exc.DisconnectionError from error


def _underneath(borrowed: Transaction) -> Connection:
    return cast("Connection", cast("sqlalchemy.Connection", borrowed.sync_connection).connection.driver_connection)
