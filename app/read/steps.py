"""Buckets: many keys in, columns out; fixed steps by one statement a plan, calendar steps by one for all zones."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import NamedTuple

import isodate
import numpy as np

from app.domain import calendar_plan, tiers
from app.domain.calendar import CalendarStep, edges
from app.domain.calendar_plan import CalendarPlan, plan_calendar
from app.domain.filling import Fill, spread
from app.domain.finality import NO_REVISIONS, Revisions
from app.domain.instants import width
from app.domain.model import PlantCalendar, Series, SeriesId
from app.domain.spans import Span
from app.domain.tiers import Freshness, Plan, plan_buckets
from app.read.columns import Buckets, Counts
from app.read.moment import Moment
from app.store.buckets import BucketReader, Columns
from app.store.calendar_buckets import CalendarReader
from app.store.raw import RawReader
from app.store.revisions import RevisionReader

COUNTS = frozenset({"good", "uncertain"})
REVISIONS = "revisions"
USUAL_STEPS = [timedelta(seconds=s) for s in (1, 10, 60, 300, 900, 3_600, 21_600, 86_400, 604_800)]

AnyPlan = Plan | CalendarPlan


class BucketKey(NamedTuple):
    """Buckets of one series: range, a fixed step (microseconds) or one of the calendar, how empty ones are filled, and
    what is looked at: measures, and REVISIONS."""

    series: Series
    asked: Span
    step: int | CalendarStep
    fill: Fill
    looked_at: frozenset[str]

    @property
    def measures(self) -> frozenset[str]:
        """What must be read for it."""
        carried = {"last"} if self.fill is Fill.PREVIOUS else set()
        return (COUNTS | self.looked_at | carried) - {REVISIONS}


class StepReader:
    """Answers the buckets of one request."""

    def __init__(
        self,
        buckets: BucketReader,
        calendars: CalendarReader,
        raw: RawReader,
        revisions: RevisionReader,
        moment: Moment,
    ) -> None:
        self._buckets = buckets
        self._calendars = calendars
        self._raw = raw
        self._revisions = revisions
        self._moment = moment

    async def buckets(self, keys: Sequence[BucketKey]) -> list[Buckets]:
        """The buckets of every key, in key order."""
        fresh = await self._moment.fresh()
        plans = _plans(keys, fresh)
        self._moment.charge(_prices(keys, plans), lambda: self._fitting_step(keys, fresh))
        found = await self._columns(keys, plans)
        # After the buckets: what changed between the two statements is called revised a moment early, never late.
        revised = await self._revised(keys, plans)
        previous = await self._previous(keys, plans)
        answers = []
        for place, (key, plan) in enumerate(zip(keys, plans, strict=True)):
            columns = found[place] or {name: np.empty(0) for name in ("start", *key.measures)}
            if key.fill is not Fill.NONE:
                columns = spread(columns, _starts(plan, self._moment.now))
            answers.append(
                Buckets(
                    key.series.shown_unit,
                    plan.tier,
                    _ends(plan, columns["start"].astype(np.int64)),
                    self._moment.now,
                    key.series.metric,
                    columns,
                    fresh,
                    revised.get(key.series.id, NO_REVISIONS),
                    key.fill,
                    previous.get((key.series.id, _span(plan).start), np.nan),
                )
            )
        return answers

    async def _columns(self, keys: Sequence[BucketKey], plans: Sequence[AnyPlan]) -> list[Columns | None]:
        """In key order; None for a series without rows."""
        fixed: dict[Plan, list[int]] = defaultdict(list)
        calendar: dict[tuple[CalendarStep, Span], list[int]] = defaultdict(list)
        for place, (key, plan) in enumerate(zip(keys, plans, strict=True)):
            if isinstance(plan, Plan):
                fixed[plan].append(place)
            elif isinstance(key.step, CalendarStep):
                calendar[key.step, key.asked].append(place)
        found: list[Columns | None] = [None] * len(keys)
        for plan, places in fixed.items():
            ids, measures = _wanted(keys, places)
            answer = await self._buckets.buckets_by_series(ids, plan, measures)
            for place in places:
                found[place] = answer.get(keys[place].series.id)
        for places in calendar.values():
            groups: dict[PlantCalendar, tuple[dict[SeriesId, None], CalendarPlan]] = {}
            for place in places:
                plan = plans[place]
                if isinstance(plan, CalendarPlan):
                    groups.setdefault(keys[place].series.calendar, ({}, plan))[0][keys[place].series.id] = None
            _, measures = _wanted(keys, places)
            wanted = [(list(ids), plan) for ids, plan in groups.values()]
            answer = await self._calendars.buckets_by_series(wanted, measures)
            for place in places:
                found[place] = answer.get(keys[place].series.id)
        return found

    async def _revised(self, keys: Sequence[BucketKey], plans: Sequence[AnyPlan]) -> Mapping[SeriesId, Revisions]:
        """Of all series of which somebody looks at it, in one statement over all their ranges."""
        both = zip(keys, plans, strict=True)
        wanted = [(key.series.id, _span(plan)) for key, plan in both if REVISIONS in key.looked_at]
        if not wanted:
            return {}
        span = Span(min(span.start for _, span in wanted), max(span.end for _, span in wanted))
        return await self._revisions.by_series(list(dict.fromkeys(series for series, _ in wanted)), span)

    async def _previous(
        self, keys: Sequence[BucketKey], plans: Sequence[AnyPlan]
    ) -> Mapping[tuple[SeriesId, int], float]:
        """The last usable values before ranges, by series and start, where one is to be carried on."""
        wanted = [
            (key.series.id, _span(plan).start)
            for key, plan in zip(keys, plans, strict=True)
            if key.fill is Fill.PREVIOUS
        ]
        return await self._raw.previous(list(dict.fromkeys(wanted))) if wanted else {}

    def _fitting_step(self, keys: Sequence[BucketKey], fresh: Freshness) -> str:
        left = self._moment.budget.limit - self._moment.budget.spent
        for step in USUAL_STEPS:
            longer = [key._replace(step=width(step)) for key in keys]
            if sum(_prices(longer, _plans(longer, fresh))) <= left:
                return f"The smallest usual step that fits is {isodate.duration_isoformat(step)}."
        return "No step fits: ask for a shorter range or fewer series."


def _plans(keys: Sequence[BucketKey], fresh: Freshness) -> list[AnyPlan]:
    @cache
    def fixed(asked: Span, step: int) -> Plan:
        return plan_buckets(asked, step, fresh)

    @cache
    def calendar(asked: Span, step: CalendarStep, by: PlantCalendar) -> CalendarPlan:
        return plan_calendar(edges(step, *by, asked), fresh)

    return [
        calendar(key.asked, key.step, key.series.calendar)
        if isinstance(key.step, CalendarStep)
        else fixed(key.asked, key.step)
        for key in keys
    ]


def _prices(keys: Sequence[BucketKey], plans: Sequence[AnyPlan]) -> Iterable[int]:
    """Filled buckets are answered whether there are readings or not."""
    for key, plan in zip(keys, plans, strict=True):
        interval = key.series.metric.interval if key.series.metric else None
        if isinstance(plan, Plan):
            rows = tiers.price(plan, interval, key.series.received)
        else:
            rows = calendar_plan.price(plan, interval, key.series.received)
        yield rows if key.fill is Fill.NONE else max(rows, plan.steps)


def _wanted(keys: Sequence[BucketKey], places: Sequence[int]) -> tuple[list[SeriesId], set[str]]:
    return (
        list(dict.fromkeys(keys[place].series.id for place in places)),
        {measure for place in places for measure in keys[place].measures},
    )


def _span(plan: AnyPlan) -> Span:
    return Span(plan.start, plan.end) if isinstance(plan, Plan) else Span(int(plan.edges[0]), int(plan.edges[-1]))


def _starts(plan: AnyPlan, now: int) -> Counts:
    """Of all buckets of the range that have begun."""
    starts = np.arange(plan.start, plan.end, plan.width) if isinstance(plan, Plan) else plan.edges[:-1]
    return starts[starts < now]


def _ends(plan: AnyPlan, starts: Counts) -> Counts:
    if isinstance(plan, Plan):
        return starts + plan.width
    return plan.edges[np.searchsorted(plan.edges, starts) + 1]
