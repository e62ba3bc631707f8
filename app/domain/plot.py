"""Curves for a chart: up to four readings a column at their own times, and a null where silence is a gap."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Points(NamedTuple):
    """Times in microseconds since 1970, ascending, values (NaN marks a gap), and the number of each one's column."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]
    columns: NDArray[np.int64]


CORNERS = (("first_at", "first"), ("minimum_at", "minimum"), ("maximum_at", "maximum"), ("last_at", "last"))


def points_of(columns: Mapping[str, NDArray[np.generic]]) -> Points:
    """First, lowest, highest and last of every column in time order, each reading once."""
    has_values = ~np.isnan(columns["first"].astype(np.float64))
    times = np.stack([columns[at][has_values] for at, _ in CORNERS], axis=1).astype(np.int64)
    values = np.stack([columns[value][has_values] for _, value in CORNERS], axis=1).astype(np.float64)
    order = np.argsort(times, axis=1, kind="stable")
    times = np.take_along_axis(times, order, axis=1).reshape(-1)
    values = np.take_along_axis(values, order, axis=1).reshape(-1)
    owners = np.repeat(np.arange(len(order)), len(CORNERS))
    once = np.ones(len(times), np.bool_)
    once[1:] = times[1:] != times[:-1]  # one time is one reading
    return Points(times[once], values[once], owners[once])


def with_gaps(points: Points, gap: timedelta | None, interval: timedelta | None) -> Points:
    """One null in the middle of every silence longer than the metric's gap, or than five intervals.

    Only the last reading of a column and the first of the next one with readings are true neighbours: between two of
    one column there may be others.
    """
    longest = gap or (interval * 5 if interval else None)
    times, values, columns = points
    if longest is None or len(times) < 2:
        return points
    silent = np.diff(times) > longest // timedelta(microseconds=1)
    after = np.flatnonzero(silent & (np.diff(columns) > 0)) + 1
    middles = (times[after - 1] + times[after]) // 2
    return Points(np.insert(times, after, middles), np.insert(values, after, np.nan), np.insert(columns, after, -1))
