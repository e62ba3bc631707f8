"""The plant: how large it is, what is wrong with it, and everything else that its readings follow from."""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from simulation.metrics import METRICS
from simulation.trouble import Trouble

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
ZONE: Final = "Europe/Berlin"
GATEWAYS: Final = 4
SKEWED: Final = 1
"""The gateway whose clock is wrong."""
SKEW: Final = 7 * SECOND + SECOND // 4
"""No whole number of seconds: two gateways then never say different things of one instant."""
_MACHINES_A_LINE = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Mess(Enum):
    """Everything that goes wrong between a sensor and a number; each can be left out."""

    RESETS = "counters begin again at zero"
    ROLLOVERS = "counters wrap at their modulus"
    DIPS = "counters step back a little"
    QUALITY = "bad and uncertain readings, and nulls"
    SILENCE = "machines that say nothing for a while"
    SKEW = "a gateway whose clock is wrong"
    OVERLAP = "two gateways that deliver one machine"
    BACKFILL = "whole stretches days late"
    DISORDER = "deliveries and readings out of order"
    CORRECTIONS = "values corrected at once or days later"
    REPEATS = "deliveries and readings sent again, at once or days later"


EVERYTHING: Final = frozenset(Mess)


@dataclass(frozen=True, slots=True)
class Plant:
    """Machines with all METRICS each; `start`, `span` and `interval` in microseconds. The same numbers, the same plant.

    A delivery has about `batch` readings.
    """

    machines: int
    start: int
    span: int
    interval: int
    seed: int = 1
    mess: frozenset[Mess] = EVERYTHING
    batch: int = 5_000

    def __post_init__(self) -> None:
        if self.interval < SECOND or self.interval % SECOND:
            raise Trouble("The interval is not a whole number of seconds.", "Write for example PT10S.")
        if self.machines < 1 or self.ticks < 1:
            raise Trouble("The plant would have no readings.", "Give it a machine, and a span longer than an interval.")

    @property
    def ticks(self) -> int:
        return self.span // self.interval

    @property
    def end(self) -> int:
        """Nothing is later, not even what the gateway with the wrong clock says."""
        return self.start + self.span + self.interval + SKEW

    @property
    def code(self) -> str:
        """Plants that differ in anything do not share a code: their readings would mix."""
        rest = (self.machines, self.start, self.span, self.interval, self.seed, sorted(each.name for each in self.mess))
        return f"messy-{zlib.crc32(repr(rest).encode()):08x}"

    @property
    def paths(self) -> list[str]:
        """plant/line/machine of every machine."""
        return [
            f"{self.code}/line-{number // _MACHINES_A_LINE + 1}/machine-{number + 1:03}"
            for number in range(self.machines)
        ]

    @property
    def model_text(self) -> str:
        """The model file: the zone, and what the metrics are."""
        lines = [f"plants:\n  - {{code: {self.code}, time_zone: {ZONE}}}", "metrics:"]
        for metric in METRICS:
            extra = f", dip_tolerance: {metric.dip_tolerance:g}" if metric.dip_tolerance else ""
            extra += f", modulus: {metric.modulus:g}" if metric.modulus else ""
            seconds = self.interval // SECOND
            lines.append(f"  - {{name: {metric.name}, kind: {metric.kind.value}, interval: PT{seconds}S{extra}}}")
        return "\n".join(lines) + "\n"


def around_clock_change(span: int, now: datetime) -> int:
    """The start of the latest span that is over and has a change of the plant's clocks in its middle."""
    zone, hour = ZoneInfo(ZONE), timedelta(hours=1)
    at = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(microseconds=span // 2) - hour
    while at.astimezone(zone).utcoffset() == (at - hour).astimezone(zone).utcoffset():
        at -= hour
    return ((at - _EPOCH) // timedelta(microseconds=1) - span // 2) // MINUTE * MINUTE
