"""What an engineer says of a counter's event: kept beside what was said before, and every figure follows at once."""

from app.domain.access import Viewer
from app.domain.asking import EARLIEST, LATEST
from app.domain.counters import Overrule
from app.domain.model import SeriesId
from app.errors import BadInput
from app.store.counter_events import CounterEvents
from app.store.tiers import TierKeeper


class CounterChange:
    """Overrules events."""

    def __init__(self, events: CounterEvents, tiers: TierKeeper) -> None:
        self._events = events
        self._tiers = tiers

    async def overrule(self, viewer: Viewer, series: SeriesId, overrule: Overrule) -> None:
        """Forbidden unless the viewer is an engineer; BadInput where there is no such event, or the base is wrong."""
        viewer.must_engineer()
        if not EARLIEST <= overrule.time < LATEST:
            raise BadInput(
                "The time lies outside of the years 1700 to 2500.",
                "Ask for `counterEvents` of the series, and name the time of one of them.",
            )
        await self._events.overrule(series, overrule, await self._tiers.freshness())
