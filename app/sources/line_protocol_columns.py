"""Line protocol by columns of bytes: a body whose lines are all of the plainest form, without an object for each word.

It takes a body as a whole or not at all: one line in doubt, and all are left to `line_protocol_plain`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.sources.line_protocol_plain import Rows, numbers_of

Positions = NDArray[np.int64]
Places = Callable[[Sequence[bytes]], list[int]]
"""Heads with the name of a field, as written, to the places of their series; -1 where there is none."""

_UNUSUAL = (b'"', b"\\", b"#", b"\x00", b"\t", b"\r")
_LONGEST_WORD = 32
_EXACT_DIGITS = 15
"""So many digits are exact in double precision, and so are the powers of ten below: their quotient is the nearest."""
_POWERS = 10.0 ** np.arange(_EXACT_DIGITS + 1)
_LONGEST_TIME = 18
"""Digits that always fit 64 bits; the nineteen of nanoseconds fit until the year 2262."""
_LATEST = np.uint64(2**63 - 1)


class _Fields(NamedTuple):
    """Of each field: its line, and where its name, its value and what follows that begin."""

    lines: Positions
    names: Positions
    values: Positions
    ends: Positions


def sure_rows(body: bytes, places: Places) -> Rows | None:
    """The readings of a body in which every line is beyond doubt: head, fields and time with one space in between,
    numbers as digits. None for any other body."""
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
    if not body or any(mark in body for mark in _UNUSUAL):
        return None
    buffer = np.frombuffer(body, np.uint8)
    ends = np.flatnonzero(buffer == ord("\n"))
    if not body.endswith(b"\n"):
        ends = np.append(ends, len(body))
    spaces = np.flatnonzero(buffer == ord(" "))
    if len(spaces) != 2 * len(ends):
        return None
    starts = np.concatenate([[0], ends[:-1] + 1])
    first, second = spaces[0::2], spaces[1::2]
    if not ((starts < first) & (first < second) & (second + 1 < ends)).all():
        return None
    times = _times(buffer, second + 1, ends)
    fields = _fields(buffer, first, second) if times is not None else None
    values = _values(body, buffer, fields.values, fields.ends) if fields is not None else None
    if times is None or fields is None or values is None:
        return None
    series = np.array(places(_entries(body, starts, first, fields)), np.int32)
    return Rows(fields.lines, series, times[fields.lines], values) if (series >= 0).all() else None


def _times(buffer: NDArray[np.uint8], starts: Positions, ends: Positions) -> NDArray[np.int64] | None:
    width = int(ends[0] - starts[0])
    if width > _LONGEST_TIME + 1 or not (ends - starts == width).all():
        return None
    digits = buffer[starts[:, np.newaxis] + np.arange(width)] - np.uint8(ord("0"))
    if (digits > 9).any():
        return None
    times = np.zeros(len(starts), np.uint64)
    for digit in digits.T:
        times = times * np.uint64(10) + digit
    return times.astype(np.int64) if width <= _LONGEST_TIME or (times <= _LATEST).all() else None


def _fields(buffer: NDArray[np.uint8], first: Positions, second: Positions) -> _Fields | None:
    """None where a field is not of the form name=value."""
    equals, commas = np.flatnonzero(buffer == ord("=")), np.flatnonzero(buffer == ord(","))
    names, ends, lines = first + 1, second, np.arange(len(first))
    if len(within := _within(commas, first, second)):
        names, ends = np.sort(np.concatenate([names, within + 1])), np.sort(np.concatenate([ends, within]))
        lines = np.searchsorted(second, names, "right")
    values = _within(equals, first, second)
    if len(values) != len(names) or not ((names < values) & (values + 1 < ends)).all():
        return None
    return _Fields(lines, names, values + 1, ends)


def _within(marks: Positions, first: Positions, second: Positions) -> Positions:
    """The marks between the two spaces of any line."""
    before, until = np.searchsorted(marks, first), np.searchsorted(marks, second)
    counts = until - before
    passed = np.cumsum(counts)
    return marks[np.repeat(until - passed, counts) + np.arange(passed[-1])]


def _values(body: bytes, buffer: NDArray[np.uint8], starts: Positions, ends: Positions) -> NDArray[np.float64] | None:
    """The numbers; None where one is in doubt."""
    widths = ends - starts
    width = int(widths.max())
    if width > _LONGEST_WORD:
        return None
    count = len(starts)
    whole, decimals, digits = np.zeros(count), np.zeros(count, np.intp), np.zeros(count, np.intp)
    negative = buffer[starts] == ord("-")
    integer = buffer[ends - 1] == ord("i")
    pointed, good = np.zeros(count, np.bool_), np.ones(count, np.bool_)
    inner = widths - integer
    for at in range(width):
        # Beyond the end of a word stands something else, and at last nothing: looked at, and left out.
        sign = buffer[np.minimum(starts + at, len(buffer) - 1)]
        digit = sign - np.uint8(ord("0"))
        inside = inner > at
        number, point = inside & (digit <= 9), inside & (sign == ord("."))
        good &= ~inside | number | (point & ~pointed & ~integer) | (negative if at == 0 else np.False_)
        pointed |= point
        whole = np.where(number, whole * 10 + digit, whole)
        digits += number
        decimals += number & pointed
    good &= (digits > 0) & (digits <= _EXACT_DIGITS)
    values = whole / _POWERS[np.minimum(decimals, _EXACT_DIGITS)]
    np.negative(values, out=values, where=negative & ~(integer & (whole == 0)))
    if not good.all():
        other = np.flatnonzero(~good)
        words = [body[starts[at] : ends[at]].decode("utf-8", "replace") for at in other.tolist()]
        found = numbers_of(words)
        if found is None or not found[1].all():
            return None
        values[other] = found[0]
    return values


def _entries(body: bytes, starts: Positions, first: Positions, fields: _Fields) -> list[bytes]:
    """Head and name of each field, with the space in between."""
    names_end = (fields.values - 1).tolist()
    if len(fields.names) == len(starts):
        return [body[start:end] for start, end in zip(starts.tolist(), names_end, strict=True)]
    heads = [body[start : end + 1] for start, end in zip(starts.tolist(), first.tolist(), strict=True)]
    named = zip(fields.lines.tolist(), fields.names.tolist(), names_end, strict=True)
    return [heads[line] + body[name:end] for line, name, end in named]
