"""Memory: the most that the service has held after a million readings, and what a second million adds."""

import time

from bench.bounds import MOST_GROWTH, MOST_MEMORY
from bench.client import send_all
from bench.figures import Figure, at_most
from bench.process import service
from bench.readings import SERIES, Stretch
from bench.server import Server, new_database

_MILLION = 1_000_000 // SERIES
"""Seconds of event time."""


async def memory(server: Server) -> list[Figure]:
    """A service of its own, as the peak that the system keeps is that of the process."""
    began = int(time.time()) + 600
    peaks = []
    async with new_database(server, "bench_memory") as url, service(url) as running:
        for million in range(2):
            stretch = Stretch(began + million * _MILLION, _MILLION)
            await send_all(running.port, stretch.requests(running.token))
            peaks.append(running.peak_megabytes)
    return [
        at_most("memory: peak of the service after one million readings", peaks[0], MOST_MEMORY),
        at_most("memory: what the second million adds to it", peaks[1] - peaks[0], MOST_GROWTH),
    ]
