"""Turns a batch of source names and texts into rows of known series."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from app.domain.addresses import SeriesKey
from app.domain.batch import NO_TEXT, Batch, Refusal
from app.domain.instants import instant
from app.domain.model import SeriesId
from app.domain.rows import Rows, settled
from app.store.labels import LabelStore, Numeric
from app.store.registration import Registration

REMEMBERED = 200_000
"""Series held in memory; beyond, all are forgotten and read again as they are needed."""

_BOOLEANS = ("false", "true")


class Resolution:
    """Remembers which series stand for which names; several batches may ask at once."""

    def __init__(self, registration: Registration, labels: LabelStore) -> None:
        self._registration = registration
        self._labels = labels
        self._series: dict[SeriesKey, SeriesId] = {}

    async def rows(self, batch: Batch) -> tuple[Rows, list[Refusal]]:
        """The batch as rows, and the readings whose text found no code or no place among numbers."""
        series = (await self._ids(batch))[batch.series]
        if not (batch.text != NO_TEXT).any():
            return settled(series, batch.times, batch.values, batch.statuses), []
        values, refused = await self._coded(batch, series)
        if not refused:
            return settled(series, batch.times, values, batch.statuses), []
        keep = np.ones(len(batch), np.bool_)
        keep[list(refused)] = False
        refusals = [refusal_of(batch, at, reason) for at, reason in refused.items()]
        return settled(series[keep], batch.times[keep], values[keep], batch.statuses[keep]), refusals

    async def _ids(self, batch: Batch) -> NDArray[np.int32]:
        """The series of every key that has readings; a key whose readings were all refused makes no series."""
        used = np.zeros(len(batch.keys), np.bool_)
        used[batch.series] = True
        places = np.flatnonzero(used).tolist()
        keys = [batch.keys[place] for place in places]
        known = {key: self._series[key] for key in keys if key in self._series}
        if new := [key for key in keys if key not in known]:
            found = await self._registration.series_by_key(new)
            if len(self._series) + len(found) > REMEMBERED:
                self._series.clear()
            self._series |= found
            known |= found
        ids = np.zeros(len(batch.keys), np.int32)
        ids[places] = [known[key] for key in keys]
        return ids

    async def _coded(self, batch: Batch, series: NDArray[np.int32]) -> tuple[NDArray[np.float64], Mapping[int, str]]:
        """Values with texts as their codes, and the readings that found none, with the reasons."""
        spoken = np.flatnonzero(batch.text != NO_TEXT)
        pairs = [
            (SeriesId(number), batch.texts[text])
            for number, text in zip(series[spoken].tolist(), batch.text[spoken].tolist(), strict=True)
        ]
        wanted: dict[SeriesId, dict[str, None]] = {}
        for number, text in dict.fromkeys(pairs):
            # Both booleans get their codes at once, so that false is 0 and true is 1 whichever comes first.
            wanted.setdefault(number, {}).update(dict.fromkeys(_BOOLEANS if text in _BOOLEANS else (text,)))
        codes, numeric = await self._labels.codes(wanted)
        values = batch.values.copy()
        values[spoken] = [codes.get(pair, np.nan) for pair in pairs]
        refused = {
            at: _reason(pair[1], numeric.get(pair[0]))
            for at, pair in zip(spoken.tolist(), pairs, strict=True)
            if pair not in codes
        }
        return values, refused


def _reason(text: str, metric: Numeric | None) -> str:
    if metric is None:
        return "the series has as many labels as it may have (LINEGRAPH_LABELS)"
    shown = repr(text if len(text) <= 60 else text[:59] + "…")
    return (
        f"the metric {metric.name} is a {metric.kind.value} and takes numbers, which {shown} is not: "
        "write it as a number, or make the metric a STATE in the model file"
    )


def refusal_of(batch: Batch, at: int, reason: str) -> Refusal:
    """A reading that has left its line behind is named by its series and time, and kept in words."""
    source, time = batch.keys[batch.series[at]].source, instant(int(batch.times[at])).isoformat()
    text = int(batch.text[at])
    value = repr(batch.texts[text]) if text != NO_TEXT else repr(float(batch.values[at]))
    return Refusal(f"{source} at {time}", reason, f"{source} {value} {time}".encode())
