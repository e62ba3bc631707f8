"""Waits until the tiers of a database have everything that is stored."""

import asyncio
import time
from datetime import UTC, datetime

import psycopg

_PATIENCE = 1_800
"""Seconds: a year may have to be taken in."""
_POLL_SECONDS = 0.02
_EVER = datetime(1, 1, 1, tzinfo=UTC)
_SETTLED = "SELECT watermark >= %s AND NOT EXISTS (SELECT FROM touched) FROM tiers WHERE name = 'PT1M'"


async def until_settled(connection: psycopg.AsyncConnection[tuple[object, ...]], reached: datetime = _EVER) -> None:
    """Returns when no note is pending and the watermark has `reached` a time; `connection` is in autocommit."""
    patience = time.monotonic() + _PATIENCE
    while time.monotonic() < patience:
        if await (await connection.execute(_SETTLED, [reached])).fetchone() == (True,):
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise RuntimeError(f"the tiers have not caught up in {_PATIENCE} s")
