"""Ingest: line protocol over HTTP beside a plain COPY of the same rows into the same table."""

import time
from collections.abc import Sequence
from statistics import median
from typing import Final

import psycopg

from bench.bounds import CONNECTIONS, LEAST_INGEST, LEAST_READINGS, MOST_INTAKE_MEMORY, RUNS, Extent
from bench.client import send_all
from bench.figures import Figure, at_least, at_most, compared, taking_turns
from bench.process import Service, service
from bench.readings import LINES_A_BODY, ROWS_A_COPY, SERIES, Stretch
from bench.server import Server, new_database

AHEAD: Final = 600
"""Seconds: like the readings of running machines, these arrive before the watermark passes them."""
_REFERENCE_IDS = 1_000_001
_WARM_UP = 20
"""Seconds of event time: every series has been seen, and its chunk exists, before the clock starts."""


async def ingest(server: Server, extent: Extent) -> list[Figure]:
    """Both write stretches that follow one another, each to series of its own, so that the table grows equally."""
    began = int(time.time()) + AHEAD
    warm_up = Stretch(began - _WARM_UP, _WARM_UP)
    stretches = [Stretch(began + run * extent.ingest_seconds, extent.ingest_seconds) for run in range(RUNS)]
    async with (
        new_database(server, "bench_ingest") as url,
        service(url) as running,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as connection,
    ):
        await send_all(running.port, warm_up.requests(running.token))
        await _copy(connection, warm_up.copies(_REFERENCE_IDS))

        async def reference(run: int) -> float:
            batches = stretches[run].copies(_REFERENCE_IDS)
            await connection.execute("CHECKPOINT")
            return stretches[run].readings / await _copy(connection, batches)

        found = await taking_turns(lambda run: rate_of(stretches[run], running, connection), reference)
        await _check(connection, SERIES * _WARM_UP + sum(stretch.readings for stretch in stretches))
        peak = running.peak_megabytes
    what = (
        f"ingest: line protocol over HTTP, {SERIES:,} series, {LINES_A_BODY:,} lines a body, {CONNECTIONS} connections"
    )
    reference_is = f"reference: binary COPY, a commit every {ROWS_A_COPY:,} rows"
    return [
        compared(f"{what}; {reference_is}", found, "readings/s", least=server.share(LEAST_INGEST)),
        at_least(what, median(found.measured), "readings/s", server.share(LEAST_READINGS)),
        at_most("ingest: peak memory of the service", peak, MOST_INTAKE_MEMORY),
    ]


async def rate_of(stretch: Stretch, running: Service, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> float:
    """Readings a second by the door: also what other parts compare themselves with."""
    requests = stretch.requests(running.token)
    await connection.execute("CHECKPOINT")
    return stretch.readings / await send_all(running.port, requests)


async def _copy(connection: psycopg.AsyncConnection[tuple[object, ...]], batches: Sequence[bytes]) -> float:
    """Seconds until all batches are committed, one after the other."""
    started = time.perf_counter()
    for batch in batches:
        async with (
            connection.cursor() as cursor,
            cursor.copy("COPY readings (series_id, time, value, quality) FROM STDIN (FORMAT BINARY)") as copy,
        ):
            await copy.write(batch)
    return time.perf_counter() - started


async def _check(connection: psycopg.AsyncConnection[tuple[object, ...]], expected: int) -> None:
    """Both have stored everything, and the same."""
    rows = await connection.execute(
        "SELECT count(*), sum(value), min(time), max(time) FROM readings GROUP BY series_id >= %s", [_REFERENCE_IDS]
    )
    ours, theirs = await rows.fetchall()
    if ours[0] != expected or (ours[0], *ours[2:]) != (theirs[0], *theirs[2:]):
        raise RuntimeError(f"what was measured has not stored the same: {ours} and {theirs}, expected {expected}")
