"""The events of counters as they are read: kept ones, those of readings that no tier holds yet, and overrules."""

from collections import defaultdict
from collections.abc import Sequence
from typing import LiteralString

import numpy as np

from app.domain.counters import Drops, Overrule, Verdict, check_overrule, drops
from app.domain.instants import instant, microseconds
from app.domain.model import MetricKind, Series, SeriesId
from app.domain.spans import Span, merged, overlapping
from app.domain.tiers import Freshness
from app.errors import BadInput
from app.store.columns import Integers
from app.store.database import Database
from app.store.drops import DropFinder, Pairs, pairs_of

# With the counters that were scanned, in one snapshot: of the others not all is kept yet.
KEPT: LiteralString = """
SELECT array_agg(series_id), array_agg(time), array_agg(before), array_agg(after),
    (SELECT array_agg(series_id) FROM counter_scans WHERE series_id = ANY(%(series)s))
FROM counter_events WHERE series_id = ANY(%(series)s) AND time >= %(start)s AND time < %(end)s
"""
SAID: LiteralString = """
SELECT series_id, time, verdict, base, said_by, said_at, note FROM counter_overrules
WHERE series_id = ANY(%(series)s) AND time >= %(start)s AND time < %(end)s ORDER BY id
"""
# Nothing is taken back: a later row counts, the earlier ones tell what was said before. What is derived from counters
# is derived again.
SAY: LiteralString = """
WITH said AS (
    INSERT INTO counter_overrules (series_id, time, verdict, base, said_by, said_at, note)
    VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING time
)
INSERT INTO touched (starts, ends) SELECT date_trunc('minute', time), date_trunc('minute', time) + interval '1 minute'
FROM said WHERE EXISTS (SELECT FROM metrics WHERE formula IS NOT NULL)
"""


class CounterEvents:
    """Reads events of many series at once, and takes overrules."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._finder = DropFinder(database)

    async def events(self, wanted: Sequence[Series], span: Span, freshness: Freshness) -> dict[SeriesId, Drops]:
        """Of the counters among the wanted series that have any in the span, exact at this moment."""
        counters = {
            series.id: series.metric
            for series in wanted
            if series.metric is not None and series.metric.kind is MetricKind.COUNTER
        }
        if not counters or span.start >= span.end:
            return {}
        ids = list(counters)
        pairs = await self._pairs(ids, span, freshness)
        said = await self._said(ids, span)
        firsts = np.flatnonzero(np.diff(pairs.series, prepend=-1))
        answer = {}
        for rows in np.split(np.arange(len(pairs.series)), firsts[1:]) if len(firsts) else []:
            series = SeriesId(int(pairs.series[rows[0]]))
            metric = counters[series]
            _, times, before, after = pairs.only(rows)
            answer[series] = drops(times, before, after, metric.dip_tolerance, metric.modulus, said[series])
        return answer

    async def overrule(self, series: SeriesId, overrule: Overrule, freshness: Freshness) -> None:
        """Keeps it beside those that were said before; BadInput where the series has no drop at that time."""
        span = Span(overrule.time, overrule.time + 1)
        found = await self._pairs([series], span, freshness)
        if not len(found.times):
            raise BadInput(
                f"This series has no counter event at {instant(overrule.time):%Y-%m-%dT%H:%M:%S.%fZ}.",
                "Ask for `counterEvents` of the series, and name the time of one of them.",
            )
        check_overrule(float(found.after[0]), overrule)
        time, verdict, *others = overrule
        async with self._database.driver(autocommit=True) as connection:
            await connection.execute(SAY, (series, instant(time), verdict.value, *others))

    async def _pairs(self, ids: Sequence[SeriesId], span: Span, freshness: Freshness) -> Pairs:
        """All drops by series and time: kept ones, except where readings have come that nobody has examined yet, and
        of counters that are so new that nobody has scanned them."""
        kept, scanned = await self._kept(ids, span)
        unscanned = [series for series in ids if series not in scanned]
        ids = [series for series in ids if series in scanned]
        stale = list(freshness.touched)
        if span.end > freshness.watermark:
            stale.append(Span(freshness.watermark, span.end))
        spans = merged(overlapping(stale, *span))
        edges = {each.end for each in spans if each.end < span.end}
        if any(each.start < span.start for each in stale) and not any(each.start == span.start for each in spans):
            edges.add(span.start)
        seen = await self._finder.behind(ids, sorted(edges), span.end, freshness)
        fresh = [
            await self._finder.inside(ids, spans, freshness),
            await self._finder.inside(unscanned, [span], freshness),
            seen.drops,
        ]
        inside = np.isin(kept.series, unscanned)
        for start, end in spans:
            inside |= (kept.times >= start) & (kept.times < end)
        places = set(zip(seen.series.tolist(), seen.times.tolist(), strict=True))
        for place in np.flatnonzero(~inside).tolist() if places else []:
            inside[place] = (int(kept.series[place]), int(kept.times[place])) in places
        return _in_order(kept.only(~inside).and_(*fresh))

    async def _kept(self, ids: Sequence[SeriesId], span: Span) -> tuple[Pairs, frozenset[int]]:
        async with self._database.driver(autocommit=True) as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(KEPT, _parameters(ids, span))
            *columns, scanned = await cursor.fetchone() or (None,) * 5
        return pairs_of(columns), frozenset(() if scanned is None else scanned.tolist())

    async def _said(self, ids: Sequence[SeriesId], span: Span) -> dict[SeriesId, list[Overrule]]:
        found: dict[SeriesId, list[Overrule]] = defaultdict(list)
        async with self._database.driver(autocommit=True) as connection:
            rows = await (await connection.execute(SAID, _parameters(ids, span))).fetchall()
        for series, time, verdict, *others in rows:
            found[series].append(Overrule(microseconds(time), Verdict(verdict), *others))
        return found


def _parameters(ids: Sequence[SeriesId], span: Span) -> dict[str, object]:
    return {"series": Integers(np.array(ids)), "start": instant(span.start), "end": instant(span.end)}


def _in_order(pairs: Pairs) -> Pairs:
    """Each once: a reading may be the first from several edges on."""
    order = np.lexsort((pairs.times, pairs.series))
    pairs = pairs.only(order)
    if not len(order):
        return pairs
    once = np.append(True, (np.diff(pairs.series) != 0) | (np.diff(pairs.times) != 0))
    return pairs.only(once)
