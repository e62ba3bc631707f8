"""Exports: ten million readings as CSV and as Arrow, with the memory and the processor time that the service needs."""

import asyncio
import http.client
import os
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import psycopg

from bench.bounds import LEAST_ARROW, LEAST_CSV, MOST_EXPORT_MEMORY, Extent
from bench.client import send_all
from bench.figures import Figure, at_least, at_most
from bench.process import Service, service
from bench.readings import SERIES, Stretch
from bench.server import Server, new_database

STARTS_AT: Final = datetime(2026, 3, 2, tzinfo=UTC)
_STRETCH: Final = 500
"""Seconds of event time that are stored at once."""
_READ: Final = 1 << 20
_LATEST: Final = "UPDATE latest SET received = %s, time = time + %s * interval '1 second'"


async def export(server: Server, extent: Extent) -> list[Figure]:
    """One format after the other from one service: the memory is what was needed for all of them."""
    formats = {"csv": LEAST_CSV} | ({"arrow": LEAST_ARROW} if find_spec("pyarrow") else {})
    async with new_database(server, "bench_export") as url, service(url) as running:
        await load(running, url, extent.export_seconds)
        figures = [await _exported(running, form, least, extent.export_seconds) for form, least in formats.items()]
        peak = running.peak_megabytes
    return [
        *figures,
        at_most(f"exports as {' and '.join(formats)}: peak memory of the service", peak, MOST_EXPORT_MEMORY),
    ]


async def load(running: Service, url: str, seconds: int) -> None:
    """The first second by the door, which makes the series; the rest by COPY."""
    start = int(STARTS_AT.timestamp())
    await send_all(running.port, Stretch(start, 1).requests(running.token))
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        rows = await (await connection.execute("SELECT min(id), max(id) FROM series")).fetchone()
        if rows is None or rows[1] - rows[0] != SERIES - 1:
            raise RuntimeError("the series have no numbers one after the other")
        await connection.execute("DELETE FROM readings")
        for first in range(0, seconds, _STRETCH):
            for batch in Stretch(start + first, min(_STRETCH, seconds - first)).copies(rows[0]):
                async with connection.cursor().copy("COPY readings FROM STDIN (FORMAT BINARY)") as copy:
                    await copy.write(batch)
        await connection.execute(_LATEST, (seconds, seconds - 1))


async def _exported(running: Service, form: str, least: float, seconds: int) -> Figure:
    query = urlencode({"plant": "bench", "from": STARTS_AT.isoformat(), "to": "2026-03-09T00:00:00Z", "format": form})
    before, started = _processor_seconds(running.pid), time.perf_counter()
    readings = await asyncio.to_thread(_taken, running, f"/api/v1/export?{query}", form)
    taken, used = time.perf_counter() - started, _processor_seconds(running.pid) - before
    if readings != SERIES * seconds:
        raise RuntimeError(f"the export has {readings:,} readings, not {SERIES * seconds:,}")
    what = (
        f"export of {readings:,} readings of {SERIES:,} series as {form}; {used:.1f} s of the service's processor time"
    )
    return at_least(what, readings / taken, "readings/s", least)


def _taken(running: Service, target: str, form: str) -> int:
    """How many readings came; http.client raises where the end is missing."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    try:
        connection.request("GET", target, headers={"Authorization": f"Bearer {running.token}"})
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {response.read(300)!r}")
        return _lines(response) - 1 if form == "csv" else _batched(response)
    finally:
        connection.close()


def _lines(response: http.client.HTTPResponse) -> int:
    counted = 0
    while piece := response.read(_READ):
        counted += piece.count(b"\n")
    return counted


def _batched(response: Any) -> int:
    import pyarrow

    return sum(batch.num_rows for batch in pyarrow.ipc.open_stream(response))


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
