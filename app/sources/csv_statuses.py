"""The status column of a CSV file: OPC UA codes, or the words good, uncertain and bad."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.quality import BAD, GOOD, HIGHEST_STATUS, UNCERTAIN

Faults = dict[int, str]
"""Positions of cells that say nothing, each with the reason."""

_WORDS = {"": GOOD, "good": GOOD, "uncertain": UNCERTAIN, "bad": BAD}
_DECIMAL = re.compile(r"[0-9]{1,10}")
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]{1,8}")


def statuses_of(cells: Sequence[str]) -> tuple[NDArray[np.uint32], Faults]:
    """Full codes, and what is none; nothing written is good."""
    known = {cell: _status(cell.strip()) for cell in set(cells)}
    bad = {at: f"{cell[:40]!r} is no OPC UA status" for at, cell in enumerate(cells) if known[cell] is None}
    return np.array([known[cell] or GOOD for cell in cells], np.uint32), bad


def _status(cell: str) -> int | None:
    if _DECIMAL.fullmatch(cell):
        code = int(cell)
    elif _HEXADECIMAL.fullmatch(cell):
        code = int(cell, 16)
    else:
        return _WORDS.get(cell.lower())
    return code if code <= HIGHEST_STATUS else None
