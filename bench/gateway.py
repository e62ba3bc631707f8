"""The client of a fault run, a process of its own: sends readings again and again until each is acknowledged."""

import asyncio
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import click
import httpx
import orjson

from bench.bounds import CONNECTIONS
from bench.journal import COLUMNS, LINE_PROTOCOL, Journal

MACHINES: Final = 5
"""Of each connection, which is a line of its own."""
METRICS: Final = ("temperature", "pressure", "torque", "speed")

_BEHIND, _AHEAD = 6 * 3_600, 3_600
"""Seconds: the readings lie around now, most of them behind the watermark."""
_LATE, _REPEATED, _CORRECTED, _NOT_GOOD = 0.05, 0.05, 0.05, 0.06
"""Shares of the readings."""
_BAD, _UNCERTAIN = 0x80000000, 0x40000000
_AGAIN_SECONDS = 0.1


class Row(NamedTuple):
    """A reading on its way; `series` counts within its connection, `at` is in microseconds."""

    series: int
    at: int
    value: float | None
    status: int


class Source:
    """The readings of one connection: late, repeated and corrected ones among them; the same for the same seed."""

    def __init__(self, seed: str, readings: int, start: int) -> None:
        self._random = random.Random(seed)
        self._left = readings
        series = MACHINES * len(METRICS)
        step = (_BEHIND + _AHEAD) * 1_000 * series // readings * 1_000  # whole milliseconds, as JSON has them
        self._ticks = ((at % series, start + at // series * step) for at in itertools.count())
        self._late: list[Row] = []
        self._sent: list[Row] = []
        self._known: dict[tuple[int, int], Row] = {}

    def bodies(self, largest: int) -> Iterator[tuple[str, list[Row]]]:
        """Door and readings of each body."""
        while self._left:
            door = self._random.choice((LINE_PROTOCOL, LINE_PROTOCOL, COLUMNS))
            size = min(self._left, self._random.randint(largest // 10, largest))
            self._left -= size
            yield door, [self._row(door) for _ in range(size)]
        if self._late:
            yield LINE_PROTOCOL, [self._sure(row._replace(status=0)) for row in self._late]

    def _row(self, door: str) -> Row:
        chance = self._random.random()
        if chance < _LATE and len(self._late) > self._random.randint(0, 1_000):
            late = self._late.pop(self._random.randrange(len(self._late)))
            return self._sure(late)
        if self._sent and chance > 1 - _REPEATED - _CORRECTED:
            earlier = self._random.choice(self._sent)
            known = self._known[earlier.series, earlier.at]
            if chance > 1 - _CORRECTED:
                return self._sure(self._drawn(door, known.series, known.at))
            if door == COLUMNS or known.status == 0:
                return known
        row = self._drawn(door, *next(self._ticks))
        if chance < _LATE:
            self._late.append(Row(row.series, row.at, self._value(), 0))
            row = self._drawn(door, *next(self._ticks))
        return self._sure(row)

    def _drawn(self, door: str, series: int, at: int) -> Row:
        chance = self._random.random() if door == COLUMNS else 1.0
        if chance < _NOT_GOOD / 2:
            return Row(series, at, None, _BAD)
        return Row(series, at, self._value(), _UNCERTAIN if chance < _NOT_GOOD else 0)

    def _value(self) -> float:
        # Sums of such values are exact in whatever order they are added, so that averages can be compared as they are.
        return self._random.randint(-(1 << 16), 1 << 16) / 64

    def _sure(self, row: Row) -> Row:
        self._sent.append(row)
        self._known[row.series, row.at] = row
        return row


def body_of(door: str, line: str, rows: Sequence[Row]) -> str:
    """Rows as they go over the wire."""
    if door == LINE_PROTOCOL:
        heads = [f"{metric},plant=faults,line={line},machine={machine} value=" for machine, metric in _names()]
        return "\n".join(f"{heads[row.series]}{row.value} {row.at}" for row in rows)
    columns: list[dict[str, object]] = []
    for number, (machine, metric) in enumerate(_names()):
        own = [row for row in rows if row.series == number]
        cells = {
            "times": [row.at // 1_000 for row in own],
            "values": [row.value for row in own],
            "statuses": [row.status for row in own],
        }
        columns.append({"plant": "faults", "line": line, "machine": machine, "metric": metric, **cells})
    return orjson.dumps({"series": columns}).decode()


class Sender:
    """Sends bodies until each is acknowledged; notes that in the journal, and how many readings it makes by now."""

    def __init__(self, journal: Journal, file: BinaryIO) -> None:
        self._journal = journal
        self._file = file
        self._acknowledged = 0

    async def send_all(self, client: httpx.AsyncClient, line: str, source: Source, largest: int) -> None:
        for door, rows in source.bodies(largest):
            body = body_of(door, line, rows)
            await self._deliver(client, door, body)
            self._journal.append(self._file, {"door": door, "body": body})
            self._acknowledged += len(rows)
            click.echo(self._acknowledged)

    async def _deliver(self, client: httpx.AsyncClient, door: str, body: str) -> None:
        while True:
            if await self._send(client, door, body):
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _send(self, client: httpx.AsyncClient, door: str, body: str) -> bool:
        """Whether it was acknowledged; to come back later is all that a client may be told besides."""
        try:
            answer = await client.post(door, content=body)
        except httpx.TransportError:
            return False
        if answer.status_code in (200, 204):
            return True
        if answer.status_code != 503 or "Retry-After" not in answer.headers:
            self._journal.append(self._file, {"surprise": f"{answer.status_code}: {answer.text[:300]}"})
        return False


@click.command()
@click.argument("url")
@click.argument("token")
@click.argument("readings", type=int)
@click.argument("seed")
@click.argument("path", type=click.Path(path_type=Path))
def main(url: str, token: str, readings: int, seed: str, path: Path) -> None:
    """Send so many readings, and print how many are acknowledged."""
    with path.open("xb") as file:
        asyncio.run(_run(url, token, readings, seed, Sender(Journal(path), file)))


async def _run(url: str, token: str, readings: int, seed: str, sender: Sender) -> None:
    start = (int(time.time()) - _BEHIND) * 1_000_000
    headers = {"Authorization": f"Bearer {token}"}
    largest = min(5_000, readings // 40)

    async def send(connection: int) -> None:
        source = Source(f"{seed} {connection}", readings // CONNECTIONS, start)
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            await sender.send_all(client, f"line-{connection}", source, largest)

    async with asyncio.TaskGroup() as tasks:
        for connection in range(CONNECTIONS):
            tasks.create_task(send(connection))


def _names() -> list[tuple[str, str]]:
    """Machine and metric of each series of a connection."""
    return [(f"machine-{at // len(METRICS)}", METRICS[at % len(METRICS)]) for at in range(MACHINES * len(METRICS))]


if __name__ == "__main__":
    main()
