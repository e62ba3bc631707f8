"""A gateway's outage: what it kept for three hours is delivered among live readings, and readings are repeated."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import psycopg

from bench.bounds import CONNECTIONS, LEAST_OUTAGE, MOST_INTAKE_MEMORY, RUNS, Extent
from bench.client import request, send_all
from bench.figures import Figure, at_most, compared, taking_turns
from bench.ingest import AHEAD, rate_of
from bench.loading import make_series, store
from bench.process import Service, service
from bench.readings import LINES_A_BODY, SERIES, Stretch, heads_of
from bench.server import Server, new_database
from bench.settling import until_settled

_PLANT: Final = "outage"
_LATE: Final = 20
"""One of so many series is late: another one in each run."""
_OUTAGE: Final = 3 * 3_600
_HISTORY: Final = timedelta(days=3)
_REPEATED: Final = 0.05

# The series that are late in a run have no readings there yet.
_HISTORY_OF = """
SELECT id, time, round((50 + 10 * sin(extract(epoch FROM time) / 600 + id))::numeric, 2)::float8, 0
FROM unnest(%(series)s::int[]) WITH ORDINALITY AS known (id, place)
CROSS JOIN generate_series(%(starts)s::timestamptz, %(ends)s, make_interval(secs => %(interval)s)) AS time
WHERE place %% %(late)s > %(runs)s OR place %% %(late)s = 0 OR time < %(outage)s::timestamptz
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Three hours of live readings from `start` (seconds since 1970) on, among which the late series deliver those of
    three hours that end at `outage_end`; a reading every `interval` seconds."""

    start: int
    outage_end: int
    interval: int
    late: int
    """The remainder of the places of the late series."""

    @property
    def ticks(self) -> int:
        return _OUTAGE // self.interval

    @property
    def once(self) -> int:
        """Readings, each counted once."""
        return SERIES * self.ticks

    def requests(self, token: str) -> list[list[bytes]]:
        """Each connection has series of its own; some lines of each body stand in a later one again."""
        heads, share = heads_of(_PLANT), SERIES // CONNECTIONS
        values = np.random.default_rng(self.start).normal(50, 10, (self.ticks, SERIES)).round(2)
        return [
            [
                request("POST", "/api/v2/write?precision=s", token, "\n".join(lines).encode())
                for lines in self._bodies(range(first, first + share), heads, values.tolist())
            ]
            for first in range(0, SERIES, share)
        ]

    def _bodies(self, own: range, heads: list[str], values: list[list[float]]) -> Iterator[list[str]]:
        chance = random.Random(own.start)
        before: list[str] = []
        step = LINES_A_BODY // len(own)
        for first in range(0, self.ticks, step):
            lines = [
                f"{heads[at]}{values[tick][at]} {self._time(at, tick)}"
                for tick in range(first, min(first + step, self.ticks))
                for at in own
            ]
            again = chance.sample(before or lines, round(len(lines) * _REPEATED))
            before = lines
            yield lines + again

    def _time(self, at: int, tick: int) -> int:
        first = self.outage_end - _OUTAGE if (at + 1) % _LATE == self.late else self.start
        return first + tick * self.interval


async def outage(server: Server, extent: Extent) -> list[Figure]:
    """Three days are there, but for the outages of each run; ingest alone, of other series, is measured in turns."""
    interval = extent.outage_interval
    began = int(time.time()) // 60 * 60
    ends = began - 300
    ahead = [Stretch(began + AHEAD + run * extent.ingest_seconds, extent.ingest_seconds) for run in range(RUNS)]
    backlogs = [Backlog(began + AHEAD + run * _OUTAGE, ends, interval, run + 1) for run in range(RUNS)]
    async with (
        new_database(server, "bench_outage") as url,
        service(url) as running,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as connection,
    ):
        await send_all(running.port, Stretch(ahead[0].start - 1, 1).requests(running.token))
        await _history(running, url, connection, ends, interval)

        async def measured(run: int) -> float:
            requests = backlogs[run].requests(running.token)
            await connection.execute("CHECKPOINT")
            started = time.perf_counter()
            await send_all(running.port, requests)
            await until_settled(connection)
            return backlogs[run].once * (1 + _REPEATED) / (time.perf_counter() - started)

        found = await taking_turns(measured, lambda run: rate_of(ahead[run], running, connection))
        await _check(connection, ends, SERIES * int(_HISTORY.total_seconds()) // interval)
        peak = running.peak_megabytes
    what = (
        f"outage: {SERIES // _LATE} of {SERIES:,} series deliver three hours late among live readings, over three days"
        f" with a reading in {interval} s, {_REPEATED:.0%} of all repeated, until no note is pending"
    )
    return [
        compared(f"{what}; reference: ingest alone", found, "readings/s", least=server.share(LEAST_OUTAGE)),
        at_most("outage: peak memory of the service", peak, MOST_INTAKE_MEMORY),
    ]


async def _history(
    running: Service, url: str, connection: psycopg.AsyncConnection[tuple[object, ...]], ends: int, interval: int
) -> None:
    end = datetime.fromtimestamp(ends, UTC)
    series = await make_series(running, connection, Stretch(ends, 1, _PLANT))
    parameters = {
        "series": series,
        "interval": interval,
        "late": _LATE,
        "runs": RUNS,
        "outage": end - timedelta(seconds=_OUTAGE),
    }
    await store(url, _HISTORY_OF, parameters, end - _HISTORY, end)
    await until_settled(connection, end)
    await connection.execute("VACUUM ANALYZE")


async def _check(connection: psycopg.AsyncConnection[tuple[object, ...]], ends: int, expected: int) -> None:
    """The minutes have every reading, once."""
    rows = await connection.execute("SELECT sum(good) FROM readings_1m WHERE bucket < to_timestamp(%s)", [ends])
    if (found := await rows.fetchone()) != (expected,):
        raise RuntimeError(f"the minutes have {found} readings, not {expected}")
