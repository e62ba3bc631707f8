"""Events of counters: what was found where a counter fell, what it was taken for, and who said otherwise."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.counters import KINDS, DropKind, Drops, Overrule
from app.domain.model import Series
from app.domain.spans import Span
from app.errors import BadInput
from app.read.moment import Moment
from app.store.counter_events import CounterEvents

MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class CounterEvent:
    """A drop at `time` (microseconds); `offset` is what it adds to differences across it. Overrules: oldest first."""

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
        groups: dict[Span, list[Series]] = defaultdict(list)
        for key in keys:
            groups[key.asked].append(key.series)
        found = {asked: await self._events.events(series, asked, fresh) for asked, series in groups.items()}
        answers = [_listed(found[key.asked].get(key.series.id)) for key in keys]
        if sum(map(len, answers)) > MOST_EVENTS:
            raise BadInput(f"There are more than {MOST_EVENTS:,} events.", "Ask for a shorter range or fewer series.")
        return answers


def _listed(drops: Drops | None) -> list[CounterEvent]:
    if drops is None:
        return []
    columns = (drops.times, drops.kind, drops.before, drops.after, drops.offset)
    return [
        CounterEvent(time, KINDS[kind], before, after, offset, drops.overrules.get(time, []))
        for time, kind, before, after, offset in zip(*(column.tolist() for column in columns), strict=True)
    ]
