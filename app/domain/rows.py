"""Readings of known series as the store writes them: sorted, one a series and time."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from app.domain.quality import signed


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Columns in the order of (series, time), without repeats.

    times: microseconds since 1970-01-01 UTC. values: NaN stands for none. quality: status codes as signed numbers.
    """

    series: NDArray[np.int32]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.series)

    def only(self, keep: NDArray[np.bool_]) -> Self:
        """The rows where `keep` is true."""
        return type(self)(self.series[keep], self.times[keep], self.values[keep], self.quality[keep])

    def newest(self) -> Self:
        """The last row of each series."""
        if not len(self):
            return self
        return self.only(np.append(self.series[1:] != self.series[:-1], True))


def settled(
    series: NDArray[np.int32], times: NDArray[np.int64], values: NDArray[np.float64], statuses: NDArray[np.uint32]
) -> Rows:
    """Readings in the order of arrival become rows: of several with the same series and time the last one stays."""
    order = np.lexsort((times, series))  # stable: among equals the order of arrival remains
    series, times = series[order], times[order]
    rows = Rows(series, times, values[order], signed(statuses)[order])
    if len(rows) < 2:
        return rows
    last = np.append((series[1:] != series[:-1]) | (times[1:] != times[:-1]), True)
    return rows if bool(last.all()) else rows.only(last)
