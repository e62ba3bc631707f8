"""Large answers: eight at once, and sixteen that nobody takes, in the memory that all answers share."""

import asyncio
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from bench.bounds import MOST_PAGES_MEMORY, Extent
from bench.client import ask_once
from bench.figures import Figure, at_most, told
from bench.loading import make_series, store
from bench.process import Service, service
from bench.readings import SERIES, Stretch
from bench.server import Server, new_database
from bench.sides import answered, graphql

_SECONDS: Final = 399
"""Of a thousand series: a little less than one request may answer."""
_AT_ONCE: Final = 8
_STANDING: Final = 16
_STANDING_SECONDS: Final = 25
"""Longer than whoever takes nothing is waited for, twice."""
_READINGS: Final = """
SELECT id, time, 100 * random(), 0 FROM unnest(%(series)s::integer[]) AS id
CROSS JOIN generate_series(%(starts)s, %(ends)s, INTERVAL '1 second') AS time ORDER BY id, time
"""
"""Their values have all digits."""
_QUESTION: Final = """
query Large($from: DateTime!, $to: DateTime!) {
  plant(code: "large") { machines { series {
    buckets(range: {from: $from, to: $to}, every: "PT1S") { starts average minimum maximum }
  } } }
}
"""


async def answers(server: Server, _: Extent) -> list[Figure]:
    """Against a service of its own, as the peak that the system keeps is that of the process."""
    ends = datetime.now(UTC).replace(microsecond=0)
    starts = ends - timedelta(seconds=_SECONDS)
    async with new_database(server, "bench_answers") as url, service(url) as running:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            series = await make_series(running, connection, Stretch(int(starts.timestamp()), 1, "large"))
        await store(url, _READINGS, {"series": series, "interval": 1}, starts, ends)
        asked = graphql(running.token, _QUESTION, {"from": starts.isoformat(), "to": ends.isoformat()})
        machines = (await answered(running.port, asked))["data"]["plant"]["machines"]
        counted = sum(len(each["buckets"]["starts"]) for machine in machines for each in machine["series"])
        if counted != SERIES * _SECONDS:
            raise RuntimeError(f"{counted:,} buckets are answered where {SERIES * _SECONDS:,} are asked for")
        began = time.perf_counter()
        sizes = [len(body) for body in await asyncio.gather(*(ask_once(running.port, asked) for _ in range(_AT_ONCE)))]
        taken = time.perf_counter() - began
        at_once = running.peak_megabytes
        await asyncio.gather(*(_stand(running, asked) for _ in range(_STANDING)))
        peak = running.peak_megabytes
    what = f"{counted:,} buckets in each of {_AT_ONCE} answers at once"
    return [
        told(what, f"{sum(sizes) / 1e6:.0f} MB in {taken:.1f} s"),
        at_most(f"{what}: peak memory of the service", at_once, MOST_PAGES_MEMORY),
        at_most(f"and {_STANDING} clients that ask for it and take nothing", peak, MOST_PAGES_MEMORY),
    ]


async def _stand(running: Service, asked: bytes) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", running.port))
        await loop.sock_sendall(client, asked)
        await asyncio.sleep(_STANDING_SECONDS)
