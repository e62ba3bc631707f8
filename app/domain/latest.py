"""The newest readings of many series, in columns: a page of a plant has thousands, and an object each costs more than
reading them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np
from numpy.typing import NDArray

from app.domain.instants import instant
from app.domain.model import Reading
from app.domain.quality import classes_of
from app.domain.units import Conversion


@dataclass(frozen=True, slots=True, eq=False)
class LatestReadings:
    """Of each series in turn, whether there is a reading, and then of those that have one: times in microseconds,
    values with NaN for none, status codes, and the labels of the values where somebody looks at them; and of which
    version the catalog was at that moment."""

    there: NDArray[np.bool_]
    times: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    text: Sequence[str | None]
    catalog: int

    @property
    def time(self) -> NDArray[np.datetime64]:
        return self.times.astype("M8[us]")

    @property
    def quality(self) -> NDArray[np.uint32]:
        """The place of each among all classes."""
        return classes_of(self.status)

    def __len__(self) -> int:
        return len(self.there)

    def of(self, start: int, end: int) -> "LatestReadings":
        """Those of the series from one place to another."""
        first, last = (int(np.count_nonzero(self.there[:place])) for place in (start, end))
        kept = slice(first, last)
        return LatestReadings(
            self.there[start:end], self.times[kept], self.value[kept], self.status[kept], self.text[kept], self.catalog
        )

    def converted(self, conversions: Sequence[Conversion]) -> "LatestReadings":
        """Told in other units; a conversion for each series."""
        scales, offsets = np.array(conversions, np.float64).reshape(-1, 2)[self.there].T
        return replace(self, value=self.value * scales + offsets)

    def readings(self) -> list[Reading | None]:
        """An object each; None for a series that has none."""
        values = [None if isnan(value) else value for value in self.value.tolist()]
        found = map(Reading, map(instant, self.times.tolist()), values, self.status.tolist(), self.text)
        return [next(found) if there else None for there in self.there.tolist()]
