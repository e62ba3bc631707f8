"""A value column of a CSV file: numbers at once where all cells are numbers, else cell by cell."""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from app.domain.addresses import SeriesKey
from app.domain.batch import NO_TEXT
from app.domain.limits import text_fault

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_PLAIN = frozenset((int, float, type(None)))
_BOOLEANS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
"""As spreadsheets and other programs write them: one label each, whichever door they come through."""


class Cells(NamedTuple):
    """The cells of a column that are readings, by their rows; and those that are refused, with the reasons."""

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    text: NDArray[np.int32]
    refused: dict[int, str]

    def and_without_value(self, rows: NDArray[np.int64]) -> Self:
        """With these rows as readings of which nothing but the status is known, in the order of the rows."""
        if not len(rows):
            return self
        every = np.concatenate([self.rows, rows])
        order = np.argsort(every, kind="stable")
        values = np.concatenate([self.values, np.full(len(rows), np.nan)])
        text = np.concatenate([self.text, np.full(len(rows), NO_TEXT, np.int32)])
        return self._replace(rows=every[order], values=values[order], text=text[order])


class ValueColumn:
    """The first cell that says something decides whether the column holds numbers or texts."""

    def __init__(self, name: str, key: SeriesKey, *, decimal_comma: bool) -> None:
        self.name = name
        self._key = key
        self._decimal_comma = decimal_comma
        self._discrete: bool | None = None

    @property
    def key(self) -> SeriesKey:
        return self._key._replace(discrete=bool(self._discrete))

    def read(self, cells: Sequence[str], texts: dict[str, int]) -> Cells:
        """The readings of the next cells; texts find their place in `texts`, which grows. An empty cell is none."""
        values = None if self._discrete else self._numbers(cells)
        if values is None:
            return self._one_by_one(cells, texts)
        rows = np.flatnonzero(~np.isnan(values))
        if len(rows):
            self._discrete = False
        return Cells(rows, values[rows], np.full(len(rows), NO_TEXT, np.int32), {})

    def _numbers(self, cells: Sequence[str]) -> NDArray[np.float64] | None:
        """The cells as numbers, empty ones as NaN; None where one of them is something else, or in doubt."""
        if self._decimal_comma:
            cells = [cell.replace(",", ".") for cell in cells]
        if "n" in "".join(cells):  # JSON's own null, which is a text here
            return None
        try:
            numbers = orjson.loads(f"[{','.join([cell or 'null' for cell in cells])}]")
        except orjson.JSONDecodeError:
            return None
        if len(numbers) != len(cells) or not _PLAIN.issuperset(map(type, numbers)):
            return None
        return np.array(numbers, np.float64)

    def _one_by_one(self, cells: Sequence[str], texts: dict[str, int]) -> Cells:
        rows: list[int] = []
        values: list[float] = []
        text: list[int] = []
        refused: dict[int, str] = {}
        for at, written in enumerate(cells):
            cell = written.strip()
            if not cell:
                continue
            value, label = math.nan, NO_TEXT
            if not _NO_NUMBER.fullmatch(cell):
                number = self._number(cell)
                if self._discrete is None:
                    self._discrete = number is None
                if self._discrete:
                    if reason := text_fault(cell):
                        refused[at] = f"the column {self.name!r}: {reason}"
                        continue
                    label = texts.setdefault(_BOOLEANS.get(cell, cell), len(texts))
                elif number is None:
                    refused[at] = f"the column {self.name!r} holds numbers, and {cell[:40]!r} is none"
                    continue
                else:
                    value = number
            rows.append(at)
            values.append(value)
            text.append(label)
        return Cells(np.array(rows, np.int64), np.array(values, np.float64), np.array(text, np.int32), refused)

    def _number(self, cell: str) -> float | None:
        """A number beyond double precision becomes infinite, which no limit lets pass."""
        if self._decimal_comma and cell.count(",") == 1 and "." not in cell:
            cell = cell.replace(",", ".")
        return float(cell) if _NUMBER.fullmatch(cell) else None
