"""The import of a long CSV file by the command: how fast, and how much memory it takes."""

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import psycopg

from bench.bounds import LEAST_IMPORT, MOST_IMPORT_GROWTH, RUNS, Extent
from bench.figures import Figure, at_least, at_most, told
from bench.process import peak_megabytes, started_command
from bench.server import Server, new_database

STARTS_AT: Final = datetime(2026, 1, 5, tzinfo=UTC)
_TENTH: Final = 10
_AT_ONCE: Final = 500_000
_POLL_SECONDS: Final = 0.02
_MACHINE: Final = ("--plant", "files", "--line", "line", "--machine", "press")


async def imports(server: Server, extent: Extent) -> list[Figure]:
    """A row a second with one value each: the most rows for as many readings. The clock runs from the start of the
    command to its end, when the tiers have the file too."""
    rows = extent.import_rows
    with tempfile.TemporaryDirectory(prefix="linegraph-bench-") as folder:
        short, long = Path(folder, "short.csv"), Path(folder, "long.csv")
        for path, count in ((short, rows // _TENTH), (long, rows)):
            await asyncio.to_thread(_write, path, count)
        _, little = await _imported(server, short, rows // _TENTH)
        runs = [await _imported(server, long, rows) for _ in range(RUNS)]
    much = median(peak for _, peak in runs)
    rate = median(seconds_rate for seconds_rate, _ in runs)
    what = f"linegraph import of a CSV file of {rows:,} rows"
    return [
        at_least(f"{what}, tiers included", rate, "readings/s", server.share(LEAST_IMPORT)),
        told(f"{what}: peak memory; with {rows // _TENTH:,} rows", f"{much:.1f} MB; {little:.1f} MB"),
        at_most(f"{what}: what the other {rows - rows // _TENTH:,} rows add to it", much - little, MOST_IMPORT_GROWTH),
    ]


def _write(path: Path, rows: int) -> None:
    start = int(STARTS_AT.timestamp())
    random = np.random.default_rng(rows)
    with path.open("w") as file:
        file.write("time,temperature\n")
        for first in range(0, rows, _AT_ONCE):
            count = min(_AT_ONCE, rows - first)
            times = np.datetime_as_string(np.arange(start + first, start + first + count).astype("datetime64[s]"))
            values = random.normal(50, 10, count).round(2).tolist()
            file.write("".join(f"{at}Z,{value}\n" for at, value in zip(times.tolist(), values, strict=True)))


async def _imported(server: Server, path: Path, rows: int) -> tuple[float, float]:
    """Readings a second, and the most megabytes that the command has held."""
    async with new_database(server, "bench_import") as url:
        began, peak = time.perf_counter(), 0.0
        async with started_command("import", str(path), *_MACHINE, database_url=url) as process:
            ended = asyncio.create_task(process.wait())
            while not ended.done():
                peak = max(peak, peak_megabytes(process.pid))
                await asyncio.wait([ended], timeout=_POLL_SECONDS)
        taken = time.perf_counter() - began
        async with await psycopg.AsyncConnection.connect(url) as connection:
            found = await (await connection.execute("SELECT sum(good) FROM readings_1m")).fetchone()
        if process.returncode or found != (rows,):
            raise RuntimeError(f"the import ended with code {process.returncode} and {found} of {rows} readings")
    return rows / taken, peak
