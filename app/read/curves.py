"""Plots, buckets and readings: many keys in, columns out, one statement for all series that ask for the same."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import cache
from typing import NamedTuple

import isodate
import numpy as np

from app.domain.asking import Budget
from app.domain.finality import NO_REVISIONS, Revisions
from app.domain.instants import width
from app.domain.model import Series, SeriesId
from app.domain.plot import CORNERS, points_of, with_gaps
from app.domain.quality import HIGHEST_STATUS, Quality
from app.domain.spans import Span
from app.domain.tiers import Freshness, Plan, plan_buckets, plan_plot, price
from app.read.columns import Buckets, Plot, Readings, milliseconds
from app.read.pages import cursor_of, page_size, place_of
from app.store.buckets import BucketReader, Columns
from app.store.raw import RawReader
from app.store.revisions import RevisionReader
from app.store.tiers import TierKeeper

PLOT_MEASURES = frozenset(name for corner in CORNERS for name in corner) | {"uncertain", "bad"}
COUNTS = frozenset({"good", "uncertain"})
REVISIONS = "revisions"
LARGEST_PAGE = 10_000
USUAL_STEPS = [timedelta(seconds=s) for s in (1, 10, 60, 300, 900, 3_600, 28_800, 86_400, 604_800)]


class PlotKey(NamedTuple):
    """One plot: the series, the range and the most columns."""

    series: Series
    asked: Span
    points: int


class BucketKey(NamedTuple):
    """Buckets of one series: range, step in microseconds, and what is looked at: measures, and REVISIONS."""

    series: Series
    asked: Span
    step: int
    measures: frozenset[str]


class PageKey(NamedTuple):
    """A page of readings of one series: from `start` on, before `end` (microseconds)."""

    series: Series
    start: int
    end: int
    size: int


def asked_page(series: Series, asked: Span, first: int, after: str | None) -> PageKey:
    """The page behind a cursor; BadInput for a size or a cursor that is not valid."""
    place = place_of(after, tuple[int])
    start = asked.start if place is None else max(asked.start, place[0] + 1)
    return PageKey(series, min(start, asked.end), asked.end, page_size(first, LARGEST_PAGE))


class CurveReader:
    """Answers one request: its keys pay from one budget, and see one state of the tiers and one `now`."""

    def __init__(
        self,
        buckets: BucketReader,
        raw: RawReader,
        revisions: RevisionReader,
        tiers: TierKeeper,
        budget: Budget,
        now: int,
    ) -> None:
        self._buckets = buckets
        self._raw = raw
        self._revisions = revisions
        self._tiers = tiers
        self._budget = budget
        self._now = now
        self._freshness: asyncio.Task[Freshness] | None = None

    async def plots(self, keys: Sequence[PlotKey]) -> list[Plot]:
        """The curve of every key, in key order."""
        fresh = await self._fresh()
        plan_of = cache(lambda asked, points: plan_plot(asked, points, fresh))
        plans = [plan_of(key.asked, key.points) for key in keys]
        self._charge(zip(plans, keys, strict=True), lambda: "Ask for a shorter range or fewer series.")
        found = await self._columns((plan, key.series.id, PLOT_MEASURES) for plan, key in zip(plans, keys, strict=True))
        return [_plot(key.series, plan, found[plan].get(key.series.id)) for plan, key in zip(plans, keys, strict=True)]

    async def buckets(self, keys: Sequence[BucketKey]) -> list[Buckets]:
        """The buckets of every key, in key order."""
        fresh = await self._fresh()
        plan_of = cache(lambda asked, step: plan_buckets(asked, step, fresh))
        plans = [plan_of(key.asked, key.step) for key in keys]
        self._charge(zip(plans, keys, strict=True), lambda: _fitting_step(keys, fresh, self._budget))
        found = await self._columns(
            (plan, key.series.id, COUNTS | key.measures - {REVISIONS}) for plan, key in zip(plans, keys, strict=True)
        )
        # After the buckets: what changed between the two statements is called revised a moment early, never late.
        revised = await self._revised(zip(plans, keys, strict=True))
        return [
            Buckets(
                key.series.shown_unit, plan.tier, key.step, self._now, key.series.metric,
                found[plan].get(key.series.id) or _nothing(key.measures),
                fresh, revised.get(key.series.id, NO_REVISIONS),
            )
            for plan, key in zip(plans, keys, strict=True)
        ]  # fmt: skip

    async def pages(self, keys: Sequence[PageKey]) -> list[Readings]:
        """A page of readings of every key, in key order."""
        self._budget.charge(sum(key.size for key in keys), lambda: "Ask for fewer readings with first:.")
        groups: dict[tuple[int, int], list[PageKey]] = defaultdict(list)
        for key in keys:
            groups[key.end, key.size].append(key)
        found: dict[PageKey, Columns | None] = {}
        for (end, size), group in groups.items():
            pages = await self._raw.pages([(key.series.id, key.start) for key in group], end, size + 1)
            found |= dict(zip(group, pages, strict=True))
        return [_readings(key, found[key]) for key in keys]

    async def _fresh(self) -> Freshness:
        if self._freshness is None:
            self._freshness = asyncio.ensure_future(self._tiers.freshness())
        return await self._freshness

    async def _revised(self, plans: Iterable[tuple[Plan, BucketKey]]) -> dict[SeriesId, Revisions]:
        """Of all series of which somebody looks at it, in one statement over all their ranges."""
        wanted = [(plan, key.series.id) for plan, key in plans if REVISIONS in key.measures]
        if not wanted:
            return {}
        span = Span(min(plan.start for plan, _ in wanted), max(plan.end for plan, _ in wanted))
        return await self._revisions.by_series(list({series: None for _, series in wanted}), span)

    def _charge(self, plans: Iterable[tuple[Plan, PlotKey | BucketKey]], hint: Callable[[], str]) -> None:
        self._budget.charge(sum(_price(plan, key.series) for plan, key in plans), hint)

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


def _nothing(measures: Iterable[str]) -> Columns:
    """The columns of a series without rows."""
    return {name: np.empty(0) for name in ("start", *COUNTS, *measures)}


def _plot(series: Series, plan: Plan, columns: Columns | None) -> Plot:
    if columns is None:
        return Plot(series.shown_unit, np.empty(0), np.empty(0), Quality.GOOD, plan.tier)
    gap = series.metric.gap if series.metric else None
    times, values, _ = with_gaps(points_of(columns), gap, _interval(series))
    worst = Quality.BAD if columns["bad"].any() else Quality.UNCERTAIN if columns["uncertain"].any() else Quality.GOOD
    return Plot(series.shown_unit, milliseconds(times), values, worst, plan.tier)


def _readings(key: PageKey, columns: Columns | None) -> Readings:
    if columns is None:
        return Readings(key.series.shown_unit, np.empty(0), np.empty(0), np.empty(0), None, has_next_page=False)
    times = columns["time"][: key.size].astype(np.int64)
    statuses = columns["quality"][: key.size].astype(np.int64) & HIGHEST_STATUS
    return Readings(
        key.series.shown_unit, milliseconds(times), columns["value"][: key.size].astype(np.float64),
        statuses.astype(np.float64), cursor_of(int(times[-1])), len(columns["time"]) > key.size,
    )  # fmt: skip


def _interval(series: Series) -> timedelta | None:
    return series.metric.interval if series.metric else None


def _price(plan: Plan, series: Series) -> int:
    return price(plan, _interval(series), series.received)


def _fitting_step(keys: Sequence[BucketKey], fresh: Freshness, budget: Budget) -> str:
    for step in USUAL_STEPS:
        plans = [(plan_buckets(key.asked, width(step), fresh), key.series) for key in keys]
        if sum(_price(plan, series) for plan, series in plans) <= budget.limit - budget.spent:
            return f"The smallest usual step that fits is {isodate.duration_isoformat(step)}."
    return "No step fits: ask for a shorter range or fewer series."
