"""What the machines of the plant measure: a metric of every kind, with what the service must be told of it."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """As the model file names them."""

    GAUGE = "GAUGE"
    COUNTER = "COUNTER"
    STATE = "STATE"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `interval` in microseconds, 0 where none is known."""

    name: str
    kind: Kind = Kind.GAUGE
    dip_tolerance: float = 0.0
    modulus: float | None = None
    interval: int = 0


# Names of their own: applying the model of the simulation must not change what a plant has.
TEMPERATURE: Final = Metric("messy.temperature")
PRESSURE: Final = Metric("messy.pressure")
PARTS: Final = Metric("messy.parts", Kind.COUNTER)
ENERGY: Final = Metric("messy.energy", Kind.COUNTER, dip_tolerance=0.5, modulus=4_096.0)
STATUS: Final = Metric("messy.status", Kind.STATE)

METRICS: Final = (TEMPERATURE, PRESSURE, PARTS, ENERGY, STATUS)
BY_NAME: Final = {metric.name: metric for metric in METRICS}
