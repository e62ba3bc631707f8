"""The time column of a CSV file: ISO 8601, local times, or numbers since 1970."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.domain.instants import EPOCH
from app.sources.local_times import LocalTimes, wall_clock

Faults = dict[int, str]
"""Positions of cells that say nothing, each with the reason."""

_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{0,20})?")
_UNITS = ((Decimal("1e11"), Decimal("1e6")), (Decimal("1e14"), Decimal("1e3")), (Decimal("1e17"), Decimal(1)))
"""Numbers below the first are of a unit with that many microseconds: seconds, milliseconds, microseconds."""
_NANOSECOND = Decimal("1e-3")
_FURTHEST = 2**63 - 1
_MICROSECOND = timedelta(microseconds=1)


class TimeColumn:
    """The first time of a file decides whether its times are numbers, and of which unit."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._local = LocalTimes(zone)
        self._decided = False
        self._unit: Decimal | None = None

    def instants(self, cells: Sequence[str]) -> tuple[NDArray[np.int64], Faults]:
        """Microseconds since 1970-01-01 UTC, floored, and what is no time."""
        cells = [cell.strip() for cell in cells]
        if not self._decided and (first := next(filter(None, cells), None)):
            self._decided, self._unit = True, _unit(first)
        if self._unit is not None:
            return _of_numbers(cells, self._unit)
        return self._of_dates(cells)

    def _of_dates(self, cells: Sequence[str]) -> tuple[NDArray[np.int64], Faults]:
        bad: Faults = {}
        try:
            moments = list(map(datetime.fromisoformat, cells))
        except ValueError:
            moments = [_moment(at, cell, bad) for at, cell in enumerate(cells)]
        times = np.array(list(map(wall_clock, moments)), np.int64)
        local = np.array([moment.tzinfo is None for moment in moments], np.bool_)
        for at in np.flatnonzero(~local).tolist():
            times[at] -= (moments[at].utcoffset() or timedelta()) // _MICROSECOND
        times[local] = self._local.instants(times[local])
        return times, bad


def _moment(at: int, cell: str, bad: Faults) -> datetime:
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        bad[at] = f"{cell[:40]!r} is no time such as 2026-01-31T12:00:00Z" if cell else "the row has no time"
        return EPOCH


def _unit(cell: str) -> Decimal | None:
    """The microseconds in a unit of this number; None where it is none."""
    if not _NUMBER.fullmatch(cell):
        return None
    size = abs(Decimal(cell))
    return next((unit for below, unit in _UNITS if size < below), _NANOSECOND)


def _of_numbers(cells: Sequence[str], unit: Decimal) -> tuple[NDArray[np.int64], Faults]:
    bad: Faults = {}
    times = []
    for at, cell in enumerate(cells):
        if _NUMBER.fullmatch(cell):
            microseconds = int((Decimal(cell) * unit).to_integral_value(ROUND_FLOOR))
            times.append(min(max(microseconds, -_FURTHEST), _FURTHEST))
        else:
            bad[at] = f"{cell[:40]!r} is no number as the first time of the file is" if cell else "the row has no time"
            times.append(0)
    return np.array(times, np.int64), bad
