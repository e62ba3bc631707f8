"""Runs the demo plant: its history once, and then a reading of every sensor each second."""

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

__all__ = ["fill_history", "model_text", "produce"]

HISTORY = timedelta(days=7)
DENSE = timedelta(minutes=30)
"""The last stretch of the history has a reading a second, as live readings do; before, one a minute will do."""

BEARING_LASTS = timedelta(days=1.5)
"""From now until the failing bearing is replaced: its vibration is high while somebody looks."""


def demo_plant(now: datetime) -> DemoPlant:
    return DemoPlant(bearing_replaced=microseconds(now + BEARING_LASTS))


async def fill_history(committer: Committer, series: SeriesCatalog, announce: Callable[[str], None]) -> None:
    """Stores what is missing up to now: seven days at first, later the time in which the demo did not run."""
    now = datetime.now(UTC)
    plant, end = demo_plant(now), microseconds(now) // SECOND * SECOND
    newest = await series.newest_time()
    start = end - width(HISTORY)
    if newest is not None:
        start = max(start, microseconds(newest) // SECOND * SECOND + SECOND)
    dense = max(start, (end - width(DENSE)) // MINUTE * MINUTE)
    started, stored = time.monotonic(), 0
    for first, last, step in ((start, dense, MINUTE), (dense, end, SECOND)):
        for batch in plant.history(first, last, step):
            stored += (await committer.commit(batch)).stored
    seconds = time.monotonic() - started
    announce(f"The demo plant has {stored:,} new readings of its past, stored in {seconds:.1f} s.")


async def produce(committer: Committer, observer: Observer) -> None:
    """A reading of every sensor each second, until it is cancelled; what the database misses is not made up."""
    plant = demo_plant(datetime.now(UTC))
    while True:
        now = microseconds(datetime.now(UTC))
        try:
            await committer.commit(plant.at(now // SECOND * SECOND))
        except StoreUnavailable as error:
            observer.store_lost("demo", error)
        await asyncio.sleep(1 - (microseconds(datetime.now(UTC)) % SECOND) / SECOND)
