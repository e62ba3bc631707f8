"""InfluxDB line protocol to batches: plain lines by columns, all others one by one, by the same rules."""

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from app.domain.batch import NO_TEXT, Batch, Decoded, Refusal
from app.domain.limits import Limits, faults
from app.domain.quality import GOOD
from app.errors import BadInput
from app.sources.line_protocol_columns import sure_rows
from app.sources.line_protocol_cuts import BYTE_ORDER_MARK, parts
from app.sources.line_protocol_plain import Rows, plain_rows, readable
from app.sources.line_protocol_series import BatchSeries, KnownSeries
from app.sources.line_protocol_strict import line_of

__all__ = ["LineProtocol", "parts"]

BY_COLUMNS = 1 << 14
"""Bytes: some 250 lines. For fewer, arrays cost more than they save."""

_NANOSECONDS = {
    "ns": 1, "n": 1, "us": 1_000, "u": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9,
}  # fmt: skip
_INT64_MAX = 2**63 - 1


class LineProtocol:
    """The decoder of one service; it remembers the series that it has seen."""

    def __init__(self, entries: int = 100_000, size: int = 64 << 20) -> None:
        self._known = KnownSeries(entries, size)

    def decode(self, body: bytes, precision: str, now: int, limits: Limits, first_line: int = 1) -> Decoded:
        """The readings of a body, or of one of its `parts`, in the order of its lines; a bad line is refused whole.

        now: microseconds since 1970-01-01 UTC, the time of lines that have none.
        """
        nanoseconds = _NANOSECONDS.get(precision or "ns")
        if nanoseconds is None:
            raise BadInput(f"The precision {precision[:20]!r} is not known.", "Use ns, us, ms or s.")
        if first_line == 1:
            body = body.removeprefix(BYTE_ORDER_MARK)
        series = BatchSeries(self._known)
        unusual = _Unusual(series)
        rows, lines = sure_rows(body, series.entries) if len(body) >= BY_COLUMNS else None, list[str]()
        if rows is None:
            lines, clean = readable(body)
            rows = plain_rows(lines, clean, series.places)
            left = np.ones(len(lines), np.bool_)
            left[rows.lines] = False
            for position in np.flatnonzero(left).tolist():
                unusual.take(position, lines[position])
        at, batch = _joined(rows, unusual, series, nanoseconds, now)
        refused = unusual.refused
        if found := faults(batch.times, batch.values, limits):
            refused |= {int(at[reading]): reason for reading, reason in reversed(found)}
            batch = batch.only(~np.isin(at, list(refused)))
        if refused and not lines:
            lines, _ = readable(body)
        return Decoded(batch, _refusals(lines, refused, first_line), unusual.blank)


class _Unusual:
    """The readings of lines that are read one by one, as lists."""

    def __init__(self, series: BatchSeries) -> None:
        self._series = series
        self.readings: list[tuple[int, int, int | None, float, int]] = []
        self.texts: dict[str, int] = {}
        self.refused: dict[int, str] = {}
        self.blank = 0

    def take(self, at: int, line: str) -> None:
        try:
            said = line_of(line)
            if said is None:
                self.blank += 1
                return
            places = [self._series.place(said.head, name, discrete=text is not None) for name, _, text in said.fields]
        except ValueError as error:
            self.refused[at] = str(error)
            return
        for place, (_, value, text) in zip(places, said.fields, strict=True):
            label = NO_TEXT if text is None else self.texts.setdefault(text, len(self.texts))
            self.readings.append((at, place, said.time, value, label))


def _joined(
    plain: Rows, unusual: _Unusual, series: BatchSeries, nanoseconds: int, now: int
) -> tuple[NDArray[np.int64], Batch]:
    """The batch in the order of the lines, and the position of each reading's line."""
    at, places, values = plain.lines, plain.series, plain.values
    times = _microseconds(plain.times, nanoseconds)
    text = np.full(len(at), NO_TEXT, np.int32)
    if unusual.readings:
        more_at, more_places, written, more_values, more_text = zip(*unusual.readings, strict=True)
        timeless = [time is None for time in written]
        more_times = _microseconds(np.array([time or 0 for time in written], np.int64), nanoseconds)
        at = np.concatenate([at, more_at])
        order = np.argsort(at, kind="stable")
        at = at[order]
        places = np.concatenate([places, np.array(more_places, np.int32)])[order]
        times = np.concatenate([times, np.where(timeless, now, more_times)])[order]
        values = np.concatenate([values, more_values])[order]
        text = np.concatenate([text, np.array(more_text, np.int32)])[order]
    statuses = np.full(len(at), GOOD, np.uint32)
    return at, Batch(series.keys, places, times, values, statuses, text, list(unusual.texts))


def _microseconds(times: NDArray[np.int64], nanoseconds: int) -> NDArray[np.int64]:
    """Floored; what does not fit becomes the furthest time that does, which lies beyond every limit."""
    if nanoseconds < 1_000:
        return times // 1_000
    factor = nanoseconds // 1_000
    furthest = _INT64_MAX // factor
    return np.clip(times, -furthest, furthest) * factor


def _refusals(lines: list[str], refused: dict[int, str], first_line: int) -> list[Refusal]:
    if not refused:
        return []
    numbers = list(accumulate((line.count("\n") + 1 for line in lines), initial=first_line))
    return [
        Refusal(f"line {numbers[at]}", refused[at], lines[at].removesuffix("\r").encode("utf-8", "surrogateescape"))
        for at in sorted(refused)
    ]
