"""Reads series with their labels and latest readings, many keys to a statement."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, time
from functools import cache
from typing import Any, LiteralString

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Row, Select

from app.domain.instants import microseconds
from app.domain.latest import LatestReadings
from app.domain.model import Label, MachineId, Metric, PlantCalendar, PlantId, Series, SeriesId
from app.store.catalog import metric_of
from app.store.columns import Integers
from app.store.database import Database
from app.store.keys import one_of
from app.store.tables import kept_days, latest, lines, machines, metric_labels, metrics, plants, series, series_labels

_METRIC = [column.name for column in metrics.c]
_RECEIVED: ColumnElement[int] = sa.func.coalesce(latest.c.received, 0)
_LATEST = latest.c.series_id == series.c.id
_LIVES_BY = sa.and_(
    kept_days.c.series_id == series.c.id,
    kept_days.c.time_zone == sa.func.coalesce(plants.c.time_zone, PlantCalendar().time_zone),
    kept_days.c.production_day_starts == sa.func.coalesce(plants.c.production_day_starts, sa.text("time '00:00'")),
)
RECEIVED: LiteralString = """
SELECT array_agg(coalesce(received, 0) ORDER BY place)
FROM unnest(%s) WITH ORDINALITY AS wanted (series_id, place) LEFT JOIN latest USING (series_id)
"""
LATEST: LiteralString = """
SELECT (SELECT version FROM catalog_version),
    array_agg(series_id), array_agg(time), array_agg(coalesce(value, 'NaN')), array_agg(quality), NULL
FROM latest WHERE series_id = ANY(%s)
"""
LATEST_TOLD: LiteralString = """
SELECT (SELECT version FROM catalog_version),
    array_agg(latest.series_id), array_agg(time), array_agg(coalesce(value, 'NaN')), array_agg(quality),
    array_agg(coalesce(metric_labels.text, series_labels.text))
FROM latest JOIN series ON series.id = latest.series_id
LEFT JOIN series_labels ON series_labels.series_id = latest.series_id AND series_labels.code = latest.value
LEFT JOIN metric_labels ON metric_labels.metric_id = series.metric_id AND metric_labels.code = latest.value
WHERE latest.series_id = ANY(%s)
"""
Busyness = tuple[int, int]
"""Readings received and series id: where a page of unmapped series ends."""


class SeriesCatalog:
    """Every method answers within `scope`, the one plant that a token is bound to, or everything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_id(self, scope: PlantId | None, ids: Sequence[SeriesId]) -> list[Series]:
        return _series(await self._all(_select(scope).where(one_of(series.c.id, ids))))

    async def by_machine(self, scope: PlantId | None, ids: Sequence[MachineId]) -> list[Series]:
        """All series of these machines, by metric name."""
        query = _select(scope).where(one_of(series.c.machine_id, ids)).order_by(metrics.c.name)
        return _series(await self._all(query))

    async def of_metrics(self, scope: PlantId | None, ids: Sequence[MachineId], names: Collection[str]) -> list[Series]:
        """The series of these machines that are of one of these metrics."""
        wanted = sa.and_(one_of(series.c.machine_id, ids), one_of(metrics.c.name, names))
        return _series(await self._all(_select(scope).where(wanted)))

    async def unmapped(self, search: str | None, after: Busyness | None, limit: int) -> list[tuple[Busyness, Series]]:
        """The busiest first; each with the place that the next page starts behind."""
        query = _unmapped(_select(None).add_columns(_RECEIVED.label("received")), search).outerjoin(latest, _LATEST)
        query = query.order_by(_RECEIVED.desc(), series.c.id).limit(limit)
        if after is not None:
            received, number = after
            alike = sa.and_(sa.literal(received) == _RECEIVED, series.c.id > number)
            query = query.where(sa.or_(received > _RECEIVED, alike))
        rows = await self._all(query)
        found = _series(row[:-1] for row in rows)
        return [((int(row.received), each.id), each) for row, each in zip(rows, found, strict=True)]

    async def received(self, ids: Sequence[SeriesId]) -> dict[SeriesId, int]:
        """How many readings are stored of each series."""
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(RECEIVED, (Integers(np.array(ids)),))
            [(received,)] = await cursor.fetchall()
        return dict(zip(ids, received.tolist(), strict=True))

    async def unmapped_count(self, search: str | None) -> int:
        counted = _unmapped(sa.select(series.c.id), search).subquery()
        async with self._database.asking() as connection:
            return int(await connection.scalar(sa.select(sa.func.count()).select_from(counted)) or 0)

    async def labels_by_series(self, ids: Sequence[SeriesId]) -> list[tuple[SeriesId, Label]]:
        """The metric's labels and the series' own, by code."""
        of_metric = (
            sa.select(series.c.id, metric_labels.c.code, metric_labels.c.text)
            .join(metric_labels, metric_labels.c.metric_id == series.c.metric_id)
            .where(one_of(series.c.id, ids))
        )
        own = sa.select(series_labels.c.series_id, series_labels.c.code, series_labels.c.text).where(
            one_of(series_labels.c.series_id, ids)
        )
        both = sa.union(of_metric, own).subquery()
        return [(row.id, Label(row.code, row.text)) for row in await self._all(sa.select(both).order_by(both.c.code))]

    async def latest_by_series(self, ids: NDArray[np.int32], *, texts: bool) -> LatestReadings:
        """The newest reading of each series, with the text that its value stands for, where `texts` are wanted and
        there is one."""
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(LATEST_TOLD if texts else LATEST, (Integers(ids),))
            [(version, known, times, values, statuses, words)] = await cursor.fetchall()
        if known is None:
            nothing = np.empty(0)
            known, times, values, statuses = (nothing.astype(kind) for kind in ("i4", "i8", "f8", "i4"))
        order = np.argsort(known)
        place = np.searchsorted(known, ids, sorter=order)
        there = place < len(known)
        place = order[place[there]]
        alike = known[place] == ids[there]
        there[there], place = alike, place[alike]
        found = [words[each] for each in place.tolist()] if words else [None] * len(place)
        return LatestReadings(there, times[place], values[place], statuses[place].view(np.uint32), found, version)

    async def newest_time(self, source: str) -> datetime | None:
        """The time of the newest reading of what the source names so, or None where there is none."""
        query = sa.select(latest.c.time).join(series, series.c.id == latest.c.series_id)
        async with self._database.asking() as connection:
            newest: datetime | None = await connection.scalar(query.where(series.c.source == source))
        return newest

    async def _all(self, query: Select[tuple[object, ...]]) -> Sequence[Row[tuple[object, ...]]]:
        async with self._database.asking() as connection:
            return (await connection.execute(query)).all()


def _select(scope: PlantId | None) -> Select[tuple[object, ...]]:
    query = (
        sa.select(
            series.c.id,
            series.c.source,
            series.c.machine_id,
            lines.c.plant_id,
            series.c.unmapped_reason,
            series.c.unit,
            plants.c.time_zone,
            plants.c.production_day_starts,
            kept_days.c.since,
            *metrics.c,
        )
        .outerjoin(metrics, metrics.c.id == series.c.metric_id)
        .outerjoin(machines, machines.c.id == series.c.machine_id)
        .outerjoin(lines, lines.c.id == machines.c.line_id)
        .outerjoin(plants, plants.c.id == lines.c.plant_id)
        .outerjoin(kept_days, _LIVES_BY)
    )
    return query if scope is None else query.where(lines.c.plant_id == scope)


def _unmapped(query: Select[tuple[object, ...]], search: str | None) -> Select[tuple[object, ...]]:
    query = query.where(series.c.machine_id.is_(None))
    return query.where(series.c.source.icontains(search, autoescape=True)) if search else query


def _series(rows: Iterable[Sequence[Any]]) -> list[Series]:
    """Many series have few metrics and calendars: each is made once."""
    calendar = cache(_calendar)
    known: dict[object, Metric] = {}
    found = []
    for number, source, machine, plant, reason, unit, zone, begins, since, *metric in rows:
        its_metric = None
        if (metric_id := metric[0]) is not None:
            its_metric = known.get(metric_id) or known.setdefault(
                metric_id, metric_of(dict(zip(_METRIC, metric, strict=True)))
            )
        found.append(
            Series(number, source, its_metric, machine, plant, reason, unit, calendar(plant, zone, begins, since))
        )
    return found


def _calendar(plant: PlantId | None, zone: str, begins: time, since: datetime | None) -> PlantCalendar:
    kept_since = microseconds(since) if since else None
    return PlantCalendar(kept_since=kept_since) if plant is None else PlantCalendar(zone, begins, kept_since)
