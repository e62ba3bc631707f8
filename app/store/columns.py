"""Arrays in PostgreSQL's binary forms, read from and written to numpy without a Python object an element.

A binary array is a header (dimensions, has-null flag, element type, length, lower bound) and then length and value of
each element; nulls, which have no value, would break the even step, so statements write NaN for them.
"""

from dataclasses import dataclass
from typing import ClassVar, LiteralString, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg.adapt import AdaptersMap, Buffer, Dumper, Loader
from psycopg.pq import Format
from psycopg.sql import SQL, Composable, Composed

from app.domain.rows import Rows

POSTGRES_EPOCH = 946_684_800_000_000
"""Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL counts from."""

_HEADER = np.dtype([("dimensions", ">i4"), ("flags", ">i4"), ("oid", ">i4"), ("length", ">i4"), ("bound", ">i4")])
_INT4, _INT8, _FLOAT8, _TIMESTAMPTZ = 23, 20, 701, 1184
_ELEMENTS = {_INT4: ">i4", _INT8: ">i8", _FLOAT8: ">f8", _TIMESTAMPTZ: ">i8"}
_ARRAYS = {_INT4: 1007, _INT8: 1016, _FLOAT8: 1022, _TIMESTAMPTZ: 1185}
_COPY_START, _COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


def _element(oid: int) -> np.dtype[np.void]:
    kind = np.dtype(_ELEMENTS[oid])
    return np.dtype([("size", ">i4"), ("value", kind)])


class ColumnLoader(Loader):
    """A one-dimensional array without nulls becomes a numpy array; instants are microseconds since 1970."""

    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.generic]:
        if len(data) < _HEADER.itemsize:  # an empty array has no dimension and no length
            return np.empty(0)
        header = np.frombuffer(data, _HEADER, 1)[0]
        oid = int(header["oid"])
        column = np.frombuffer(data, _element(oid), int(header["length"]), _HEADER.itemsize)["value"]
        native = column.astype(column.dtype.newbyteorder("="))
        return native + POSTGRES_EPOCH if oid == _TIMESTAMPTZ else native


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A numpy array on its way into a statement."""

    values: NDArray[np.generic]
    element: ClassVar[int]

    def binary(self) -> bytes:
        """The array as PostgreSQL reads it."""
        body = np.empty(len(self.values), _element(self.element))
        body["size"] = body.dtype["value"].itemsize
        body["value"] = self.values
        if self.element == _TIMESTAMPTZ:
            body["value"] -= POSTGRES_EPOCH
        return np.array((1, 0, self.element, len(self.values), 1), _HEADER).tobytes() + body.tobytes()


class Integers(Column):
    """int4[]."""

    element = _INT4


class Floats(Column):
    """float8[]."""

    element = _FLOAT8


class Instants(Column):
    """timestamptz[] of microseconds since 1970."""

    element = _TIMESTAMPTZ


class Packing(NamedTuple):
    """A column as bytes in a row, put together by the server in an eighth less time than an array: `send` gives the
    binary form of a value, which is of this `kind`, counted from `epoch`."""

    send: LiteralString
    kind: str
    epoch: int = 0

    def packed(self, values: Composable) -> Composed:
        """In a statement; of values that are never null."""
        return SQL("string_agg({}({}), '')").format(SQL(self.send), values)

    def unpacked(self, data: bytes) -> NDArray[np.generic]:
        column = np.frombuffer(data, self.kind)
        native = column.astype(column.dtype.newbyteorder("="))
        return native + self.epoch if self.epoch else native


PACKED_FLOATS = Packing("float8send", ">f8")
PACKED_INTEGERS = Packing("int8send", ">i8")
PACKED_INSTANTS = Packing("timestamptz_send", ">i8", POSTGRES_EPOCH)


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        return obj.binary()


class _IntegersDumper(_ColumnDumper):
    oid = _ARRAYS[_INT4]


class _FloatsDumper(_ColumnDumper):
    oid = _ARRAYS[_FLOAT8]


class _InstantsDumper(_ColumnDumper):
    oid = _ARRAYS[_TIMESTAMPTZ]


def register(adapters: AdaptersMap) -> None:
    """Teaches a connection these forms; they hold in binary, so ordinary statements are not touched."""
    for oid in _ARRAYS.values():
        adapters.register_loader(oid, ColumnLoader)
    adapters.register_dumper(Integers, _IntegersDumper)
    adapters.register_dumper(Floats, _FloatsDumper)
    adapters.register_dumper(Instants, _InstantsDumper)


def copy_data(rows: Rows) -> bytes:
    """The rows of `readings (series_id, time, value, quality)` in the binary form of COPY."""
    valued = ~np.isnan(rows.values)
    if valued.all():
        return _COPY_START + _copy_rows(rows, valued=True) + _COPY_END
    parts = _copy_rows(rows.only(valued), valued=True), _copy_rows(rows.only(~valued), valued=False)
    return b"".join([_COPY_START, *parts, _COPY_END])


def _copy_rows(rows: Rows, *, valued: bool) -> bytes:
    value = [("value", ">f8")] if valued else []
    packed = np.empty(
        len(rows),
        [("n", ">i2"), ("l0", ">i4"), ("series", ">i4"), ("l1", ">i4"), ("time", ">i8"), ("l2", ">i4"), *value,
         ("l3", ">i4"), ("quality", ">i4")],
    )  # fmt: skip
    packed["n"], packed["l0"], packed["l1"], packed["l2"], packed["l3"] = 4, 4, 8, 8 if valued else -1, 4
    packed["series"], packed["time"], packed["quality"] = rows.series, rows.times - POSTGRES_EPOCH, rows.quality
    if valued:
        packed["value"] = rows.values
    return packed.tobytes()
