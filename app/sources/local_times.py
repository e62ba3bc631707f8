"""Local times, which a clock change may skip or repeat, to instants (semantics: buckets)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.domain.instants import EPOCH

_EPOCH = EPOCH.replace(tzinfo=None)
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000
_LONGEST_CHANGE = 3 * 3_600_000_000
_FIRST = -719_162 * _DAY
_LAST = 2_932_897 * _DAY - 1
"""The wall clocks of the years 1 and 9999, beyond which there is no offset to ask for."""


def wall_clock(moment: datetime) -> int:
    """What a wall clock shows, as microseconds since it showed 1970-01-01 00:00."""
    return (moment.replace(tzinfo=None) - _EPOCH) // _MICROSECOND


class LocalTimes:
    """The local times of one zone in the order of their rows, which tells the two passes of a doubled hour apart.

    A time that exists twice is the first, unless the rows have stepped back within the doubled hour: then it is the
    second. A time that is skipped moves forward to the first instant that exists.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._previous: int | None = None
        self._second = False

    def instants(self, local: NDArray[np.int64]) -> NDArray[np.int64]:
        """Microseconds on the wall clock to microseconds since 1970-01-01 UTC."""
        days, day_of = np.unique(local // _DAY, return_inverse=True)
        offsets = [self._offset_of_day(day) for day in days.tolist()]
        instants = local - np.array([offset or 0 for offset in offsets], np.int64)[day_of]
        changing = np.array([offset is None for offset in offsets], np.bool_)[day_of]
        for at in np.flatnonzero(changing).tolist():
            instants[at] = self._instant(int(local[at]))
        return instants

    def _offset_of_day(self, day: int) -> int | None:
        """The offset of a whole day; None where it changes on that day or close to it."""
        offsets = {self._offset((day + near) * _DAY, 0) for near in (-1, 0, 1, 2)}
        return offsets.pop() if len(offsets) == 1 else None

    def _instant(self, local: int) -> int:
        first, second = self._offset(local, 0), self._offset(local, 1)
        if first <= second:
            self._previous, self._second = None, False
            return local - first if first == second else self._change(local - second, local - first)
        near = self._previous is not None and abs(local - self._previous) < _LONGEST_CHANGE
        self._second = near and (self._second or local < (self._previous or 0))
        self._previous = local
        return local - (second if self._second else first)

    def _change(self, before: int, after: int) -> int:
        """The instant between these two at which the clock changes."""
        old = self._offset_at(before)
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if self._offset_at(middle) == old else (before, middle)
        return after

    def _offset(self, local: int, fold: int) -> int:
        moment = _EPOCH + timedelta(microseconds=min(max(local, _FIRST), _LAST))
        return (moment.replace(tzinfo=self._zone, fold=fold).utcoffset() or timedelta()) // _MICROSECOND

    def _offset_at(self, instant: int) -> int:
        moment = (_EPOCH + timedelta(microseconds=instant)).replace(tzinfo=UTC)
        return (moment.astimezone(self._zone).utcoffset() or timedelta()) // _MICROSECOND
