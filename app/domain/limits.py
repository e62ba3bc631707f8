"""What a reading may be: how large its value, how old or new its time (semantics: series, readings, values)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from app.domain.instants import microseconds

LARGEST_VALUE = 1e150
"""Two readings of 1.7e308 overflow a sum, and with it a tier's refresh for everybody."""
LONGEST_TEXT = 1_000
"""Characters; a text becomes a label of its series, and labels are no place for documents."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Accepted times lie in `[earliest, latest)`, in microseconds since 1970-01-01 UTC."""

    earliest: int
    latest: int

    @classmethod
    def at(cls, now: datetime, earliest: datetime, ahead: timedelta) -> "Limits":
        """The limits that hold at this instant."""
        return cls(microseconds(earliest), microseconds(now + ahead))


def faults(times: NDArray[np.int64], values: NDArray[np.float64], limits: Limits) -> list[tuple[int, str]]:
    """Positions of the readings that are refused, ascending, each with its reason; usually none."""
    early, late = times < limits.earliest, times >= limits.latest
    with np.errstate(invalid="ignore"):
        large = np.abs(values) > LARGEST_VALUE
    refused = early | late | large
    if not refused.any():
        return []
    return [(int(at), _reason(bool(early[at]), bool(late[at]))) for at in np.flatnonzero(refused)]


def text_fault(text: str) -> str | None:
    """Why a text cannot be kept as a label; None where it can."""
    if len(text) > LONGEST_TEXT:
        return f"the text is longer than {LONGEST_TEXT:,} characters"
    if "\x00" in text:
        return "the text holds a NUL character"
    return None


def _reason(early: bool, late: bool) -> str:
    if early:
        return "the time lies before the earliest accepted (LINEGRAPH_EARLIEST)"
    if late:
        return "the time lies too far ahead of now (LINEGRAPH_AHEAD)"
    return f"the value is larger than {LARGEST_VALUE:g}"
