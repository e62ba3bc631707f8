"""Plots and readings: many keys in, columns out, one statement for all series that ask for the same."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import cache
from typing import NamedTuple

import numpy as np

from app.domain.asking import Bill
from app.domain.model import Series, SeriesId
from app.domain.plot import CORNERS, points_of, with_gaps
from app.domain.quality import HIGHEST_STATUS, Quality
from app.domain.spans import Span
from app.domain.tiers import TIERS, Plan, plan_plot, price
from app.domain.units import Shown
from app.read.columns import Plot, Readings, milliseconds
from app.read.moment import Moment
from app.read.pages import cursor_of, page_size, place_of
from app.store.buckets import BucketReader, Columns
from app.store.raw import RawReader

PLOT_MEASURES = frozenset(name for corner in CORNERS for name in corner)
WEIGHT = 2
"""Points that a column is charged as: its four readings with their times take up twice the memory of a bucket."""
QUALITIES = frozenset({"uncertain", "bad"})
LARGEST_PAGE = 10_000


class PlotKey(NamedTuple):
    """One plot: the series, the range, the most columns, the unit, and whether somebody looks at the worst quality."""

    series: Series
    asked: Span
    points: int
    shown: Shown
    judged: bool

    @property
    def measures(self) -> frozenset[str]:
        return PLOT_MEASURES | QUALITIES if self.judged else PLOT_MEASURES


class PageKey(NamedTuple):
    """A page of readings of one series: from `start` on, before `end` (microseconds), in a unit."""

    series: Series
    start: int
    end: int
    size: int
    shown: Shown


def asked_page(series: Series, asked: Span, first: int, after: str | None, unit: str | None) -> PageKey:
    """The page behind a cursor; BadInput for a size, a cursor or a unit that is not valid."""
    place = place_of(after, tuple[int])
    start = asked.start if place is None else max(asked.start, place[0] + 1)
    size = page_size(first, LARGEST_PAGE)
    return PageKey(series, min(start, asked.end), asked.end, size, series.shown_in(unit))


class CurveReader:
    """Answers the plots and pages of readings of one request."""

    def __init__(self, buckets: BucketReader, raw: RawReader, moment: Moment) -> None:
        self._buckets = buckets
        self._raw = raw
        self._moment = moment

    async def plots(self, keys: Sequence[PlotKey]) -> list[Plot]:
        """The curve of every key, in key order; from a coarser tier where the request would cost too much."""
        fresh, received = await self._moment.fresh(), self._moment.received

        @cache
        def plan_of(asked: Span, points: int, coarser: int) -> Plan:
            return plan_plot(asked, points, fresh, coarser)

        def rows(coarser: int) -> int:
            return sum(
                price(plan_of(key.asked, key.points, coarser), _interval(key.series), received(key.series.id))
                for key in keys
            )

        def points(coarser: int) -> int:
            columns = sum(min(plan_of(key.asked, key.points, coarser).steps, received(key.series.id)) for key in keys)
            return columns * WEIGHT

        coarser = await self._moment.pay(
            Bill(
                rows,
                lambda _: "Ask for a shorter range or fewer series.",
                len(TIERS),
                points,
                [key.series.id for key in keys],
            )  # fmt: skip
        )
        plans = [plan_of(key.asked, key.points, coarser) for key in keys]
        found = await self._columns((plan, key.series.id, key.measures) for plan, key in zip(plans, keys, strict=True))
        return [_plot(key, plan, found[plan].get(key.series.id)) for plan, key in zip(plans, keys, strict=True)]

    async def pages(self, keys: Sequence[PageKey]) -> list[Readings]:
        """A page of readings of every key, in key order."""

        def rows(_: int) -> int:
            return sum(min(key.size, self._moment.received(key.series.id)) for key in keys)

        series = [key.series.id for key in keys]
        await self._moment.pay(Bill(rows, lambda _: "Ask for fewer readings with first:.", points=rows, series=series))
        groups: dict[tuple[int, int], list[PageKey]] = defaultdict(list)
        for key in keys:
            groups[key.end, key.size].append(key)
        found: dict[PageKey, Columns | None] = {}
        for (end, size), group in groups.items():
            pages = await self._raw.pages([(key.series.id, key.start) for key in group], end, size + 1)
            found |= dict(zip(group, pages, strict=True))
        return [_readings(key, found[key]) for key in keys]

    async def _columns(
        self, wanted: Iterable[tuple[Plan, SeriesId, frozenset[str]]]
    ) -> dict[Plan, dict[SeriesId, Columns]]:
        groups: dict[Plan, tuple[dict[SeriesId, None], set[str]]] = defaultdict(lambda: ({}, set()))
        for plan, series, measures in wanted:
            groups[plan][0][series] = None
            groups[plan][1].update(measures)
        return {
            plan: await self._buckets.buckets_by_series(list(ids), plan, measures)
            for plan, (ids, measures) in groups.items()
        }


def _plot(key: PlotKey, plan: Plan, columns: Columns | None) -> Plot:
    unit, conversion = key.shown
    if columns is None:
        return Plot(unit, np.empty(0), np.empty(0), Quality.GOOD, plan.tier)
    gap = key.series.metric.gap if key.series.metric else None
    times, values, _ = with_gaps(points_of(columns), gap, _interval(key.series))
    worst = _worst(columns) if key.judged else Quality.GOOD
    return Plot(unit, milliseconds(times), conversion.values(values), worst, plan.tier)


def _worst(columns: Columns) -> Quality:
    if columns["bad"].any():
        return Quality.BAD
    return Quality.UNCERTAIN if columns["uncertain"].any() else Quality.GOOD


def _readings(key: PageKey, columns: Columns | None) -> Readings:
    unit, conversion = key.shown
    if columns is None:
        return Readings(unit, np.empty(0), np.empty(0), np.empty(0), None, has_next_page=False)
    times = columns["time"][: key.size].astype(np.int64)
    values = columns["value"][: key.size].astype(np.float64)
    statuses = columns["quality"][: key.size].astype(np.int64) & HIGHEST_STATUS
    return Readings(
        unit, milliseconds(times), conversion.values(values), statuses.astype(np.float64), cursor_of(int(times[-1])),
        len(columns["time"]) > key.size,
    )  # fmt: skip


def _interval(series: Series) -> timedelta | None:
    return series.metric.interval if series.metric else None
