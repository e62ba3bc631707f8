"""Readings as Arrow and Parquet, with the library of the extra `parquet`."""

import io
from collections.abc import Sequence
from typing import Any

from app.errors import BadInput
from app.read.export import Page
from app.read.selection import Origin


def _library() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        message = "This service cannot write Arrow or Parquet: pyarrow is not installed beside it."
        raise BadInput(message, "Ask for format=csv, or have it installed: pip install 'linegraph[parquet]'") from error
    return pyarrow


class ArrowRows:
    """A stream of record batches; what names a series is encoded by dictionaries that are sent once."""

    def __init__(self, origins: Sequence[Origin]) -> None:
        self._arrow = arrow = _library()
        self._sink = _Sink()
        name = arrow.dictionary(arrow.int32(), arrow.utf8())
        fields = {
            "time": arrow.timestamp("us", "UTC"), **dict.fromkeys(Origin._fields, name), "value": arrow.float64(),
            "status": arrow.uint32(), "label": arrow.utf8(),
        }  # fmt: skip
        self._schema = arrow.schema(list(fields.items()))
        self._names = [self._encoded([origin[at] for origin in origins]) for at in range(len(Origin._fields))]
        self._writer = self._opened()

    def start(self) -> bytes:
        return self._sink.taken()

    def rows(self, page: Page) -> bytes:
        """A record batch, or a row group."""
        arrow = self._arrow
        named = [
            arrow.DictionaryArray.from_arrays(indices.take(arrow.array(page.places)), names)
            for indices, names in self._names
        ]
        texts = arrow.array(page.texts, arrow.utf8())
        labels = arrow.nulls(len(page), arrow.utf8()) if page.labels is None else texts.take(arrow.array(page.labels))
        columns = [
            arrow.array(page.times).cast(arrow.timestamp("us", "UTC")), *named,
            arrow.array(page.values, from_pandas=True), arrow.array(page.statuses), labels,
        ]  # fmt: skip
        self._writer.write_batch(arrow.RecordBatch.from_arrays(columns, schema=self._schema))
        return self._sink.taken()

    def end(self) -> bytes:
        """What tells a reader that nothing is missing."""
        self._writer.close()
        return self._sink.taken()

    def _opened(self) -> Any:
        return self._arrow.ipc.new_stream(self._sink, self._schema)

    def _encoded(self, names: Sequence[str | None]) -> tuple[Any, Any]:
        """The place of each origin's name among the distinct ones."""
        distinct = {name: at for at, name in enumerate(dict.fromkeys(name for name in names if name is not None))}
        indices = [None if name is None else distinct[name] for name in names]
        return self._arrow.array(indices, self._arrow.int32()), self._arrow.array(list(distinct), self._arrow.utf8())


class ParquetRows(ArrowRows):
    """A file whose row groups are sent as soon as they are full; its last bytes say where they lie."""

    def _opened(self) -> Any:
        dictionaries = [field.name for field in self._schema if field.name not in ("time", "value")]
        return self._arrow.parquet.ParquetWriter(
            self._sink, self._schema, compression="zstd", use_dictionary=dictionaries
        )


class _Sink(io.RawIOBase):
    """Holds what was written since it was last taken, and knows how much there has been in all."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        return whole
