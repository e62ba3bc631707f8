"""Events of counters: what was found where a counter fell, what it was taken for, and who said otherwise."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from app.domain.asking import Bill
from app.domain.counters import KINDS, DropKind, Drops, Overrule
from app.domain.instants import width
from app.domain.model import MetricKind, Series
from app.domain.spans import Span, merged, overlapping
from app.domain.tiers import Freshness
from app.domain.units import Conversion
from app.errors import BadInput
from app.read.moment import Moment
from app.store.counter_events import CounterEvents

MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class CounterEvent:
    """A drop at `time` (microseconds); `offset` is what it adds to differences across it. Overrules: oldest first. All
    values in the unit that is shown of the series."""

    time: int
    kind: DropKind
    before: float
    after: float
    offset: float
    overrules: list[Overrule]


class EventKey(NamedTuple):
    """Events of one series in a range."""

    series: Series
    asked: Span


class CounterReader:
    """Answers the events of one request."""

    def __init__(self, events: CounterEvents, moment: Moment) -> None:
        self._events = events
        self._moment = moment

    async def events(self, keys: Sequence[EventKey]) -> list[list[CounterEvent]]:
        """In key order, each in the order of time; none for what is no counter. BadInput for more than one answer may
        have."""
        fresh = await self._moment.fresh()
        series = [key.series.id for key in keys]

        def rows(_: int) -> int:
            return sum(min(_price(key, fresh), self._moment.received(key.series.id)) for key in keys)

        await self._moment.pay(Bill(rows, lambda _: "Ask for a shorter range or fewer series.", series=series))
        groups: dict[Span, list[Series]] = defaultdict(list)
        for key in keys:
            groups[key.asked].append(key.series)
        found = {asked: await self._events.events(series, asked, fresh) for asked, series in groups.items()}
        answers = [_listed(found[key.asked].get(key.series.id), key.series.shown.conversion) for key in keys]
        if sum(map(len, answers)) > MOST_EVENTS:
            raise BadInput(f"There are more than {MOST_EVENTS:,} events.", "Ask for a shorter range or fewer series.")
        return answers


def _price(key: EventKey, fresh: Freshness) -> int:
    """Readings that are looked at beside the events that are kept: those that no tier holds yet."""
    metric = key.series.metric
    if metric is None or metric.kind is not MetricKind.COUNTER:
        return 0
    stale = merged([*fresh.touched, Span(fresh.watermark, max(fresh.watermark, key.asked.end))])
    looked_at = sum(span.end - span.start for span in overlapping(stale, *key.asked))
    return looked_at // max(width(metric.interval or timedelta(seconds=1)), 1)


def _listed(drops: Drops | None, conversion: Conversion) -> list[CounterEvent]:
    if drops is None:
        return []
    before, after = conversion.values(drops.before), conversion.values(drops.after)
    columns = (drops.times, drops.kind, before, after, conversion.differences(drops.offset))
    said = {
        time: [overrule._replace(base=conversion.value(overrule.base)) for overrule in overrules]
        for time, overrules in drops.overrules.items()
    }
    return [
        CounterEvent(time, KINDS[kind], before, after, offset, said.get(time, []))
        for time, kind, before, after, offset in zip(*(column.tolist() for column in columns), strict=True)
    ]
