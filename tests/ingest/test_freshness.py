"""When the worker takes its turns: soon where readings are noted, else when it is time."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.domain.addresses import series_key
from app.domain.batch import NO_TEXT, Batch
from app.domain.instants import MINUTE, microseconds
from app.main import House

pytestmark = pytest.mark.anyio

EVERY = timedelta(seconds=20)
HOUR_AGO = microseconds(datetime.now(UTC)) // MINUTE * MINUTE - 60 * MINUTE


def reading(at: int, value: float) -> Batch:
    return Batch(
        [series_key("m", [], "value")],
        np.zeros(1, np.int32),
        np.array([at], np.int64),
        np.array([value]),
        np.zeros(1, np.uint32),
        np.full(1, NO_TEXT, np.int32),
    )


async def test_a_late_reading_is_in_the_tiers_long_before_the_next_turn_is_due(house: House) -> None:
    await house.committer.commit(reading(HOUR_AGO, 1.0))
    running = asyncio.create_task(house.freshener.run(EVERY))
    try:
        async with asyncio.timeout(EVERY.total_seconds() / 2):
            while (await house.keeper.freshness()).watermark < HOUR_AGO:
                continue
            await asyncio.sleep(0.5)  # the turn has ended
            await house.committer.commit(reading(HOUR_AGO + MINUTE, 2.0))
            noted = time.monotonic()
            assert (await house.keeper.freshness()).touched
            while (await house.keeper.freshness()).touched:
                continue
        assert time.monotonic() - noted < EVERY.total_seconds() / 2
    finally:
        running.cancel()
        await asyncio.wait([running])
