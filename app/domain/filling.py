"""Filling of empty buckets: left out, kept as null, carried on from the last value, or joined by a line."""

from collections.abc import Mapping
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]


class Fill(Enum):
    """What becomes of a bucket without usable readings."""

    NONE = "NONE"
    NULLS = "NULLS"
    PREVIOUS = "PREVIOUS"
    LINEAR = "LINEAR"


def spread(columns: Mapping[str, NDArray[np.generic]], starts: Instants) -> dict[str, NDArray[np.generic]]:
    """The same columns with an entry for each of `starts`, which hold all of theirs: counts are 0 and values NaN where
    there was none."""
    place = np.searchsorted(starts, columns["start"].astype(np.int64))
    answer: dict[str, NDArray[np.generic]] = {}
    for name, column in columns.items():
        counts = name in ("good", "uncertain", "bad")
        whole = np.zeros(len(starts), np.int64) if counts else np.full(len(starts), np.nan)
        whole[place] = column
        answer[name] = whole
    return answer | {"start": starts}


def carried_on(values: Floats, known: NDArray[np.bool_], previous: float) -> Floats:
    """Each value where it is known, else the last known one before it, at first `previous` (NaN for none)."""
    place = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(place >= 0, values[np.maximum(place, 0)], previous)


def joined_up(values: Floats, known: NDArray[np.bool_], starts: Instants) -> Floats:
    """Each value where it is known, else on the line between the two known ones around it; NaN outside of them."""
    if not known.any():
        return np.full(len(values), np.nan)
    line = np.interp(starts, starts[known], values[known], left=np.nan, right=np.nan)
    return np.where(known, values, line)
