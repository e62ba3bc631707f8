"""Readings on their way in: columns of equal length, and what could not become one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from app.domain.addresses import SeriesKey

NO_TEXT = -1


class Refusal(NamedTuple):
    """A piece of input that was not stored: where it stood (`line 3`), why, and the piece itself."""

    place: str
    reason: str
    payload: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Readings as columns, in the order of arrival.

    series: index into `keys`. times: microseconds since 1970-01-01 UTC. values: NaN stands for none. statuses: OPC UA
    codes. texts and text: a reading with text has its index into `texts` in `text`, others have -1; its number comes
    from the labels of its series.
    """

    keys: Sequence[SeriesKey]
    series: NDArray[np.int32]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    statuses: NDArray[np.uint32]
    text: NDArray[np.int32]
    texts: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.series)

    def only(self, keep: NDArray[np.bool_]) -> Self:
        """The readings where `keep` is true; keys and texts stay."""
        if bool(keep.all()):
            return self
        return type(self)(
            self.keys, self.series[keep], self.times[keep], self.values[keep], self.statuses[keep],
            self.text[keep], self.texts,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What a decoder made of a body, or of one part of it."""

    batch: Batch
    refusals: list[Refusal] = field(default_factory=list)
    blank: int = 0
    """Lines or rows that hold nothing to store: comments and empty ones."""


def of_columns(
    keys: Sequence[SeriesKey],
    series: Sequence[int],
    times: Sequence[int],
    values: Sequence[float],
    statuses: Sequence[int],
    text: Sequence[int],
    texts: Sequence[str],
) -> Batch:
    """A batch of plain lists, as a slow path gathers them."""
    return Batch(
        keys,
        np.asarray(series, np.int32),
        np.asarray(times, np.int64),
        np.asarray(values, np.float64),
        np.asarray(statuses, np.uint32),
        np.asarray(text, np.int32),
        texts,
    )


def joined(batches: Sequence[Batch]) -> Batch:
    """One batch of several, in their order; the same key from two batches becomes one."""
    if len(batches) == 1:
        return batches[0]
    places: dict[SeriesKey, int] = {}
    texts: list[str] = []
    series, text = [], []
    for batch in batches:
        place = np.fromiter((places.setdefault(key, len(places)) for key in batch.keys), np.int32, len(batch.keys))
        series.append(place[batch.series])
        text.append(np.where(batch.text == NO_TEXT, NO_TEXT, batch.text + np.int32(len(texts))))
        texts.extend(batch.texts)
    return Batch(
        list(places),
        np.concatenate(series),
        np.concatenate([batch.times for batch in batches]),
        np.concatenate([batch.values for batch in batches]),
        np.concatenate([batch.statuses for batch in batches]),
        np.concatenate(text).astype(np.int32),
        texts,
    )
