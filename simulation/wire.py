"""A delivery as requests: line protocol where a gateway speaks it and all is good, else columns of JSON."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import orjson

from simulation.deliveries import Delivery, Part


class Body(NamedTuple):
    """One request: where it goes, what it carries, and how many readings these are."""

    target: str
    content: bytes
    readings: int


def bodies(delivery: Delivery) -> Iterator[Body]:
    """Every other gateway speaks line protocol, which knows no quality; what is not all good goes as columns."""
    lines = [part for part in delivery.parts if delivery.gateway % 2 and not any(part.signal.statuses)]
    lines = [part for part in lines if None not in part.signal.values]
    if lines:
        count = sum(len(part.signal.times) for part in lines)
        yield Body("/api/v2/write?precision=us", "\n".join(_lines(lines)).encode(), count)
    if columns := [part for part in delivery.parts if not any(part is each for each in lines)]:
        count = sum(len(part.signal.times) for part in columns)
        yield Body("/api/v1/readings", orjson.dumps({"series": [_columns(part) for part in columns]}), count)


def _lines(parts: Iterable[Part]) -> Iterator[str]:
    for path, metric, signal in parts:
        plant, line, machine = path.split("/")
        head = f"{metric},plant={plant},line={line},machine={machine} value="
        for time, value in zip(signal.times, signal.values, strict=True):
            yield f"{head}{value} {time}"


def _columns(part: Part) -> dict[str, object]:
    plant, line, machine = part.path.split("/")
    return {
        "plant": plant,
        "line": line,
        "machine": machine,
        "metric": part.metric,
        "times": [time / 1_000 for time in part.signal.times],
        "values": part.signal.values,
        "statuses": part.signal.statuses,
    }
