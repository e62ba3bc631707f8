"""Ingest while the tiers take in what arrives, and somebody looks at it: until no note is pending."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Final

import psycopg

from bench.bounds import LEAST_FRESH, MOST_INTAKE_MEMORY, RUNS, Extent
from bench.client import Connection, send_all
from bench.figures import Figure, at_most, compared, in_milliseconds, taking_turns, told
from bench.ingest import AHEAD, rate_of
from bench.process import Service, service
from bench.readings import SERIES, Stretch
from bench.server import Server, new_database
from bench.settling import until_settled
from bench.sides import graphql

_BEHIND: Final = 120
"""Seconds: all readings lie behind the watermark, so that each of them has to reach every tier."""
_PLANT: Final = "fresh"
_PAUSE: Final = 1.0
"""Seconds between two looks at a page."""
_PAGE: Final = """
query Page($path: String!, $from: DateTime!, $to: DateTime!) {
  machine(path: $path) {
    series { metric { name } latest { time value }
      buckets(range: {from: $from, to: $to}, every: "PT1M") { starts average minimum maximum finality } }
  }
}
"""


async def fresh(server: Server, extent: Extent) -> list[Figure]:
    """Ingest alone, of other series, is measured in turns with it."""
    began = int(time.time())
    ahead = [Stretch(began + AHEAD + run * extent.ingest_seconds, extent.ingest_seconds) for run in range(RUNS)]
    behind = [
        Stretch(began - _BEHIND - (RUNS - run) * extent.fresh_seconds, extent.fresh_seconds, _PLANT)
        for run in range(RUNS)
    ]
    seen: list[float] = []
    async with (
        new_database(server, "bench_fresh") as url,
        service(url) as running,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as connection,
    ):
        for first in (Stretch(ahead[0].start - 1, 1), Stretch(behind[0].start - 1, 1, _PLANT)):
            await send_all(running.port, first.requests(running.token))
        await until_settled(connection, datetime.fromtimestamp(began - _BEHIND, UTC))

        async def measured(run: int) -> float:
            stretch = behind[run]
            requests = stretch.requests(running.token)
            await connection.execute("CHECKPOINT")
            async with _somebody_looks(running, stretch, seen):
                started = time.perf_counter()
                await send_all(running.port, requests)
                await until_settled(connection)
                return stretch.readings / (time.perf_counter() - started)

        found = await taking_turns(measured, lambda run: rate_of(ahead[run], running, connection))
        await _check(connection, began, SERIES * (1 + RUNS * extent.fresh_seconds))
        peak = running.peak_megabytes
    what = (
        f"ingest of {behind[0].readings:,} readings behind the watermark while tiers are refreshed and a client asks"
        " for a machine page each second, until no note is pending"
    )
    return [
        compared(f"{what}; reference: ingest alone", found, "readings/s", least=server.share(LEAST_FRESH)),
        told("the machine page meanwhile: 10 series, an hour of one-minute buckets", in_milliseconds(median(seen))),
        at_most("ingest and pages: peak memory of the service", peak, MOST_INTAKE_MEMORY),
    ]


@asynccontextmanager
async def _somebody_looks(running: Service, stretch: Stretch, seen: list[float]) -> AsyncIterator[None]:
    """A page each second for as long as the block lasts; how long each took is added to `seen`."""
    connection = await Connection.open(running.port)
    span = {"from": _at(stretch.start), "to": _at(stretch.start + min(stretch.seconds, 3_600))}
    raw = graphql(running.token, _PAGE, {"path": f"{_PLANT}/line-0/machine-000", **span})

    async def look() -> None:
        while True:
            began = time.perf_counter()
            answer = await connection.ask(raw)
            if b'"errors"' in answer:
                raise RuntimeError(f"the page is answered with an error: {answer[:300]!r}")
            seen.append(time.perf_counter() - began)
            await asyncio.sleep(_PAUSE)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait([looking])
        await connection.close()
    if not looking.cancelled() and (error := looking.exception()):
        raise error


async def _check(connection: psycopg.AsyncConnection[tuple[object, ...]], before: int, expected: int) -> None:
    """The minutes have every reading."""
    rows = await connection.execute("SELECT sum(good) FROM readings_1m WHERE bucket < to_timestamp(%s)", [before])
    if (found := await rows.fetchone()) != (expected,):
        raise RuntimeError(f"the minutes have {found} readings, not {expected}")


def _at(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
