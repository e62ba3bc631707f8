"""Codes of texts: a series' labels, extended as new texts arrive, up to a limit."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection as Transaction

from app.domain.model import MetricKind, SeriesId
from app.store.database import Database
from app.store.keys import one_of
from app.store.tables import metric_labels, metrics, series, series_labels

Codes = dict[tuple[SeriesId, str], int]


class Numeric(NamedTuple):
    """A metric that takes numbers alone."""

    name: str
    kind: MetricKind


class Labels(NamedTuple):
    """The codes of texts, and the series that take no texts, with their metrics."""

    codes: Codes
    numeric: Mapping[SeriesId, Numeric]


class LabelStore:
    """The metric's own labels come first, then the next free code for each new text."""

    def __init__(self, database: Database, *, limit: int) -> None:
        self._database = database
        self._limit = limit

    async def codes(self, wanted: Mapping[SeriesId, Sequence[str]]) -> Labels:
        """Codes of these texts, in the order in which new ones are given.

        A text beyond the limit has none, and no text of a series whose metric is a number.
        """
        async with self._database.begin() as transaction:
            numeric = await _numeric(transaction, sorted(wanted))
            ids = [number for number in sorted(wanted) if number not in numeric]
            return Labels(await self._codes(transaction, ids, wanted) if ids else {}, numeric)

    async def _codes(
        self, transaction: Transaction, ids: Sequence[SeriesId], wanted: Mapping[SeriesId, Sequence[str]]
    ) -> Codes:
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
        for query in (own, of_metric):
            for number, text, code in await transaction.execute(query):
                known[number][text] = code
        new = [row for number in ids for row in self._extend(number, known[number], wanted[number])]
        if new:
            await transaction.execute(insert(series_labels), new)
        return {(number, text): code for number, labels in known.items() for text, code in labels.items()}

    def _extend(self, number: SeriesId, labels: dict[str, int], texts: Sequence[str]) -> list[dict[str, object]]:
        """Adds codes for the texts that have none, and returns the rows to insert."""
        added, used, code = [], set(labels.values()), 0
        for text in dict.fromkeys(texts):
            if text in labels or len(labels) >= self._limit:
                continue
            while code in used:
                code += 1
            labels[text] = code
            used.add(code)
            added.append({"series_id": number, "code": code, "text": text})
        return added


async def _numeric(transaction: Transaction, ids: Sequence[SeriesId]) -> dict[SeriesId, Numeric]:
    """Of these series, those that belong to a GAUGE or a COUNTER."""
    query = (
        sa.select(series.c.id, metrics.c.name, metrics.c.kind)
        .join(metrics, metrics.c.id == series.c.metric_id)
        .where(one_of(series.c.id, ids), metrics.c.kind != MetricKind.STATE.value)
    )
    found = await transaction.execute(query)
    return {SeriesId(number): Numeric(name, MetricKind(kind)) for number, name, kind in found}
