"""What the tables hold, in the terms in which tests compare it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import anyio
import numpy as np
import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from app.domain.instants import SECOND, instant, microseconds
from app.domain.quality import unsigned
from app.domain.rows import Rows, settled
from app.store.database import Database
from app.store.refusals import KeptRefusal, RefusalStore
from app.store.tables import latest, lines, machines, metrics, plants, readings, series, series_labels
from tests.engines import TestServer

BASE = microseconds(datetime(2026, 3, 2, 8, tzinfo=UTC))
"""Where the times of tests start, in microseconds."""


class KeptSeries(NamedTuple):
    """A series: the path and metric that it is mapped to, or why it is not."""

    mapped: str | None
    reason: str | None


async def kept_readings(database: Database) -> dict[str, list[tuple[int, float | None, int]]]:
    """By source: microseconds after the base, value, status code; in time order."""
    query = (
        sa.select(series.c.source, readings.c.time, readings.c.value, readings.c.quality)
        .join(series, series.c.id == readings.c.series_id)
        .order_by(series.c.source, readings.c.time)
    )
    kept: dict[str, list[tuple[int, float | None, int]]] = {}
    for source, time, value, quality in await rows(database, query):
        kept.setdefault(source, []).append((microseconds(time) - BASE, value, unsigned(quality)))
    return kept


async def kept_latest(database: Database) -> dict[str, tuple[int, float | None, int]]:
    query = sa.select(series.c.source, latest).join(series, series.c.id == latest.c.series_id)
    return {
        row.source: (microseconds(row.time) - BASE, row.value, unsigned(row.quality))
        for row in await rows(database, query)
    }


async def kept_series(database: Database) -> dict[str, KeptSeries]:
    path = plants.c.code + "/" + lines.c.code + "/" + machines.c.code + " " + metrics.c.name
    query = (
        sa.select(series.c.source, path, series.c.unmapped_reason)
        .outerjoin(machines, machines.c.id == series.c.machine_id)
        .outerjoin(lines, lines.c.id == machines.c.line_id)
        .outerjoin(plants, plants.c.id == lines.c.plant_id)
        .outerjoin(metrics, metrics.c.id == series.c.metric_id)
    )
    return {source: KeptSeries(mapped, reason) for source, mapped, reason in await rows(database, query)}


async def kept_labels(database: Database) -> dict[str, dict[int, str]]:
    """The labels of each series' own."""
    query = (
        sa.select(series.c.source, series_labels.c.code, series_labels.c.text)
        .join(series, series.c.id == series_labels.c.series_id)
        .order_by(series_labels.c.code)
    )
    kept: dict[str, dict[int, str]] = {}
    for source, code, text in await rows(database, query):
        kept.setdefault(source, {})[code] = text
    return kept


async def kept_refusals(database: Database) -> dict[bytes, KeptRefusal]:
    """By payload."""
    return {refusal.payload: refusal for refusal in await RefusalStore(database).recent(100_000)}


async def everything(database: Database) -> list[Any]:
    """Every row that a repeated body must leave alone."""
    tables = (plants, lines, machines, metrics, series, series_labels, readings, latest)
    return [await rows(database, sa.select(table).order_by(*table.primary_key, *table.c)) for table in tables]


async def rows(database: Database, query: sa.Select[Any]) -> Any:
    async with database.begin() as transaction:
        return (await transaction.execute(query)).all()


async def count(database: Database, table: sa.Table) -> int:
    return int((await rows(database, sa.select(sa.func.count()).select_from(table)))[0][0])


async def fill_up(url: str, count: int, every: int) -> None:
    """The readings between the first, at BASE, and the last of the only series: eighths, each so many microseconds."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO readings SELECT min(id), to_timestamp(%s / 1e6) + i * (%s * interval '1 us'), i / 8.0, 0"
            " FROM series CROSS JOIN generate_series(1, %s) AS i GROUP BY i",
            (BASE, every, count - 2),
        )
        await connection.execute("UPDATE latest SET received = %s", (count,))


@asynccontextmanager
async def commits_held(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """No batch can be committed inside, because this connection holds the watermark."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("SELECT FROM tiers FOR UPDATE")
        yield connection
        with suppress(psycopg.OperationalError):  # it may have been cut
            await connection.rollback()


async def until_held(connection: psycopg.AsyncConnection[Any], statement: str = "FOR SHARE", *, count: int = 1) -> None:
    """Returns when so many statements of the service wait for a lock."""
    with anyio.fail_after(5):
        while await waiting(connection, statement) < count:  # noqa: ASYNC110 - the server tells it in no other way
            await anyio.sleep(0.01)


async def waiting(connection: psycopg.AsyncConnection[Any], statement: str) -> int:
    """How many statements of the service that contain these words wait for a lock."""
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    asked = "SELECT FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock' AND query LIKE %s"
    return (await connection.execute(asked, (connection.info.dbname, f"%{statement}%"))).rowcount


def rows_from(base: int, readings: Iterable[tuple[int, int, float, int]]) -> Rows:
    """Series, seconds after the base (microseconds), value and status of each reading, as the store takes them."""
    series, seconds, values, statuses = (np.array(column) for column in zip(*readings, strict=True))
    return settled(
        series.astype(np.int32),
        base + seconds.astype(np.int64) * SECOND,
        values.astype(np.float64),
        statuses.astype(np.uint32),
    )


def nanoseconds(seconds: float) -> int:
    """A time so many seconds after the base, as line protocol has it."""
    return BASE * 1_000 + round(seconds * 1e9)


def milliseconds(seconds: float) -> float:
    """A time so many seconds after the base, as JSON has it."""
    return BASE / 1_000 + seconds * 1_000


def moment(seconds: float) -> str:
    """A time so many seconds after the base, as refusals show it."""
    return instant(BASE + round(seconds * 1e6)).isoformat()


async def forbidden(server: TestServer, url: str) -> None:
    """The database goes away: its connections are cut, and no new one is taken."""
    name = make_url(url).database
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    await cut(server, url)


async def allowed(server: TestServer, url: str) -> None:
    """The database is back."""
    name = make_url(url).database
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


async def cut(server: TestServer, url: str) -> None:
    """Every connection to the database ends: all are told at once, and then waited for."""
    name = make_url(url).database
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        for patience in (0, 5_000):
            await connection.execute(
                "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE datname = %s", (patience, name)
            )
