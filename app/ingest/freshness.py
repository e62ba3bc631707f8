"""Keeps the tiers fresh: moves the watermark and refreshes what was touched behind it, on a schedule of its own."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from app.domain.instants import microseconds
from app.domain.tiers import TIERS
from app.errors import StoreUnavailable
from app.observe import Observer
from app.store.tiers import TierKeeper


async def keep_fresh(keeper: TierKeeper, observer: Observer, *, every: timedelta, lag: timedelta) -> None:
    """Runs until it is cancelled; a failure is noticed and tried again at the next turn."""
    while True:
        try:
            await freshen(keeper, observer, lag=lag)
        except StoreUnavailable as error:
            observer.store_lost("refresh", error)
        except Exception as error:
            observer.failed("refresh", error)
        await asyncio.sleep(every.total_seconds())


async def freshen(keeper: TierKeeper, observer: Observer, *, lag: timedelta) -> None:
    """One turn: up to now less `lag`."""
    started = time.monotonic()
    now = datetime.now(UTC)
    advance = await keeper.advance(microseconds(now - lag))
    if advance is not None:
        observer.refreshed(advance.spans, advance.errors, time.monotonic() - started)
    freshness = await keeper.freshness()
    for tier, watermark in zip(TIERS, freshness.watermarks, strict=True):
        observer.lagging(tier.name, (microseconds(now) - watermark) / 1e6)
