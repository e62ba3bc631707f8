"""The columns of a JSON series as arrays: all at once where every cell is a number, else cell by cell."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.batch import NO_TEXT
from app.domain.limits import text_fault
from app.domain.quality import GOOD, HIGHEST_STATUS

Faults = dict[int, str]
"""Positions of cells that say nothing, each with the reason."""

_FURTHEST = 9e15
"""Milliseconds; beyond, microseconds do not fit 64 bits, and every limit is far behind."""
_GUARD = 0.001
_NUMBERS = frozenset((int, float))
_NUMBERS_AND_NONE = _NUMBERS | {type(None)}
_TEXT_OF = {True: "true", False: "false"}


def times_of(cells: list[Any]) -> tuple[NDArray[np.int64], Faults]:
    """Milliseconds to microseconds, floored.

    A fraction in binary lies up to half a step of the double beside the one that was meant: what lies that little, or
    a thousandth, under a whole microsecond is that microsecond. So 1772438400000.123 has 123 of them.
    """
    bad: Faults = {}
    if not _NUMBERS.issuperset(map(type, cells)):
        bad = {at: "the time is no number" for at, cell in enumerate(cells) if type(cell) not in _NUMBERS}
        cells = [0 if at in bad else cell for at, cell in enumerate(cells)]
    milliseconds = np.clip(_floats(cells), -_FURTHEST, _FURTHEST)
    whole = np.floor(milliseconds)
    guard = np.maximum(_GUARD, np.spacing(np.abs(milliseconds)) * 500)
    fraction = np.floor((milliseconds - whole) * 1_000 + guard)
    return whole.astype(np.int64) * 1_000 + fraction.astype(np.int64), bad


def values_of(cells: list[Any], texts: dict[str, int]) -> tuple[NDArray[np.float64], NDArray[np.int32], Faults]:
    """Numbers (NaN for null and for texts), and places in `texts`, which grows; booleans are texts."""
    text = np.full(len(cells), NO_TEXT, np.int32)
    if _NUMBERS_AND_NONE.issuperset(map(type, cells)):
        return _floats(cells), text, {}
    bad: Faults = {}
    numbers: list[float | None] = [None] * len(cells)
    for at, cell in enumerate(cells):
        if type(cell) in _NUMBERS_AND_NONE:
            numbers[at] = cell
        elif isinstance(cell, bool | str):
            label = _TEXT_OF[cell] if isinstance(cell, bool) else cell
            if reason := text_fault(label):
                bad[at] = reason
            else:
                text[at] = texts.setdefault(label, len(texts))
        else:
            bad[at] = "the value is no number, text, boolean or null"
    return _floats(numbers), text, bad


def statuses_of(cells: list[Any] | None, count: int) -> tuple[NDArray[np.uint32], Faults]:
    """OPC UA status codes; good where there are none."""
    if cells is None:
        return np.full(count, GOOD, np.uint32), {}
    codes = range(HIGHEST_STATUS + 1)
    reason = f"the status is no whole number from 0 to {HIGHEST_STATUS}"
    bad = {at: reason for at, cell in enumerate(cells) if type(cell) is not int or cell not in codes}
    return np.array([GOOD if at in bad else cell for at, cell in enumerate(cells)] if bad else cells, np.uint32), bad


def _floats(cells: list[Any]) -> NDArray[np.float64]:
    try:
        return np.array(cells, np.float64)
    except OverflowError:
        return np.array([_float(cell) for cell in cells], np.float64)


def _float(cell: float | None) -> float:
    """An integer beyond double precision becomes an infinity, which no limit lets pass."""
    try:
        return math.nan if cell is None else float(cell)
    except OverflowError:
        return math.inf if cell is not None and cell > 0 else -math.inf
