"""Readings as JSON columns, with quality, to a batch."""

from collections.abc import Iterator
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.domain.addresses import SeriesKey, checked_source, series_key
from app.domain.batch import NO_TEXT, Batch, Decoded, Refusal
from app.domain.limits import Limits, faults
from app.domain.quality import without_values_bad
from app.errors import BadInput
from app.sources.json_cells import statuses_of, times_of, values_of

_SHAPE = (
    'Send {"series": [{"plant": "p", "line": "l", "machine": "m", "metric": "temperature", "times": [1772438400000], '
    '"values": [1.5]}]}: times in milliseconds; "statuses" may be added; "source" may stand for the four names.'
)
_NAMES = ("plant", "line", "machine", "metric")

Cell = TypeVar("Cell")


class _Body(msgspec.Struct):
    series: list[msgspec.Raw]


class _Series(msgspec.Struct, Generic[Cell]):
    times: list[Cell]
    values: list[Cell]
    statuses: list[Cell] | None = None
    plant: str | None = None
    line: str | None = None
    machine: str | None = None
    metric: str | None = None
    source: str | None = None


class _Columns(NamedTuple):
    """A series as arrays, and the positions of its readings that are refused, with the reasons."""

    key: SeriesKey
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    statuses: NDArray[np.uint32]
    text: NDArray[np.int32]
    refused: dict[int, str]


def decode(body: bytes, now: int, limits: Limits) -> Decoded:
    """The readings of a body. What is wrong with one series or reading costs only that; both are counted from 1.

    Every reading brings its time, so `now` plays no part. BadInput where the body as a whole has another shape.
    """
    texts: dict[str, int] = {}
    columns: list[_Columns] = []
    refusals: list[Refusal] = []
    for number, raw in enumerate(_series(body), 1):
        try:
            found = _columns(_typed(raw), texts, limits)
        except ValueError as error:
            refusals.append(Refusal(f"series {number}", str(error), bytes(raw)))
            continue
        refusals += _refusals(number, raw, found.refused)
        columns.append(found)
    return Decoded(_batch(columns, texts), refusals)


def _series(body: bytes) -> list[msgspec.Raw]:
    try:
        body.decode("utf-8")
        return msgspec.json.decode(body, type=_Body).series
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _no_columns(error) from error


def _typed(raw: msgspec.Raw) -> _Series[Any]:
    """A series; ValueError, with the reason, where its parts are not of the right types."""
    try:
        return msgspec.json.decode(raw, type=_Series[Any])
    except msgspec.ValidationError:
        return _cell_by_cell(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _no_columns(error) from error


def _cell_by_cell(raw: msgspec.Raw) -> _Series[Any]:
    """A series in which one number may be too large to be read at all: such a one becomes infinite."""
    try:
        cells = msgspec.json.decode(raw, type=_Series[msgspec.Raw])
    except msgspec.ValidationError as error:
        raise ValueError(f"the series is not of the right form: {error}") from error
    statuses = None if cells.statuses is None else list(map(_cell, cells.statuses))
    return msgspec.structs.replace(
        cells, times=list(map(_cell, cells.times)), values=list(map(_cell, cells.values)), statuses=statuses
    )


def _cell(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return float("-inf" if bytes(raw).startswith(b"-") else "inf")


def _columns(series: _Series[Any], texts: dict[str, int], limits: Limits) -> _Columns:
    """ValueError, with the reason, where the series has no name, or columns of different lengths."""
    key = _key(series)
    count = len(series.times)
    if len(series.values) != count or (series.statuses is not None and len(series.statuses) != count):
        raise ValueError("times, values and statuses are not of the same length")
    times, bad_times = times_of(series.times)
    values, text, bad_values = values_of(series.values, texts)
    statuses, bad_statuses = statuses_of(series.statuses, count)
    bad_readings = dict(faults(times, values, limits))
    statuses = np.where(text == NO_TEXT, without_values_bad(values, statuses), statuses)
    if (text != NO_TEXT).any():
        key = key._replace(discrete=True)
    return _Columns(key, times, values, statuses, text, bad_readings | bad_statuses | bad_values | bad_times)


def _key(series: _Series[Any]) -> SeriesKey:
    names = {name: getattr(series, name) for name in _NAMES if getattr(series, name) is not None}
    if series.source is not None:
        if names:
            raise ValueError('the series has a "source" and names: one of the two decides')
        return SeriesKey(checked_source(series.source), None, "it was sent by its source, which names no machine")
    if missing := [name for name in _NAMES if name not in names]:
        raise ValueError(f'the series has no "{missing[0]}", and no "source" either')
    if not names["metric"]:
        raise ValueError("the metric has no name")
    metric = names.pop("metric")
    return series_key(metric, names.items(), "value")._replace(named=True)


def _refusals(number: int, raw: msgspec.Raw, refused: dict[int, str]) -> Iterator[Refusal]:
    if not refused:
        return
    cells = msgspec.json.decode(raw, type=_Series[msgspec.Raw])
    for at in sorted(refused):
        reading = {"time": cells.times[at], "value": cells.values[at]}
        if cells.statuses is not None:
            reading["status"] = cells.statuses[at]
        yield Refusal(f"series {number}, reading {at + 1}", refused[at], msgspec.json.encode(reading))


def _batch(columns: list[_Columns], texts: dict[str, int]) -> Batch:
    places: dict[SeriesKey, int] = {}
    series = [np.full(len(column.times), places.setdefault(column.key, len(places)), np.int32) for column in columns]
    batch = Batch(
        list(places),
        np.concatenate([np.empty(0, np.int32), *series]),
        np.concatenate([np.empty(0, np.int64), *(column.times for column in columns)]),
        np.concatenate([np.empty(0, np.float64), *(column.values for column in columns)]),
        np.concatenate([np.empty(0, np.uint32), *(column.statuses for column in columns)]),
        np.concatenate([np.empty(0, np.int32), *(column.text for column in columns)]),
        list(texts),
    )
    keep = np.ones(len(batch), np.bool_)
    start = 0
    for column in columns:
        keep[[start + at for at in column.refused]] = False
        start += len(column.times)
    return batch.only(keep)


def _no_columns(error: Exception) -> BadInput:
    reason = "it nests too deeply" if isinstance(error, RecursionError) else str(error)
    return BadInput(f"The body is no JSON of readings: {reason}.", _SHAPE)
