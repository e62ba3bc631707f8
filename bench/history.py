"""What pages show: machines with a day of readings behind the watermark, and a plant of machines that report now."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import psycopg

from bench.client import request, send_all
from bench.process import Service
from bench.settling import until_settled

METRICS: Final = 10
"""Of a machine with a history."""
PLANT_MACHINES: Final = 200
PLANT_METRICS: Final = 5

_DAY, _HOUR = 86_400, 3_600
_INTERVAL = 20
"""Seconds between readings."""


@dataclass(frozen=True, slots=True)
class History:
    """`machines` machines of the plant `history`; the day ends at least an hour ago, on a full hour."""

    machines: int
    end: int

    @classmethod
    def until_now(cls, machines: int) -> "History":
        return cls(machines, int(time.time()) // _HOUR * _HOUR - _HOUR)

    @property
    def starts_at(self) -> datetime:
        return datetime.fromtimestamp(self.end - _DAY, UTC)

    @property
    def ends_at(self) -> datetime:
        return datetime.fromtimestamp(self.end, UTC)

    def path(self, machine: int) -> str:
        return f"history/line/machine-{machine:03}"

    async def send(self, running: Service, database_url: str) -> None:
        """Stores everything, and waits until the tiers have it."""
        bodies = [self._day(machine) for machine in range(self.machines)] + [self._plant()]
        raw = [request("POST", "/api/v2/write?precision=s", running.token, body) for body in bodies]
        await send_all(running.port, [raw])
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            await until_settled(connection, self.ends_at)
            await connection.execute("VACUUM ANALYZE")

    def _day(self, machine: int) -> bytes:
        times = range(self.end - _DAY, self.end, _INTERVAL)
        values = np.random.default_rng(machine).normal(50, 10, (len(times), METRICS)).round(2).tolist()
        tags = f"process,plant=history,line=line,machine=machine-{machine:03}"
        return _lines([(tags, row, at) for row, at in zip(values, times, strict=True)])

    def _plant(self) -> bytes:
        values = np.random.default_rng(0).normal(50, 10, (PLANT_MACHINES, PLANT_METRICS)).round(2).tolist()
        return _lines(
            [
                (f"process,plant=plant,line=line-{at // 20},machine=machine-{at:03}", row, self.end)
                for at, row in enumerate(values)
            ]
        )


def _lines(points: list[tuple[str, list[float], int]]) -> bytes:
    return "\n".join(
        f"{tags} {','.join(f'value-{field}={value}' for field, value in enumerate(row))} {at}"
        for tags, row, at in points
    ).encode()
