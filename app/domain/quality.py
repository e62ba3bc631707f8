"""The quality of a reading: OPC UA status codes, kept in full.

A code is 32 bits; its two highest say good (0), uncertain (1) or bad (2 and 3). Codes from 0x80000000 on do not
fit PostgreSQL's signed `int`, so the store keeps the two's complement: there, bad is what is negative.
"""

from enum import Enum

import numpy as np
from numpy.typing import NDArray

GOOD = 0x00000000
UNCERTAIN = 0x40000000
UNCERTAIN_LAST_USABLE_VALUE = 0x40900000
BAD = 0x80000000
BAD_NO_DATA = 0x809B0000
HIGHEST_STATUS = 0xFFFFFFFF


class Quality(Enum):
    """The three classes of a status code; the value is the order from best to worst."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


_CLASSES = tuple(Quality)


def quality_of(status: int) -> Quality:
    """The class of an unsigned status code."""
    return _CLASSES[min(status >> 30, 2)]


def classes_of(statuses: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The places of the classes of unsigned status codes."""
    return np.asarray(np.minimum(statuses >> 30, 2), np.uint32)


def signed(statuses: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Status codes as the store keeps them (two's complement)."""
    return statuses.view(np.int32)


def unsigned(kept: int) -> int:
    """A kept status code as the 32-bit code it stands for."""
    return kept & HIGHEST_STATUS


def without_values_bad(values: NDArray[np.float64], statuses: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A reading without a value is bad whatever it says: `BadNoData` unless it already is bad."""
    missing = np.isnan(values) & (statuses < BAD)
    return np.where(missing, np.uint32(BAD_NO_DATA), statuses).astype(np.uint32)
