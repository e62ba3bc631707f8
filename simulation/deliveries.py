"""What gateways send, in the order in which each sends it, and what is then known."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from simulation.plant import Mess
from simulation.signals import Signal

Key = tuple[str, str]
"""The path of a machine, and the name of a metric."""
Readings = dict[int, tuple[float | None, int]]
"""Value and status by time (microseconds)."""


class Reading(NamedTuple):
    """One reading of a delivery."""

    plant: str
    line: str
    machine: str
    metric: str
    time: int
    value: float | None
    status: int


class Part(NamedTuple):
    """The readings of one series in a delivery, the later of two that have one time being right."""

    path: str
    metric: str
    signal: Signal


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a gateway sends at once. `arrives` is when a real one would; `because` is the mess that it is part of."""

    gateway: int
    arrives: int
    parts: tuple[Part, ...]
    because: Mess | None = None

    def __len__(self) -> int:
        return sum(len(part.signal.times) for part in self.parts)

    @property
    def readings(self) -> Iterator[Reading]:
        for path, metric, signal in self.parts:
            plant, line, machine = path.split("/")
            for row in zip(signal.times, signal.values, signal.statuses, strict=True):
                yield Reading(plant, line, machine, metric, *row)


def settled(deliveries: Iterable[Delivery]) -> dict[Key, Readings]:
    """What must be stored in the end: the last delivery of a series and time wins."""
    found: dict[Key, Readings] = {}
    for delivery in deliveries:
        for path, metric, signal in delivery.parts:
            rows = zip(signal.values, signal.statuses, strict=True)
            found.setdefault((path, metric), {}).update(zip(signal.times, rows, strict=True))
    return found
