"""The top of a CSV file: its delimiter, its time column, and the series that its other columns are."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, TextIO
from zoneinfo import ZoneInfo

from app.domain.addresses import is_code, series_key
from app.errors import BadInput
from app.sources.csv_times import TimeColumn
from app.sources.csv_values import ValueColumn

_DELIMITERS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}
_TIME_NAMES = frozenset(("time", "timestamp", "datetime", "date"))
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """How a file is to be read. What is None is found out from its header.

    zone: of times that say none. metrics: column to its metric's name and unit; other columns go by their own names.
    ignore: columns to leave out; those without a name are left out as well. quality: the column with the status of
    each row's readings, which are good where there is none.
    """

    zone: ZoneInfo
    plant: str
    line: str
    machine: str
    time: str | None = None
    delimiter: str | None = None
    metrics: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    quality: str | None = None


class Table(NamedTuple):
    """A file whose header is read: the rows that follow, and what their cells are."""

    reader: Any
    delimiter: str
    width: int
    time: int
    quality: int | None
    clock: TimeColumn
    columns: dict[int, ValueColumn]

    def fits(self, row: Sequence[str]) -> bool:
        """Whether a row has a cell for each column; empty ones may follow."""
        return len(row) == self.width or (len(row) > self.width and not any(row[self.width :]))


def table_of(file: TextIO, name: str, format: CsvFormat) -> Table:
    """The table in a file from its start; BadInput where it is none, or none that fits the format."""
    lines = _lines(file, name)
    leading: list[str] = []
    for line in lines:
        leading.append(line)
        if line.strip():
            break
    else:
        raise BadInput(f"{name} is empty.")
    delimiter = _delimiter("".join(leading[-1:]), name, format.delimiter)
    reader = csv.reader(chain(leading, lines), delimiter=delimiter)
    stripped = ([cell.strip() for cell in row] for row in reader)
    header = next(filter(any, stripped), None)
    if header is None:
        raise BadInput(f"{name} is empty.")
    time = _time_column(header, name, format)
    _check(header, time, name, format)
    columns = _columns(header, time, name, format, decimal_comma=delimiter == ";")
    quality = None if format.quality is None else header.index(format.quality)
    return Table(reader, delimiter, len(header), time, quality, TimeColumn(format.zone), columns)


def _lines(file: TextIO, name: str) -> Iterator[str]:
    """Lines of bounded length: a file without line ends is not to be taken into memory as one."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise BadInput(f"{name} has a line of more than {_LONGEST_LINE:,} characters: it is no CSV file.")
        yield line


def _delimiter(line: str, name: str, asked: str | None) -> str:
    widths = {delimiter: len(next(csv.reader([line], delimiter=delimiter), ())) for delimiter in _DELIMITERS}
    best = max(widths, key=lambda delimiter: widths[delimiter])
    if asked is None:
        return best
    asked = {"tab": "\t", r"\t": "\t"}.get(asked, asked)
    if len(asked) != 1 or asked in '"\r\n':
        raise BadInput(f"The delimiter {asked!r} is not one character.", "Use one of , ; | or tab.")
    if widths[best] > 1 and len(next(csv.reader([line], delimiter=asked), ())) == 1:
        shown = _DELIMITERS.get(asked, repr(asked))
        raise BadInput(
            f"With the delimiter {shown} the header of {name} is one column: it is separated by {_DELIMITERS[best]}.",
            f"Use --delimiter {_DELIMITERS[best]}, or leave it out.",
        )
    return asked


def _time_column(header: Sequence[str], name: str, format: CsvFormat) -> int:
    if format.time is not None:
        if format.time not in header:
            raise BadInput(f"{name} has no column {format.time!r}; it has {_listed(header)}.")
        return header.index(format.time)
    for at, column in enumerate(header):
        if column.lower() in _TIME_NAMES:
            return at
    raise BadInput(f"{name} has no column that looks like the time; it has {_listed(header)}.", "Use --time COLUMN.")


def _check(header: Sequence[str], time: int, name: str, format: CsvFormat) -> None:
    quality = () if format.quality is None else (format.quality,)
    for option, asked in (("--metric", format.metrics), ("--ignore", format.ignore), ("--quality", quality)):
        if unknown := sorted(set(asked).difference(header)):
            raise BadInput(f"{name} has no column {unknown[0]!r}, which {option} names; it has {_listed(header)}.")
    if header[time] in format.metrics:
        raise BadInput(f"The column {header[time]!r} of {name} is its time, and cannot be a metric.")
    if format.quality is not None and (format.quality == header[time] or format.quality in format.metrics):
        raise BadInput(f"The column {format.quality!r} of {name} is its quality, and cannot be time or metric as well.")
    for option, code in (("plant", format.plant), ("line", format.line), ("machine", format.machine)):
        if not is_code(code):
            raise BadInput(f"The {option} {code!r} is no code.", "Use up to 64 letters, digits, - and _.")


def _columns(
    header: Sequence[str], time: int, name: str, format: CsvFormat, *, decimal_comma: bool
) -> dict[int, ValueColumn]:
    machine = [("plant", format.plant), ("line", format.line), ("machine", format.machine)]
    columns: dict[int, ValueColumn] = {}
    taken: set[str] = set()
    for at, column in enumerate(header):
        if at == time or not column or column == format.quality or column in format.ignore:
            continue
        metric, unit = format.metrics.get(column, (column, None))
        if metric in taken:
            raise BadInput(f"{name} has two columns for the metric {metric!r}.", "Use --metric or --ignore.")
        taken.add(metric)
        try:
            key = series_key(metric, machine, "value")._replace(named=True, unit=unit)
        except ValueError as error:
            raise BadInput(f"The column {column[:40]!r} of {name} cannot be a metric: {error}.") from error
        columns[at] = ValueColumn(column, key, decimal_comma=decimal_comma)
    if not columns:
        raise BadInput(f"{name} has no column with values; it has {_listed(header)}.")
    return columns


def _listed(header: Sequence[str]) -> str:
    shown = ", ".join(repr(column[:40]) for column in header[:20])
    return f"{shown} and {len(header) - 20} more" if len(header) > 20 else shown
