"""The demo plant's readings as tests look at them: by machine and metric, or row by row."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from app.domain.batch import Batch, joined
from app.domain.instants import MINUTE, microseconds
from app.sources.demo_plant.plant import DemoPlant

HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY = microseconds(datetime(2026, 11, 2, 5, tzinfo=UTC))
"""Six o'clock in Berlin."""
CLOCK_BACK = microseconds(datetime(2026, 10, 25, 1, tzinfo=UTC))
CLOCK_FORWARD = microseconds(datetime(2026, 3, 29, 1, tzinfo=UTC))
IDLE, RUN, FAULT, SETUP = range(4)
Row = tuple[int, int, float | None, int]


class Drawn:
    """Readings, to be looked at series by series."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.batch = joined(list(batches))
        self.place = {
            (key.address.machine, key.address.metric): place
            for place, key in enumerate(self.batch.keys)
            if key.address is not None
        }

    def machines(self, metric: str) -> list[str]:
        return [machine for machine, name in self.place if name == metric]

    def of(self, machine: str, metric: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        mine = self.batch.series == self.place[machine, metric]
        return self.batch.times[mine], self.batch.values[mine]

    def values(self, machine: str, metric: str) -> NDArray[np.float64]:
        return self.of(machine, metric)[1]


@cache
def plant() -> DemoPlant:
    return DemoPlant()


def rows(batches: Iterable[Batch]) -> list[Row]:
    """Every reading, ordered by series and time; NaN as None, to compare equal."""
    found: list[Row] = []
    for batch in batches:
        values = [None if value != value else value for value in batch.values.tolist()]
        found += zip(batch.series.tolist(), batch.times.tolist(), values, batch.statuses.tolist(), strict=True)
    return sorted(found, key=itemgetter(0, 1))
