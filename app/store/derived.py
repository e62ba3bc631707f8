"""Keeps derived series: steps that the watermark passes, those that late readings touch, and all that was before."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import LiteralString, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.derived_steps import Buckets, derived_steps, needed
from app.domain.formulas import Function
from app.domain.instants import MINUTE, instant, width
from app.domain.model import SeriesId
from app.domain.quality import BAD_NO_DATA, GOOD, UNCERTAIN
from app.domain.rows import Rows, settled
from app.domain.spans import Span, at_most, merged, overlapping
from app.domain.tiers import LONG_AGO, Freshness, on_step, plan_buckets
from app.store.buckets import BucketReader
from app.store.columns import Integers
from app.store.counter_events import CounterEvents
from app.store.database import Database
from app.store.derived_catalog import Derivations, Derived, DerivedCatalog, Group
from app.store.drops import DropFinder
from app.store.engines import CHUNK
from app.store.last_values import LastValues
from app.store.readings import ReadingWriter

AT_ONCE = (60 * MINUTE, 360 * MINUTE, 1_440 * MINUTE)
"""How much of what is older is derived in a piece, from the first of a turn on: all tiers are refreshed there."""
CELLS = 300_000
"""Steps of machines that are derived at a time: some ten megabytes an aggregate."""
SPANS_A_WEEK = 8
"""Late readings between which less is derived again than that are taken together."""

USABLE: LiteralString = """
SELECT array_agg(series_id), array_agg(time) FROM readings
WHERE series_id = ANY(%(series)s) AND time >= %(start)s AND time < %(end)s AND quality >= 0
"""


class DerivedSeries:
    """One turn's derivations; nothing is read but one statement where nothing is derived."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._catalog = DerivedCatalog(database)
        self._buckets = BucketReader(database)
        self._last_values = LastValues(database)
        self._events = CounterEvents(database)
        self._finder = DropFinder(database)
        self._writer = ReadingWriter(database, derived=True)
        self._derivations = Derivations([], {}, [])

    async def begin(self, freshness: Freshness) -> list[str]:
        """What is derived, and why something is not, a sentence each."""
        self._derivations = await self._catalog.derivations(freshness.watermark)
        return self._derivations.faults

    async def keep_up(self, span: Span, freshness: Freshness, examined: Freshness) -> bool:
        """Derives the steps that end in a span that the watermark is about to pass, before any tier is refreshed
        there, and after counters were examined; whether that has changed something behind the watermark, which is
        noted then."""
        changed = await self._through([], span, freshness, examined)
        return any(part.start < freshness.watermark for part in changed)

    async def rework(self, spans: Sequence[Span], freshness: Freshness) -> bool:
        """Derives again what late readings in these spans have touched; whether that has changed anything."""
        if not self._derivations.groups or not spans:
            return False
        touched = _thinned(spans)
        touched += await self._next_of_counters(touched, freshness)
        return bool(await self._through(touched, Span(freshness.watermark, freshness.watermark), freshness, freshness))

    async def _through(
        self, touched: Sequence[Span], passed: Span, freshness: Freshness, examined: Freshness
    ) -> list[Span]:
        """One group after the other: the steps that meet what was touched, and those that end in what the watermark
        passes; where something has changed."""
        touched, changed = list(touched), list[Span]()
        for group in self._derivations.groups:
            first, until = on_step(passed.start, group.every), on_step(passed.end, group.every)
            steps = [Span(on_step(start, group.every), on_step(end - 1, group.every) + group.every)
                     for start, end in _thinned(touched)]  # fmt: skip
            for each in overlapping(merged([*steps, Span(first, until)]), freshness.gone[0], until):
                changed += await self._derive(group, each, _with(freshness, changed), examined)
                # Whoever is made of these looks where they stand: at the starts of their steps.
                touched.append(Span(each.start, each.end - group.every + MINUTE))
        return changed

    def older(self, chunks: Collection[int], freshness: Freshness, length: int) -> Span | None:
        """A piece no longer than that before all that is derived, of the newest such series; None where nothing is
        left."""
        newest, week = max(self._derivations.since.values(), default=LONG_AGO), width(CHUNK)
        kept = overlapping((Span(n * week, (n + 1) * week) for n in sorted(chunks)), freshness.gone[0], newest)
        if kept:
            return Span(max(kept[-1].start, (kept[-1].end - 1) // length * length), kept[-1].end)
        return Span(LONG_AGO, LONG_AGO) if newest > LONG_AGO else None

    async def go_back(self, span: Span, freshness: Freshness) -> None:
        """Derives what is `older`."""
        since = self._derivations.since
        late = frozenset(series for series, at in since.items() if at > span.start)
        since.update(dict.fromkeys(late, span.start))
        changed: list[Span] = []
        for group in self._derivations.groups if span.start < span.end else ():
            end = min(span.end + group.every - 1, freshness.watermark)
            steps = Span(on_step(span.start, group.every), on_step(end, group.every))
            changed += await self._derive(group, steps, _with(freshness, changed), freshness, late)

    async def went_back(self, span: Span) -> None:
        """Notes that what is `older` was derived, or that it will be."""
        late = [series for series, at in self._derivations.since.items() if at == span.start]
        await self._catalog.went_back(span.start, late)

    async def _next_of_counters(self, touched: Sequence[Span], freshness: Freshness) -> list[Span]:
        """Where the first readings behind these spans are: what a counter has grown by there has changed too."""
        counters = {
            series.id
            for group in self._derivations.groups
            for derived in group.derived
            for metric in _grown(derived)
            for series in (member.inputs[metric] for member in derived.members)
        }
        edges = [span.end for span in touched if span.end < freshness.watermark]
        found = await self._finder.behind(sorted(counters), edges, freshness.watermark, freshness)
        return [Span(at, at + 1) for at in np.unique(found.times // MINUTE * MINUTE).tolist()]

    async def _derive(
        self,
        group: Group,
        steps: Span,
        freshness: Freshness,
        examined: Freshness,
        only: Collection[SeriesId] | None = None,
    ) -> list[Span]:
        """Where something has changed. `examined` tells how far the drops of counters are known."""
        derived = [_chosen(each, steps.end, self._derivations.since, only) for each in group.derived]
        cells = sum(len(each.members) * (1 + len(each.kpi.computation.inputs)) for each in derived)
        if not cells:
            return []
        changed = []
        length = max(CELLS // cells, 1) * group.every
        for start in range(steps.start, steps.end, length):
            part = Span(start, min(start + length, steps.end))
            rows = await self._rows(derived, group.every, part, freshness, examined)
            stored = await self._writer.store(rows) if len(rows) else None
            if stored and (stored.new or stored.corrected):
                changed.append(part)
        return changed

    async def _rows(
        self, derived: Sequence[Derived], every: int, part: Span, freshness: Freshness, examined: Freshness
    ) -> Rows:
        inputs = {series.id: series for each in derived for member in each.members for series in member.inputs.values()}
        functions = [each.function for one in derived for each in one.kpi.computation.inputs]
        plan = plan_buckets(part, every, freshness)
        columns = await self._buckets.buckets_by_series(list(inputs), plan, needed(functions))
        counters = [member.inputs[metric] for each in derived for metric in _grown(each) for member in each.members]
        # After the buckets: a drop that came after its bucket was read is left out of it.
        previous = await self._last_values.before([(series.id, part.start) for series in counters], freshness)
        drops = await self._events.events(counters, part, examined)
        usable = await self._usable([member.series for each in derived for member in each.members], part)
        buckets = {
            number: Buckets(
                found, previous.get((number, part.start), np.nan), drops.get(number), inputs[number].shown.conversion
            )
            for number, found in columns.items()
        }
        return await asyncio.to_thread(_settled, derived, every, part, buckets, usable, self._derivations.since)

    async def _usable(self, ids: Sequence[SeriesId], part: Span) -> "_Places":
        """Readings that are kept there, and of which some may have no value any more."""
        given = {"series": Integers(np.array(ids)), "start": instant(part.start), "end": instant(part.end)}
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(USABLE, given)
            series, times = await cursor.fetchone() or (None, None)
        if series is None or times is None:
            return _Places(np.empty(0, np.int32), np.empty(0, np.int64))
        return _Places(series.astype(np.int32), times.astype(np.int64))


class _Places(NamedTuple):
    """Readings by series and time."""

    series: NDArray[np.int32]
    times: NDArray[np.int64]


def _with(freshness: Freshness, changed: Iterable[Span]) -> Freshness:
    """What was changed just now is not refreshed yet."""
    return freshness._replace(touched=tuple(merged([*freshness.touched, *changed])))


def _thinned(spans: Iterable[Span]) -> list[Span]:
    """A few to each week."""
    weeks = groupby(merged(spans), key=lambda span: span.start // width(CHUNK))
    return [span for _, week in weeks for span in at_most(list(week), SPANS_A_WEEK)]


def _grown(derived: Derived) -> list[str]:
    """The metrics whose increase is looked at."""
    inputs = derived.kpi.computation.inputs
    return [each.metric for each in inputs if each.function is Function.INCREASE and each.metric is not None]


def _chosen(derived: Derived, end: int, since: Mapping[SeriesId, int], only: Collection[SeriesId] | None) -> Derived:
    """With the machines alone of which something before the end is derived."""
    members = [each for each in derived.members if since[each.series] < end and (only is None or each.series in only)]
    return derived._replace(members=members)


def _settled(
    derived: Sequence[Derived],
    every: int,
    part: Span,
    buckets: Mapping[SeriesId, Buckets],
    usable: _Places,
    since: Mapping[SeriesId, int],
) -> Rows:
    """A reading for every step that has a value, and one without a value for each that had one and has none now."""
    starts = np.arange(part.start, part.end, every)
    found = [_valued(each, every, starts, buckets, since) for each in derived if each.members]
    series, times, values, statuses = (np.concatenate(column) for column in zip(*found, strict=True))
    lost = ~np.isin(_keys(usable.series, usable.times, part), _keys(series, times, part))
    lost &= usable.times >= np.array([since[SeriesId(number)] for number in usable.series.tolist()], np.int64)
    return settled(
        np.concatenate([series, usable.series[lost]]),
        np.concatenate([times, usable.times[lost]]),
        np.concatenate([values, np.full(int(lost.sum()), np.nan)]),
        np.concatenate([statuses, np.full(int(lost.sum()), BAD_NO_DATA, np.uint32)]),
    )


def _valued(
    derived: Derived,
    every: int,
    starts: NDArray[np.int64],
    buckets: Mapping[SeriesId, Buckets],
    since: Mapping[SeriesId, int],
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64], NDArray[np.uint32]]:
    machines = [
        {name: buckets[each.id] for name, each in member.inputs.items() if each.id in buckets}
        for member in derived.members
    ]
    steps = derived_steps(derived.kpi, machines, int(starts[0]), every, len(starts))
    begins = np.array([since[member.series] for member in derived.members])
    rows, places = np.nonzero(~np.isnan(steps.values) & (starts >= begins[:, None]))
    ids = np.array([member.series for member in derived.members], np.int32)
    statuses = np.where(steps.uncertain[rows, places], UNCERTAIN, GOOD).astype(np.uint32)
    return ids[rows], starts[places], steps.values[rows, places], statuses


def _keys(series: NDArray[np.int32], times: NDArray[np.int64], part: Span) -> NDArray[np.int64]:
    """A number for each series and time, which is a whole minute."""
    return series.astype(np.int64) * ((part.end - part.start) // MINUTE) + (times - part.start) // MINUTE
