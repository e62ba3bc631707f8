"""The readings that are sent: a thousand series, a reading a second, as line protocol and as rows of COPY."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.domain.instants import SECOND
from app.domain.rows import Rows
from app.store.columns import copy_data
from bench.bounds import CONNECTIONS
from bench.client import request

SERIES: Final = 1_000
METRICS: Final = 10
"""Of each machine; the series are those of a hundred machines."""
LINES_A_BODY: Final = 5_000
ROWS_A_COPY: Final = 50_000


def heads_of(plant: str) -> list[str]:
    """What a line of each series begins with, up to its value."""
    return [
        f"metric-{at % METRICS},plant={plant},line=line-{at // 200},machine=machine-{at // METRICS:03} value="
        for at in range(SERIES)
    ]


@dataclass(frozen=True, slots=True)
class Stretch:
    """One reading of every series in each of so many seconds of event time from `start` (seconds since 1970) on."""

    start: int
    seconds: int
    plant: str = "bench"

    @property
    def readings(self) -> int:
        return SERIES * self.seconds

    @property
    def values(self) -> NDArray[np.float64]:
        """One row a second, one column a series; the same in every run."""
        return np.random.default_rng(self.start).normal(50, 10, (self.seconds, SERIES)).round(2)

    def requests(self, token: str) -> list[list[bytes]]:
        """Line protocol as gateways send it: each connection has series of its own, in the order of time."""
        heads = heads_of(self.plant)
        share = SERIES // CONNECTIONS
        return [
            [
                request("POST", "/api/v2/write?precision=s", token, body)
                for body in self._bodies(heads[first : first + share], self.values[:, first : first + share])
            ]
            for first in range(0, SERIES, share)
        ]

    def _bodies(self, heads: list[str], values: NDArray[np.float64]) -> Iterator[bytes]:
        step = LINES_A_BODY // len(heads)
        for first in range(0, self.seconds, step):
            lines = [
                f"{head}{value} {self.start + second}"
                for second, row in enumerate(values[first : first + step].tolist(), start=first)
                for head, value in zip(heads, row, strict=True)
            ]
            yield "\n".join(lines).encode()

    def copies(self, first_id: int) -> list[bytes]:
        """The same readings as the data of COPY, batch by batch, each in the order of series and time."""
        step = ROWS_A_COPY // SERIES
        ids = np.arange(first_id, first_id + SERIES, dtype=np.int32)
        return [
            copy_data(
                Rows(
                    np.repeat(ids, len(batch)),
                    np.tile(np.arange(len(batch)) + self.start + first, SERIES) * SECOND,
                    batch.T.ravel(),
                    np.zeros(batch.size, np.int32),
                )
            )
            for first in range(0, self.seconds, step)
            for batch in [self.values[first : first + step]]
        ]
