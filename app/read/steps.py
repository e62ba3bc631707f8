"""Buckets: many keys in, columns out; fixed steps by one statement a plan, calendar steps by one for all zones."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import NamedTuple

import isodate
import numpy as np

from app.domain import calendar_plan, tiers
from app.domain.asking import Bill
from app.domain.calendar import CalendarStep, edges, kept_days
from app.domain.calendar_plan import CalendarPlan, plan_calendar, plan_shifted
from app.domain.counters import Drops
from app.domain.filling import Fill, spread
from app.domain.finality import NO_REVISIONS, Revisions
from app.domain.instants import width
from app.domain.model import MetricKind, PlantCalendar, Series, SeriesId
from app.domain.spans import Span
from app.domain.tiers import Freshness, Plan, plan_buckets
from app.domain.units import Shown
from app.read.columns import Buckets, Counts
from app.read.moment import Moment
from app.store.buckets import BucketReader, Columns
from app.store.calendar_buckets import CalendarReader
from app.store.counter_events import CounterEvents
from app.store.last_values import LastValues
from app.store.revisions import RevisionReader

COUNTS = frozenset({"good", "uncertain"})
EXTREMES = frozenset({"minimum", "maximum"})
REVISIONS = "revisions"
INCREASE = "increase"
MEAN = "mean"
COUNTED = "counted"
LEAN = frozenset({MEAN, "minimum", "maximum", "first", "last", REVISIONS})
"""Where no more is looked at, the mean is made in the database, and no counts are read."""
USUAL_STEPS = [timedelta(seconds=s) for s in (1, 10, 60, 300, 900, 3_600, 21_600, 86_400, 604_800)]

AnyPlan = Plan | CalendarPlan
Received = Callable[[SeriesId], int]
"""How many readings there are of a series."""


class BucketKey(NamedTuple):
    """Buckets of one series: range, a fixed step (microseconds) or one of the calendar, how empty ones are filled,
    what is looked at (measures, REVISIONS, INCREASE, MEAN, and COUNTED for counts), and the unit, where it is not the
    one that is shown anyhow."""

    series: Series
    asked: Span
    step: int | CalendarStep
    fill: Fill
    looked_at: frozenset[str]
    asked_unit: Shown | None = None
    offset: int | None = None
    """Microseconds: what is answered for `[start, end)` was read so much later."""

    @property
    def shown(self) -> Shown:
        return self.asked_unit or self.series.shown

    @property
    def measures(self) -> frozenset[str]:
        """What must be read for it."""
        carried = {"last"} if self.fill is Fill.PREVIOUS else set()
        grown = {"first", "last", "last_at"} if self.counts else set()
        turned = EXTREMES if self.shown.conversion.turns and self.looked_at & EXTREMES else set()
        looked_at = self.looked_at
        if not self.is_lean:
            looked_at = looked_at - {MEAN} | COUNTS | ({"sum"} if MEAN in looked_at else set())
        return (looked_at | carried | grown | turned) - {REVISIONS, INCREASE, COUNTED}

    @property
    def is_lean(self) -> bool:
        fixed = isinstance(self.step, int) and self.offset is None
        return fixed and self.fill is Fill.NONE and MEAN in self.looked_at and self.looked_at <= LEAN

    @property
    def counts(self) -> bool:
        """Whether somebody looks at the increase of a counter."""
        metric = self.series.metric
        return INCREASE in self.looked_at and metric is not None and metric.kind is MetricKind.COUNTER


class StepReader:
    """Answers the buckets of one request."""

    def __init__(
        self,
        buckets: BucketReader,
        calendars: CalendarReader,
        last_values: LastValues,
        events: CounterEvents,
        revisions: RevisionReader,
        moment: Moment,
    ) -> None:
        self._buckets = buckets
        self._calendars = calendars
        self._last_values = last_values
        self._events = events
        self._revisions = revisions
        self._moment = moment

    async def buckets(self, keys: Sequence[BucketKey]) -> list[Buckets]:
        """The buckets of every key, in key order."""
        fresh = await self._moment.fresh()
        plans = _plans(keys, fresh)
        received = self._moment.received
        await self._moment.pay(
            Bill(
                lambda _: sum(_prices(keys, plans, received)),
                lambda left: _fitting_step(keys, fresh, left, received),
                points=lambda _: sum(_points(key, plan, received) for key, plan in zip(keys, plans, strict=True)),
                series=[key.series.id for key in keys],
            )
        )
        found = await self._columns(keys, plans)
        # After the buckets: what changed between the statements is called revised a moment early, never late, and a
        # drop that came after its bucket was read is left out of it.
        revised = await self._revised(keys, plans)
        previous = await self._previous(keys, plans, fresh)
        drops = await self._drops(keys, plans, fresh)
        answers = []
        for place, (key, plan) in enumerate(zip(keys, plans, strict=True)):
            columns = found[place] or {name: np.empty(0) for name in ("start", *key.measures)}
            if key.fill is not Fill.NONE:
                columns = spread(columns, _starts(plan, self._moment.now))
            answers.append(
                Buckets(
                    key.shown.unit,
                    plan.tier,
                    _ends(plan, columns["start"].astype(np.int64)),
                    self._moment.now,
                    key.series.metric,
                    columns,
                    fresh,
                    revised.get(key.series.id, NO_REVISIONS),
                    key.fill,
                    previous.get((key.series.id, _span(plan).start), np.nan),
                    drops.get(key.series.id),
                    key.shown.conversion,
                    key.offset or 0,
                )
            )
        return answers

    async def _columns(self, keys: Sequence[BucketKey], plans: Sequence[AnyPlan]) -> list[Columns | None]:
        """In key order; None for a series without rows."""
        fixed: dict[Plan, list[int]] = defaultdict(list)
        others: dict[tuple[int | CalendarStep, Span], list[int]] = defaultdict(list)
        for place, (key, plan) in enumerate(zip(keys, plans, strict=True)):
            if isinstance(plan, Plan):
                fixed[plan].append(place)
            else:
                others[key.step, key.asked].append(place)
        found: list[Columns | None] = [None] * len(keys)
        for plan, places in fixed.items():
            ids, measures = _wanted(keys, places)
            answer = await self._buckets.buckets_by_series(ids, plan, measures)
            for place in places:
                found[place] = answer.get(keys[place].series.id)
        for places in others.values():
            groups: dict[PlantCalendar | int, tuple[dict[SeriesId, None], CalendarPlan]] = {}
            for place in places:
                key, plan = keys[place], plans[place]
                if isinstance(plan, CalendarPlan):
                    edges_of = key.series.calendar if key.offset is None else key.offset
                    groups.setdefault(edges_of, ({}, plan))[0][key.series.id] = None
            _, measures = _wanted(keys, places)
            wanted = [(list(ids), plan) for ids, plan in groups.values()]
            answer = await self._calendars.buckets_by_series(wanted, measures)
            for place in places:
                found[place] = answer.get(keys[place].series.id)
        return found

    async def _revised(self, keys: Sequence[BucketKey], plans: Sequence[AnyPlan]) -> Mapping[SeriesId, Revisions]:
        """Of all series of which somebody looks at it, in one statement over all their ranges."""
        wanted = [place for place, key in enumerate(keys) if REVISIONS in key.looked_at]
        if not wanted:
            return {}
        ids = list(dict.fromkeys(keys[place].series.id for place in wanted))
        return await self._revisions.by_series(ids, _around(plans, wanted))

    async def _previous(
        self, keys: Sequence[BucketKey], plans: Sequence[AnyPlan], fresh: Freshness
    ) -> Mapping[tuple[SeriesId, int], float]:
        """The last usable values before ranges, by series and start, where one is carried on or counted from."""
        wanted = [
            (key.series.id, _span(plan).start)
            for key, plan in zip(keys, plans, strict=True)
            if key.fill is Fill.PREVIOUS or key.counts
        ]
        return await self._last_values.before(list(dict.fromkeys(wanted)), fresh)

    async def _drops(
        self, keys: Sequence[BucketKey], plans: Sequence[AnyPlan], fresh: Freshness
    ) -> Mapping[SeriesId, Drops]:
        """Of all counters of which somebody looks at the increase."""
        wanted = [place for place, key in enumerate(keys) if key.counts]
        if not wanted:
            return {}
        series = {keys[place].series.id: keys[place].series for place in wanted}
        return await self._events.events(list(series.values()), _around(plans, wanted), fresh)


def _fitting_step(keys: Sequence[BucketKey], fresh: Freshness, left: int, received: Received) -> str:
    for step in USUAL_STEPS:
        longer = [key._replace(step=width(step)) for key in keys]
        if sum(_prices(longer, _plans(longer, fresh), received)) <= left:
            return f"The smallest usual step that fits is {isodate.duration_isoformat(step)}."
    return "No step fits: ask for a shorter range or fewer series."


def _plans(keys: Sequence[BucketKey], fresh: Freshness) -> list[AnyPlan]:
    @cache
    def fixed(asked: Span, step: int) -> Plan:
        return plan_buckets(asked, step, fresh)

    @cache
    def calendar(asked: Span, step: CalendarStep, by: PlantCalendar) -> CalendarPlan:
        found = edges(step, by.time_zone, by.production_day_starts, asked)
        return plan_calendar(found, fresh, _kept(step, by, found))

    @cache
    def shifted(asked: Span, step: int, offset: int) -> CalendarPlan:
        return plan_shifted(asked, step, offset, fresh)

    def plan(key: BucketKey) -> AnyPlan:
        if isinstance(key.step, CalendarStep):
            return calendar(key.asked, key.step, key.series.calendar)
        if key.offset is not None:
            return shifted(key.asked, key.step, key.offset)
        return fixed(key.asked, key.step)

    return [plan(key) for key in keys]


def _kept(step: CalendarStep, by: PlantCalendar, found: Counts) -> Counts | None:
    if by.kept_since is None:
        return None
    return kept_days(step, by.time_zone, by.production_day_starts, by.kept_since, Span(int(found[0]), int(found[-1])))


def _prices(keys: Sequence[BucketKey], plans: Sequence[AnyPlan], received: Received) -> Iterable[int]:
    """Filled buckets are answered whether there are readings or not, and shifted ones are asked for one by one."""
    for key, plan in zip(keys, plans, strict=True):
        interval = key.series.metric.interval if key.series.metric else None
        if isinstance(plan, Plan):
            rows = tiers.price(plan, interval, received(key.series.id))
        else:
            rows = calendar_plan.price(plan, interval, received(key.series.id))
        yield rows if key.fill is Fill.NONE and key.offset is None else max(rows, plan.steps)


def _points(key: BucketKey, plan: AnyPlan, received: Received) -> int:
    return plan.steps if key.fill is not Fill.NONE else min(plan.steps, received(key.series.id))


def _wanted(keys: Sequence[BucketKey], places: Sequence[int]) -> tuple[list[SeriesId], set[str]]:
    return (
        list(dict.fromkeys(keys[place].series.id for place in places)),
        {measure for place in places for measure in keys[place].measures},
    )


def _span(plan: AnyPlan) -> Span:
    return Span(plan.start, plan.end) if isinstance(plan, Plan) else Span(int(plan.edges[0]), int(plan.edges[-1]))


def _around(plans: Sequence[AnyPlan], places: Sequence[int]) -> Span:
    """From the first start of these plans to the last end."""
    spans = [_span(plans[place]) for place in places]
    return Span(min(span.start for span in spans), max(span.end for span in spans))


def _starts(plan: AnyPlan, now: int) -> Counts:
    """Of all buckets of the range that have begun."""
    starts = np.arange(plan.start, plan.end, plan.width) if isinstance(plan, Plan) else plan.edges[:-1]
    return starts[starts < now]


def _ends(plan: AnyPlan, starts: Counts) -> Counts:
    if isinstance(plan, Plan):
        return starts + plan.width
    return plan.edges[np.searchsorted(plan.edges, starts) + 1]
