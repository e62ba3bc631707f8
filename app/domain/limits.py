"""What a reading may be: how large its value, how old or new its time (semantics: series, readings, values)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.instants import EPOCH, instant, microseconds

LARGEST_VALUE = 1e150
"""Two readings of 1.7e308 overflow a sum, and with it a tier's refresh for everybody."""
LONGEST_TEXT = 1_000
"""Characters; a text becomes a label of its series, and labels are no place for documents."""
LARGEST_TEXT = 2_500
"""Bytes in UTF-8; a larger one does not fit the index on it."""

_2000, _2050 = 946_684_800, 2_524_608_000
"""Seconds. Times between these, taken for a smaller unit, are the first weeks of 1970."""


class Mistaken(NamedTuple):
    """Times in `[start, end)` were meant in another unit, almost surely; `remedy` says how to write them."""

    start: int
    end: int
    remedy: str


_NO_PRECISION = "times without precision are nanoseconds; add ?precision="
WITHOUT_PRECISION = (
    Mistaken(_2000 // 1_000, _2050 // 1_000, _NO_PRECISION + "s"),
    Mistaken(_2000, _2050, _NO_PRECISION + "ms"),
    Mistaken(_2000 * 1_000, _2050 * 1_000, _NO_PRECISION + "us"),
)
"""What other units look like in line protocol that says no precision, and so is in nanoseconds."""

SECONDS_AS_MILLISECONDS = (
    Mistaken(_2000 * 1_000, _2050 * 1_000, "times are milliseconds; these look like seconds, so multiply them by 1000"),
)
"""What seconds look like in columns of JSON, which are in milliseconds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Accepted times lie in `[earliest, latest)` and not among the mistaken, in microseconds since 1970-01-01 UTC."""

    earliest: int
    latest: int
    mistaken: tuple[Mistaken, ...] = ()

    @classmethod
    def at(cls, now: datetime, earliest: datetime, ahead: timedelta, mistaken: tuple[Mistaken, ...] = ()) -> "Limits":
        """The limits that hold at this instant. Who takes readings from before 1970 means its first weeks as well."""
        return cls(microseconds(earliest), microseconds(now + ahead), mistaken if earliest >= EPOCH else ())

    @property
    def sure(self) -> int:
        """From here on, a time that is not too late is right."""
        return max(self.earliest, *(each.end for each in self.mistaken)) if self.mistaken else self.earliest


def faults(times: NDArray[np.int64], values: NDArray[np.float64], limits: Limits) -> list[tuple[int, str]]:
    """Positions of the readings that are refused, ascending, each with its reason; usually none."""
    early, late = times < limits.sure, times >= limits.latest
    with np.errstate(invalid="ignore"):
        large = np.abs(values) > LARGEST_VALUE
    doubtful = early | late | large
    if not doubtful.any():
        return []
    reasons = ((at, _reason(int(times[at]), bool(large[at]), limits)) for at in np.flatnonzero(doubtful).tolist())
    return [(at, reason) for at, reason in reasons if reason]


def text_fault(text: str) -> str | None:
    """Why a text cannot be kept as a label; None where it can."""
    if len(text) > LONGEST_TEXT:
        return f"the text is longer than {LONGEST_TEXT:,} characters"
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_TEXT:
        return f"the text is longer than {LARGEST_TEXT:,} bytes"
    if "\x00" in text:
        return "the text holds a NUL character"
    return None


def _reason(time: int, large: bool, limits: Limits) -> str | None:
    if time < limits.earliest:
        return "the time lies before the earliest accepted (LINEGRAPH_EARLIEST)"
    if time >= limits.latest:
        return "the time lies too far ahead of now (LINEGRAPH_AHEAD)"
    for start, end, remedy in limits.mistaken:
        if start <= time < end:
            return f"the time would be {instant(time):%Y-%m-%dT%H:%M:%SZ}: {remedy}"
    return f"the value is larger than {LARGEST_VALUE:g}" if large else None
