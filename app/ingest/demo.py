"""Runs the demo plant: makes up what is missing of its history, and then a reading of every sensor each second."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from app.domain.instants import MINUTE, SECOND, microseconds, width
from app.errors import StoreUnavailable
from app.ingest.commit import Committer
from app.observe import Observer
from app.sources.demo_plant.plant import DemoPlant, model_text
from app.store.series import SeriesCatalog

__all__ = ["Production", "fill_history", "model_text", "produce"]

HISTORY = timedelta(days=7)
DENSE = timedelta(minutes=30)
"""The last stretch of what is made up has a reading a second, as live readings do; before, one a minute will do."""


class Production:
    """Goes on where the stored readings of the demo end, whatever kept it from running in between."""

    def __init__(self, committer: Committer, series: SeriesCatalog) -> None:
        self._committer = committer
        self._series = series
        self._plant = DemoPlant()
        self._next: int | None = None
        """The first second that is missing, once it is known."""

    async def go_on(self, now: datetime) -> int:
        """Commits all that is missing, this second included; how many readings that were."""
        end = microseconds(now) // SECOND * SECOND + SECOND
        if self._next is None:
            self._next = await self._first_missing(end)
        dense = max(self._next, (end - width(DENSE)) // MINUTE * MINUTE)
        stored = 0
        for first, last, step in ((self._next, dense, MINUTE), (dense, end, SECOND)):
            for batch in self._plant.history(first, last, step):
                stored += (await self._committer.commit(batch)).stored
                self._next = int(batch.times.max()) + SECOND
        return stored

    async def _first_missing(self, end: int) -> int:
        newest = await self._series.newest_time(self._plant.compressor.source)
        start = end - width(HISTORY)
        return start if newest is None else min(max(start, microseconds(newest) // SECOND * SECOND + SECOND), end)


async def fill_history(committer: Committer, series: SeriesCatalog, announce: Callable[[str], None]) -> None:
    """Seven days at first, later the time in which the demo did not run."""
    started = time.monotonic()
    stored = await Production(committer, series).go_on(datetime.now(UTC))
    seconds = time.monotonic() - started
    announce(f"The demo plant has {stored:,} new readings of its past, stored in {seconds:.1f} s.")


async def produce(committer: Committer, series: SeriesCatalog, observer: Observer) -> None:
    """Every second once, until it is cancelled; what a slow or absent database held up, the next turn makes up for."""
    production = Production(committer, series)
    while True:
        try:
            await production.go_on(datetime.now(UTC))
        except StoreUnavailable as error:
            observer.store_lost("demo", error)
        except Exception as error:
            observer.failed("demo", error)
        await asyncio.sleep(1 - (microseconds(datetime.now(UTC)) % SECOND) / SECOND)
