"""CSV files to batches, some thousand rows at a time, however long the file is."""

import csv
import io
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.batch import NO_TEXT, Batch, Decoded, Refusal
from app.domain.limits import Limits, faults
from app.domain.quality import BAD, GOOD, without_values_bad
from app.errors import BadInput
from app.sources.csv_header import CsvFormat, Table, table_of
from app.sources.csv_statuses import statuses_of
from app.sources.csv_values import Cells

__all__ = ["CsvFormat", "Part", "read"]

_LOOKED_AT = 1 << 16


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a file, how many of them have a time that cannot be read, and how far the file is read."""

    decoded: Decoded
    rows: int
    timeless: int
    bytes_read: int


def read(path: Path, format: CsvFormat, limits: Limits, rows: int = 20_000) -> Generator[Part]:
    """The parts of a file, in its order.

    BadInput where it cannot be read as CSV: when the first part is asked for, or the one where it turns bad.
    """
    try:
        with path.open("rb") as binary:
            yield from _parts(binary, str(path), format, limits, rows)
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {path}.") from error
    except IsADirectoryError as error:
        raise BadInput(f"{path} is a folder.", "Name the files in it.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def _parts(binary: BinaryIO, name: str, format: CsvFormat, limits: Limits, rows: int) -> Iterator[Part]:
    if b"\x00" in binary.read(_LOOKED_AT):
        raise BadInput(f"{name} is no text in UTF-8: it holds NUL bytes.", "Export it as CSV in UTF-8.")
    binary.seek(0)
    table: Table | None = None
    any_rows = False
    try:
        with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
            table = table_of(text, name, format)
            while gathered := list(islice(_numbered(table), rows)):
                decoded, timeless = _decoded(table, gathered, limits)
                any_rows |= decoded.blank < len(gathered)
                yield Part(decoded, len(gathered), timeless, binary.tell())
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is no text in UTF-8{_after(table)}.", "Export it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise BadInput(
            f"{name} is no CSV{_after(table)}: {error}.", "A quotation mark may be missing there."
        ) from error
    if not any_rows:
        raise BadInput(f"{name} has a header and no rows.")


def _after(table: Table | None) -> str:
    return "" if table is None else f" after row {table.reader.line_num}"


class _Row(NamedTuple):
    """A row, and the number of the line on which it starts."""

    number: int
    cells: list[str]


def _numbered(table: Table) -> Iterator[_Row]:
    number = table.reader.line_num + 1
    for cells in table.reader:
        yield _Row(number, cells)
        number = table.reader.line_num + 1


class _Refused:
    """The refusals of a part, which come by column and leave by row."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._found: list[tuple[int, Refusal]] = []

    def add(self, row: _Row, reason: str) -> None:
        written = io.StringIO()
        csv.writer(written, delimiter=self._delimiter, lineterminator="").writerow(row.cells)
        self._found.append((row.number, Refusal(f"row {row.number}", reason, written.getvalue().encode())))

    def in_order(self) -> list[Refusal]:
        return [refusal for _, refusal in sorted(self._found, key=lambda found: found[0])]


def _decoded(table: Table, rows: list[_Row], limits: Limits) -> tuple[Decoded, int]:
    """What the rows say, and how many of them have no time that can be read."""
    refused = _Refused(table.delimiter)
    full = [row for row in rows if any(row.cells)]
    fitting = [row for row in full if table.fits(row.cells)]
    for row in full if len(fitting) < len(full) else ():
        if not table.fits(row.cells):
            refused.add(row, f"the row has {len(row.cells)} cells, and the header {table.width}")
    times, bad = table.clock.instants([row.cells[table.time] for row in fitting])
    timeless = len(bad)
    statuses, without_status = _statuses(table, fitting)
    bad = without_status | dict(faults(times, np.zeros(len(times)), limits)) | bad
    for at, reason in bad.items():
        refused.add(fitting[at], reason)
    if bad:
        good = [at for at in range(len(fitting)) if at not in bad]
        fitting, times, statuses = [fitting[at] for at in good], times[good], statuses[good]
    batch = _batch(table, fitting, times, statuses, limits, refused)
    return Decoded(batch, refused.in_order(), len(rows) - len(full)), timeless


def _statuses(table: Table, rows: list[_Row]) -> tuple[NDArray[np.uint32], dict[int, str]]:
    if table.quality is None:
        return np.full(len(rows), GOOD, np.uint32), {}
    return statuses_of([row.cells[table.quality] for row in rows])


def _batch(
    table: Table,
    rows: list[_Row],
    times: NDArray[np.int64],
    statuses: NDArray[np.uint32],
    limits: Limits,
    refused: _Refused,
) -> Batch:
    """The readings column by column: within a series, in the order of the rows."""
    cells = list(zip(*(row.cells for row in rows), strict=False))
    texts: dict[str, int] = {}
    read = [column.read(cells[at] if cells else (), texts) for at, column in table.columns.items()]
    lost = _lost(read, statuses)
    batches = []
    for place, (column, found) in enumerate(zip(table.columns.values(), read, strict=True)):
        for row, reason in found.refused.items():
            refused.add(rows[row], reason)
        found = found.and_without_value(lost)
        keep = np.ones(len(found.rows), np.bool_)
        for reading, reason in faults(times[found.rows], found.values, limits):
            refused.add(rows[found.rows[reading]], f"the column {column.name!r}: {reason}")
            keep[reading] = False
        series = np.full(len(found.rows), place, np.int32)
        said = statuses[found.rows]
        kept = np.where(found.text == NO_TEXT, without_values_bad(found.values, said), said)
        batches.append(Batch((), series, times[found.rows], found.values, kept, found.text).only(keep))
    return Batch(
        [column.key for column in table.columns.values()],
        np.concatenate([batch.series for batch in batches]),
        np.concatenate([batch.times for batch in batches]),
        np.concatenate([batch.values for batch in batches]),
        np.concatenate([batch.statuses for batch in batches]),
        np.concatenate([batch.text for batch in batches]),
        list(texts),
    )


def _lost(read: list[Cells], statuses: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Rows that say nothing but a bad status: a reading without a value of every column. Beside a value, an empty cell
    is no reading."""
    lost = statuses >= BAD
    for found in read:
        lost[found.rows] = False
        lost[list(found.refused)] = False
    return np.flatnonzero(lost)
