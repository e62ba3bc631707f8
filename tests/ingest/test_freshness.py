"""When the worker takes its turns: soon where readings are noted, else when it is time."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

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


@pytest.mark.alone
async def test_a_burst_is_in_the_tiers_soon_after_its_end_and_a_stream_is_not_waited_for(house: House) -> None:
    """A turn of a second's rest would not begin before a second has passed; policies are carried out in their time."""
    await house.committer.commit(reading(HOUR_AGO, 1.0))
    running = asyncio.create_task(house.freshener.run(EVERY / 4))
    try:
        async with asyncio.timeout(EVERY.total_seconds()):
            while (await house.keeper.freshness()).watermark < HOUR_AGO:
                continue
            began = time.monotonic()
            sent, settled = 1, 0
            while time.monotonic() < began + EVERY.total_seconds() * 0.3:  # one whole turn, at least
                sent += 1
                await house.committer.commit(reading(HOUR_AGO + sent * 1_000, float(sent)))
                await asyncio.sleep(0.02)
                settled = max(settled, await _good(house))
            assert settled > 1, "a stream without end is refreshed nevertheless"
            ended = time.monotonic()
            while (await house.keeper.freshness()).touched:
                continue
            assert time.monotonic() - ended < 1
            assert await _good(house) == sent
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _good(house: House) -> int:
    """Readings in the tier of minutes."""
    async with house.database.begin() as transaction:
        return int(await transaction.scalar(sa.text("SELECT coalesce(sum(good), 0) FROM readings_1m")) or 0)
