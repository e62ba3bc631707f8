"""What must hold, and how much is measured to find out."""

from dataclasses import dataclass
from typing import Final

LEAST_INGEST: Final = 0.35
"""Of the rate of a plain COPY of the same rows."""
LEAST_MACHINE_PAGE: Final = 0.5
"""Of the rate of a bare route that answers the same numbers."""
MOST_MEMORY: Final = 250.0
"""Megabytes (10^6 bytes) that the service has held at most after one million readings."""
MOST_GROWTH: Final = 10.0
"""Megabytes that the second million may add."""

CONNECTIONS: Final = 4
RUNS: Final = 3


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: readings of one ingest run, seconds of one run of requests, machines with a history."""

    ingest_seconds: int
    """Of event time: each second holds one reading of every series."""
    page_seconds: float
    history_machines: int


FULL: Final = Extent(ingest_seconds=500, page_seconds=3.0, history_machines=8)
QUICK: Final = Extent(ingest_seconds=200, page_seconds=1.0, history_machines=4)
