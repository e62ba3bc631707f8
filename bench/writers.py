"""Small writers: a thousand connections, each of which sends one line a second and waits until it is acknowledged."""

import asyncio
import time
from statistics import median

import numpy as np

from bench.bounds import MOST_INTAKE_MEMORY, MOST_SMALL_WRITER, RUNS, Extent
from bench.client import Connection, request
from bench.figures import Figure, at_most, at_most_seconds, told
from bench.process import Service, service
from bench.readings import SERIES, heads_of
from bench.server import Server, new_database


async def writers(server: Server, extent: Extent) -> list[Figure]:
    """The writers begin at different moments of a second; an answer that is no acknowledgement ends the measurement."""
    runs: list[list[float]] = []
    async with new_database(server, "bench_writers") as url, service(url) as running:
        connections = [await Connection.open(running.port) for _ in range(SERIES)]
        await _run(running, connections, 1)
        for _ in range(RUNS):
            runs.append(await _run(running, connections, extent.writer_seconds))
        for connection in connections:
            await connection.close()
        peak = running.peak_megabytes
    late = median(float(np.percentile(taken, 99)) for taken in runs)
    what = f"small writers: {SERIES:,} connections, a body of one line a second each"
    counted = sum(map(len, runs))
    return [
        at_most_seconds(f"{what}; 99 of 100 are acknowledged within", late, MOST_SMALL_WRITER),
        told(f"{what}; sent and acknowledged", f"{counted:,} of {RUNS * extent.writer_seconds * SERIES:,}"),
        at_most("small writers: peak memory of the service", peak, MOST_INTAKE_MEMORY),
    ]


async def _run(running: Service, connections: list[Connection], seconds: int) -> list[float]:
    """Seconds that each line took."""
    heads = heads_of("small")
    taken: list[float] = []
    started, now = time.perf_counter(), int(time.time())

    async def write(at: int) -> None:
        for second in range(seconds):
            due = started + second + at / SERIES
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            line = f"{heads[at]}{at / 8 + second} {now + second}".encode()
            # From when it was due: a writer who has to wait for an answer is late with the next line.
            await connections[at].ask(request("POST", "/api/v2/write?precision=s", running.token, line))
            taken.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as tasks:
        for at in range(SERIES):
            tasks.create_task(write(at))
    return taken
