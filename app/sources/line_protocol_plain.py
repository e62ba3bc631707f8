"""Line protocol by the column: the plain lines of a body, which nearly all are, at a fraction of the cost.

It takes only lines that it is sure of; whatever it leaves is for `line_protocol_strict`, whose rules it follows.
"""

import re
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from app.sources.line_protocol_cuts import lines_of

_UNUSUAL = re.compile('["\\\\#\x00\t\r\udc80-\udcff]')
_NUMBER = r"-?(?:(?:0|[1-9][0-9]{0,29})(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,2})?|(?:0|[1-9][0-9]{0,17})i)"
_SURE = re.compile(rf"[^ ]+ [^ ,=]+={_NUMBER}(?:,[^ ,=]+={_NUMBER})* -?(?:0|[1-9][0-9]{{0,17}}|[1-8][0-9]{{18}})")
_DIGITS = frozenset("0123456789")
_INTEGERS = {"i": range(-(2**63), 2**63), "u": range(2**64)}

Places = Callable[[Sequence[str], Sequence[str]], list[int]]
"""Heads and names of fields, both as written, to the places of their series; -1 where there is none."""


class Rows(NamedTuple):
    """Readings of plain lines: the position of their line, their series, time (in the unit of the body), value."""

    lines: NDArray[np.int64]
    series: NDArray[np.int32]
    times: NDArray[np.int64]
    values: NDArray[np.float64]


def readable(body: bytes) -> tuple[list[str], bool]:
    """The lines as text, and whether none of them holds anything unusual; bytes that are not UTF-8 are surrogates."""
    if b'"' in body:
        return [line.decode("utf-8", "surrogateescape") for line in lines_of(body)], False
    if b"\r\n" in body:
        body = body.replace(b"\r\n", b"\n")
    try:
        text, clean = body.decode("utf-8"), not any(mark in body for mark in (b"\\", b"#", b"\x00", b"\t", b"\r"))
    except UnicodeDecodeError:
        text, clean = body.decode("utf-8", "surrogateescape"), False
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines, clean


def plain_rows(lines: Sequence[str], clean: bool, places: Places) -> Rows:
    """The readings of the lines that are surely good."""
    usual = range(len(lines)) if clean else [at for at, line in enumerate(lines) if not _UNUSUAL.search(line)]
    rows = _rows(lines, usual, places)
    if rows is None:  # something looked like a number and was none: take only what is beyond doubt
        rows = _rows(lines, [at for at in usual if _SURE.fullmatch(lines[at])], places)
    return rows or _no_rows()


def _rows(lines: Sequence[str], usual: Sequence[int], places: Places) -> Rows | None:
    """The readings of these lines, without those that are not of the plain form; None where a number is in doubt."""
    split = [lines[at].split(" ") for at in usual]
    plain = [len(words) == 3 and words[2][-1:] in _DIGITS for words in split]
    at = np.array(usual, np.int64)
    if not all(plain):
        split, at = list(compress(split, plain)), at[np.array(plain)]
    if not split:
        return _no_rows()
    heads: Sequence[str]
    fields: Sequence[str]
    heads, fields, written = zip(*split, strict=True)
    times = _integers(written)
    if times is None:
        return None
    owners = np.arange(len(at))
    counts = [field.count(",") for field in fields]
    if any(counts):
        owners = np.repeat(owners, np.array(counts) + 1)
        heads = [heads[owner] for owner in owners.tolist()]
        fields = ",".join(fields).split(",")
    names, _, words = zip(*[field.partition("=") for field in fields], strict=True)
    numbers = numbers_of(words)
    if numbers is None:
        return None
    series = np.array(places(heads, names), np.int32)
    values, good = numbers
    good &= series >= 0
    if not good.all():
        keep = ~np.isin(owners, owners[~good])
        owners, series, values = owners[keep], series[keep], values[keep]
    return Rows(at[owners], series, times[owners], values)


def _integers(words: Sequence[str]) -> NDArray[np.int64] | None:
    """The integers that these words are; None where one of them is none, or does not fit 64 bits."""
    numbers = _parsed(words)
    array = None if numbers is None else np.array(numbers)
    return array if array is not None and array.dtype == np.int64 else None


def numbers_of(words: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """The numbers that these words are, and which of them are numbers by their last character; None in doubt."""
    ends = [word[-1:] for word in words]
    good = np.ones(len(words), np.bool_)
    typed: list[int] = []
    if not _DIGITS.issuperset(ends):
        typed = [at for at, end in enumerate(ends) if end in _INTEGERS]
        good = np.array([end in _DIGITS or end in _INTEGERS for end in ends])
        words = [
            word if end in _DIGITS else word[:-1] if end in _INTEGERS else "0"
            for word, end in zip(words, ends, strict=True)
        ]
    numbers = _parsed(words)
    if numbers is None or any(type(numbers[at]) is not int or numbers[at] not in _INTEGERS[ends[at]] for at in typed):
        return None
    return np.array(numbers, np.float64), good


def _parsed(words: Sequence[str]) -> list[Any] | None:
    """JSON's numbers are a part of line protocol's; what is more than one number, or none, changes their count."""
    try:
        numbers = orjson.loads(f"[{','.join(words)}]")
    except orjson.JSONDecodeError:
        return None
    return numbers if len(numbers) == len(words) else None


def _no_rows() -> Rows:
    return Rows(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64))
