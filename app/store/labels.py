"""Codes of texts: a series' labels, extended as new texts arrive, up to a limit."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection as Transaction

from app.domain.model import MetricKind, SeriesId
from app.store.database import Database
from app.store.keys import one_of
from app.store.tables import metric_labels, series, series_labels

Codes = dict[tuple[SeriesId, str], int]
Texts = Mapping[SeriesId, Collection[str]]

_KNOWN = sa.text(
    """
    SELECT wanted.series_id, wanted.text, coalesce(of_metric.code, own.code), metrics.name, metrics.kind
    FROM unnest(CAST(:series AS integer[]), CAST(:texts AS text[])) AS wanted (series_id, text)
    JOIN series ON series.id = wanted.series_id
    LEFT JOIN metrics ON metrics.id = series.metric_id
    LEFT JOIN metric_labels AS of_metric ON of_metric.metric_id = metrics.id AND of_metric.text = wanted.text
    LEFT JOIN series_labels AS own ON own.series_id = wanted.series_id AND own.text = wanted.text
    """
)


class Numeric(NamedTuple):
    """A metric that takes numbers alone."""

    name: str
    kind: MetricKind


class Labels(NamedTuple):
    """The codes of texts, and the series that take no texts, with their metrics."""

    codes: Codes
    numeric: Mapping[SeriesId, Numeric]


class LabelStore:
    """The metric's own labels come first, then the next free code for each new text.

    Nothing is remembered between batches: an engineer may give a metric other labels, or make it a number, at any time.
    """

    def __init__(self, database: Database, *, limit: int) -> None:
        self._database = database
        self._limit = limit

    async def codes(self, wanted: Texts) -> Labels:
        """Codes of these texts, in the order in which new ones are given.

        A text beyond the limit has none, and no text of a series whose metric is a number.
        """
        found = await self._known(wanted)
        new = {
            number: left
            for number in sorted(wanted.keys() - found.numeric.keys())
            if (left := [text for text in wanted[number] if (number, text) not in found.codes])
        }
        if not new:
            return found
        async with self._database.begin() as transaction:
            return Labels(found.codes | await self._learnt(transaction, new), found.numeric)

    async def _known(self, wanted: Texts) -> Labels:
        columns = {
            "series": [number for number, texts in wanted.items() for _ in texts],
            "texts": [text for texts in wanted.values() for text in texts],
        }
        async with self._database.asking() as connection:
            rows = (await connection.execute(_KNOWN, columns)).all()
        codes: Codes = {}
        numeric: dict[SeriesId, Numeric] = {}
        for number, text, code, name, kind in rows:
            if kind is not None and kind != MetricKind.STATE.value:
                numeric[SeriesId(number)] = Numeric(name, MetricKind(kind))
            elif code is not None:
                codes[SeriesId(number), text] = code
        return Labels(codes, numeric)

    async def _learnt(self, transaction: Transaction, wanted: Texts) -> Codes:
        ids = list(wanted)
        # The lock keeps two bodies from giving one code to two texts.
        await transaction.execute(
            sa.select(series.c.id).where(one_of(series.c.id, ids)).order_by(series.c.id).with_for_update()
        )
        of_metric = (
            sa.select(series.c.id, metric_labels.c.text, metric_labels.c.code)
            .join(metric_labels, metric_labels.c.metric_id == series.c.metric_id)
            .where(one_of(series.c.id, ids))
        )
        own = sa.select(series_labels.c.series_id, series_labels.c.text, series_labels.c.code).where(
            one_of(series_labels.c.series_id, ids)
        )
        known: dict[SeriesId, dict[str, int]] = {number: {} for number in ids}
        used: dict[SeriesId, set[int]] = {number: set() for number in ids}
        for query in (own, of_metric):
            for number, text, code in await transaction.execute(query):
                known[number][text] = code
                used[number].add(code)  # also that of a text which the metric has given another code since
        new = [row for number in ids for row in self._extend(number, known[number], used[number], wanted[number])]
        if new:
            await transaction.execute(insert(series_labels), new)
        return {(number, text): code for number, labels in known.items() for text, code in labels.items()}

    def _extend(
        self, number: SeriesId, labels: dict[str, int], used: set[int], texts: Collection[str]
    ) -> list[dict[str, object]]:
        """Adds codes for the texts that have none, and returns the rows to insert."""
        added, code = [], 0
        for text in dict.fromkeys(texts):
            if text in labels or len(labels) >= self._limit:
                continue
            while code in used:
                code += 1
            labels[text] = code
            used.add(code)
            added.append({"series_id": number, "code": code, "text": text})
        return added
