"""Finality of a bucket: whether its numbers may still change, and whether they have since they were final."""

from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.spans import met_by
from app.domain.tiers import QUARTERS, Freshness

Instants = NDArray[np.int64]
"""Microseconds since 1970, ascending."""


class Finality(Enum):
    """In the order in which the parts of a bucket prevail, but that REVISED prevails over FINAL."""

    PROVISIONAL = "PROVISIONAL"
    FINAL = "FINAL"
    REVISED = "REVISED"


CODES = {finality: code for code, finality in enumerate(Finality)}


class Revisions(NamedTuple):
    """Fifteen-minute buckets of one series in which a number that was final has changed, and when it last did."""

    starts: Instants
    revised_at: Instants


NO_REVISIONS = Revisions(np.empty(0, np.int64), np.empty(0, np.int64))


def finality_of(starts: Instants, ends: Instants, freshness: Freshness, revisions: Revisions) -> NDArray[np.int8]:
    """The code of each bucket `[start, end)`: PROVISIONAL if it ends behind the watermark or a change in it is noted
    and not yet refreshed, else REVISED if a part of it is, else FINAL."""
    provisional = (ends > freshness.watermark) | met_by(starts, ends, freshness.touched)
    codes = np.full(len(starts), CODES[Finality.FINAL], np.int8)
    first, last = _revised(starts, ends, revisions)
    codes[last > first] = CODES[Finality.REVISED]
    codes[provisional] = CODES[Finality.PROVISIONAL]
    return codes


def revised_at(starts: Instants, ends: Instants, revisions: Revisions) -> NDArray[np.float64]:
    """When a number in each bucket last changed after it was final, in microseconds; NaN where none has."""
    first, last = _revised(starts, ends, revisions)
    found = np.full(len(starts), np.nan)
    for at in np.flatnonzero(last > first).tolist():
        found[at] = revisions.revised_at[first[at] : last[at]].max()
    return found


def _revised(starts: Instants, ends: Instants, revisions: Revisions) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first revision that overlaps each bucket, and the one after the last."""
    first = np.searchsorted(revisions.starts, starts - QUARTERS.width, "right")
    return first, np.searchsorted(revisions.starts, ends, "left")
