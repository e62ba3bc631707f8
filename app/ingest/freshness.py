"""Keeps the tiers fresh: moves the watermark and refreshes what was touched behind it, on a schedule of its own."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from app.domain.instants import microseconds
from app.errors import StoreUnavailable
from app.observe import Observer
from app.store.jobs import JobLog
from app.store.state import StateReader
from app.store.tiers import TierKeeper

REFRESH = "refresh"


class Freshener:
    """The worker's turns: each advances the tiers, leaves word of what it did, and tells the state of the store."""

    def __init__(
        self, keeper: TierKeeper, jobs: JobLog, states: StateReader, observer: Observer, *, lag: timedelta
    ) -> None:
        self._keeper = keeper
        self._jobs = jobs
        self._states = states
        self._observer = observer
        self._lag = lag

    async def run(self, every: timedelta) -> None:
        """Until it is cancelled; a failure is noticed and tried again at the next turn."""
        while True:
            try:
                await self.turn()
            except StoreUnavailable as error:
                self._observer.store_lost(REFRESH, error)
            except Exception as error:
                self._observer.failed(REFRESH, error)
            await asyncio.sleep(every.total_seconds())

    async def turn(self) -> None:
        """Up to now less the lag."""
        started = time.monotonic()
        now = datetime.now(UTC)
        try:
            advance = await self._keeper.advance(microseconds(now - self._lag))
        except Exception as error:
            await self._jobs.failed(REFRESH, str(error))
            raise
        if advance is not None:
            seconds = time.monotonic() - started
            await self._jobs.ended(REFRESH, seconds, f"{advance.spans} spans")
            if advance.errors:
                await self._jobs.failed(REFRESH, advance.errors[-1])
            self._observer.refreshed(advance.spans, advance.errors, seconds)
        self._observer.stands(await self._states.state(), now)
