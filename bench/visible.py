"""How soon a committed reading is in the bucket of its minute, while many others come in."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

from bench.bounds import CONNECTIONS, LEAST_LIVE, MOST_INTAKE_MEMORY, MOST_UNSEEN, RUNS, Extent
from bench.client import Connection, request
from bench.figures import Figure, at_least, at_most, at_most_seconds, in_milliseconds, told
from bench.process import Service, service
from bench.readings import LINES_A_BODY, METRICS, SERIES, heads_of
from bench.server import Server, new_database
from bench.sides import answered, graphql

_PLANT: Final = "live"
_TICK: Final = 20
"""Milliseconds: each series has fifty readings a second, at the time it is."""
_MINUTE: Final = 60_000
_SHARE: Final = SERIES // CONNECTIONS
_TICKS: Final = LINES_A_BODY // _SHARE
"""Of a body."""
_BUCKET: Final = """
query Bucket($path: String!, $from: DateTime!, $to: DateTime!) {
  machine(path: $path) {
    series { metric { name } buckets(range: {from: $from, to: $to}, every: "PT1M") { count average maximum } }
  }
}
"""


class Stream:
    """Live readings: a body of each connection whenever its time has passed, for so many seconds of real time."""

    def __init__(self, running: Service, seconds: int) -> None:
        self._running = running
        self._heads = heads_of(_PLANT)
        self._bodies = seconds * 1_000 // (_TICKS * _TICK)
        self._base = int(time.time() * 1_000) // _TICK * _TICK
        self._started = time.perf_counter()
        self.sent = 0
        self.unseen: list[float] = []
        """Seconds from an acknowledgement to an answer with all that it stands for."""

    async def run(self) -> float:
        """Readings a second that were acknowledged."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(CONNECTIONS):
                tasks.create_task(self._send(number))
        return self.sent / (time.perf_counter() - self._started)

    async def _send(self, number: int) -> None:
        """The first connection looks after each body for what it has sent."""
        connection = await Connection.open(self._running.port)
        for body in range(self._bodies):
            due = self._started + (body + 1) * _TICKS * _TICK / 1_000
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            ticks = range(body * _TICKS, (body + 1) * _TICKS)
            text = self._lines(range(number * _SHARE, (number + 1) * _SHARE), ticks)
            await connection.ask(request("POST", "/api/v2/write?precision=ms", self._running.token, text))
            self.sent += LINES_A_BODY
            if number == 0:
                self.unseen.append(await self._seen(ticks[-1]))
        await connection.close()

    def _lines(self, series: range, ticks: range) -> bytes:
        return "\n".join(
            f"{self._heads[at]}{_value(tick, at % METRICS)} {self._base + tick * _TICK}"
            for tick in ticks
            for at in series
        ).encode()

    async def _seen(self, last: int) -> float:
        """Asks until the minute of the last tick has all ticks until then: counts, averages and maxima."""
        acknowledged = time.perf_counter()
        minute = (self._base + last * _TICK) // _MINUTE * _MINUTE
        first = max(-(-(minute - self._base) // _TICK), 0)
        start = datetime.fromtimestamp(minute / 1_000, UTC)
        span = {"from": start.isoformat(), "to": (start + timedelta(minutes=1)).isoformat()}
        raw = graphql(self._running.token, _BUCKET, {"path": f"{_PLANT}/line-0/machine-000", **span})
        expected = {f"metric-{metric}": _bucket(range(first, last + 1), metric) for metric in range(METRICS)}
        while _buckets(await answered(self._running.port, raw)) != expected:
            if time.perf_counter() - acknowledged > 10 * MOST_UNSEEN:
                raise RuntimeError("the minute does not get what was acknowledged")
        return time.perf_counter() - acknowledged


async def visible(server: Server, extent: Extent) -> list[Figure]:
    """Every answer is compared; the worst counts, but for the first, before which the series are made."""
    async with new_database(server, "bench_visible") as url, service(url) as running:
        stream = Stream(running, RUNS * extent.live_seconds)
        rate = await stream.run()
        unseen = stream.unseen[1:]
        peak = running.peak_megabytes
    what = f"commit to a correct minute bucket of {METRICS} series, {_SHARE * CONNECTIONS:,} series with 50 readings/s"
    return [
        at_most_seconds(f"{what}; the worst of {len(unseen)}", max(unseen), MOST_UNSEEN),
        told(f"{what}; median", in_milliseconds(median(unseen))),
        at_least("readings acknowledged meanwhile", rate, "readings/s", LEAST_LIVE),
        at_most("commit to bucket: peak memory of the service", peak, MOST_INTAKE_MEMORY),
    ]


def _value(tick: int, metric: int) -> float:
    """Sums of such values are exact, in whatever order they are added."""
    return (tick * 7 + metric) % 4_096 / 64


def _bucket(ticks: range, metric: int) -> tuple[int, float, float]:
    values = [_value(tick, metric) for tick in ticks]
    return len(values), sum(values) / len(values), max(values)


def _buckets(answer: Any) -> dict[str, tuple[int, float, float] | None]:
    return {
        each["metric"]["name"]: next(iter(zip(*each["buckets"].values(), strict=True)), None)
        for each in answer["data"]["machine"]["series"]
    }
