"""Curves for a chart: up to four readings a column at their own times, and a null where silence is a gap."""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

Points = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Times in microseconds since 1970, ascending, and values; NaN marks a gap."""

CORNERS = (("first_at", "first"), ("minimum_at", "minimum"), ("maximum_at", "maximum"), ("last_at", "last"))


def points_of(columns: Mapping[str, NDArray[np.generic]]) -> Points:
    """First, lowest, highest and last of every column in time order, each reading once."""
    has_values = ~np.isnan(columns["first"].astype(np.float64))
    times = np.stack([columns[at][has_values] for at, _ in CORNERS], axis=1).astype(np.int64)
    values = np.stack([columns[value][has_values] for _, value in CORNERS], axis=1).astype(np.float64)
    order = np.argsort(times, axis=1, kind="stable")
    times = np.take_along_axis(times, order, axis=1).reshape(-1)
    values = np.take_along_axis(values, order, axis=1).reshape(-1)
    once = np.ones(len(times), np.bool_)
    once[1:] = times[1:] != times[:-1]  # one time is one reading
    return times[once], values[once]


def with_gaps(points: Points, gap: timedelta | None, interval: timedelta | None, width: int) -> Points:
    """One null in the middle of every silence longer than the metric's gap, or than five intervals.

    `width` (microseconds) is that of a column: two readings of neighbouring columns may be two widths apart although
    there are others between them, so that a shorter silence cannot be seen at this zoom.
    """
    longest = gap or (interval * 5 if interval else None)
    times, values = points
    if longest is None or len(times) < 2:
        return points
    allowed = max(longest // timedelta(microseconds=1), 2 * width)
    after = np.flatnonzero(np.diff(times) > allowed) + 1
    middles = (times[after - 1] + times[after]) // 2
    return np.insert(times, after, middles), np.insert(values, after, np.nan)
