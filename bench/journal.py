"""What was acknowledged: appended to a file by the client of a fault run, synced, and read as the truth afterwards."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

Series = tuple[str, str]
"""The path of a machine, and the name of a metric."""
Reading = tuple[float | None, int]
"""Value and status code."""
Truth = Mapping[Series, Mapping[int, Reading]]
"""By series: by microseconds since 1970, the last reading that was acknowledged."""

LINE_PROTOCOL = "/api/v2/write?precision=us"
COLUMNS = "/api/v1/readings"


@dataclass(frozen=True, slots=True)
class Journal:
    """One line a body; `surprises` are answers that no client should ever see."""

    path: Path

    def append(self, file: BinaryIO, entry: Mapping[str, object]) -> None:
        """Returns when the entry is on the disk."""
        file.write(orjson.dumps(entry) + b"\n")
        file.flush()
        os.fsync(file.fileno())

    def truth(self) -> Truth:
        """A series is sent over one connection, so that the order here is the order in which its readings arrived."""
        found: dict[Series, dict[int, Reading]] = {}
        for entry in self._entries():
            if "body" in entry:
                read = _lines if entry["door"] == LINE_PROTOCOL else _columns
                for series, at, reading in read(entry["body"]):
                    found.setdefault(series, {})[at] = reading
        return found

    def surprises(self) -> list[str]:
        return [str(entry["surprise"]) for entry in self._entries() if "surprise" in entry]

    def _entries(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            yield from map(orjson.loads, file)


def _lines(body: str) -> Iterator[tuple[Series, int, Reading]]:
    for line in body.splitlines():
        key, field, at = line.split(" ")
        metric, *tags = key.split(",")
        names = dict(tag.split("=") for tag in tags)
        yield (_path(names), metric), int(at), (float(field.removeprefix("value=")), 0)


def _columns(body: str) -> Iterator[tuple[Series, int, Reading]]:
    for series in orjson.loads(body)["series"]:
        key = _path(series), series["metric"]
        for at, value, status in zip(series["times"], series["values"], series["statuses"], strict=True):
            yield key, at * 1_000, (value, status)


def _path(names: Mapping[str, str]) -> str:
    return f"{names['plant']}/{names['line']}/{names['machine']}"
