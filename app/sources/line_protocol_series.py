"""Which series the heads and field names of line protocol stand for."""

import sys
from collections.abc import Sequence
from contextlib import suppress

from app.domain.addresses import SeriesKey, series_key
from app.sources.line_protocol_strict import head_of, name_of


class KnownSeries:
    """What heads and fields, as written, stood for before.

    Bounded in entries and bytes, and forgotten as a whole when full: a flood of names takes nobody's memory.
    """

    def __init__(self, entries: int, size: int) -> None:
        self._entries, self._size = entries, size
        self._keys: dict[str, SeriesKey] = {}
        self._held = 0

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, head: str, field: str) -> SeriesKey:
        """The series of a field under a head; ValueError, with the reason, where they do not name one."""
        entry = f"{head} {field}"
        if (key := self._keys.get(entry)) is not None:
            return key
        if not field:
            raise ValueError("a field has no name")
        measurement, tags = head_of(head)
        key = series_key(measurement, tags, name_of(field))
        held = 4 * sys.getsizeof(entry) + 400  # the entry, the source made of it, the codes taken from it
        if len(self._keys) >= self._entries or self._held + held > self._size:
            self._keys.clear()
            self._held = 0
        self._keys[entry] = key
        self._held += held
        return key


class BatchSeries:
    """The series of one batch: each has one place, however many ways there are to write it."""

    def __init__(self, known: KnownSeries) -> None:
        self._known = known
        self._index: dict[SeriesKey, int] = {}
        self._places: dict[str, int] = {}

    @property
    def keys(self) -> list[SeriesKey]:
        return list(self._index)

    def place(self, head: str, field: str, *, discrete: bool) -> int:
        """The place of one series; ValueError, with the reason, where head and field do not name one."""
        key = self._known.key(head, field)
        return self._place(key._replace(discrete=True) if discrete else key)

    def places(self, heads: Sequence[str], fields: Sequence[str]) -> list[int]:
        """The places of many series of numbers, -1 where head and field do not name one."""
        entries = [f"{head} {field}" for head, field in zip(heads, fields, strict=True)]
        for at, entry in enumerate(entries):
            if entry not in self._places:
                try:
                    self._places[entry] = self._place(self._known.key(heads[at], fields[at]))
                except ValueError:
                    self._places[entry] = -1
        return list(map(self._places.__getitem__, entries))

    def entries(self, entries: Sequence[bytes]) -> list[int]:
        """As `places`, of heads and fields as they came, with a space in between."""
        places = dict.fromkeys(entries, -1)
        for entry in places:
            head, _, field = entry.rpartition(b" ")
            with suppress(ValueError):  # also where it is not UTF-8
                places[entry] = self._place(self._known.key(head.decode(), field.decode()))
        return list(map(places.__getitem__, entries))

    def _place(self, key: SeriesKey) -> int:
        return self._index.setdefault(key, len(self._index))
