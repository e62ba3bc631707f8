"""Keeps a server up for as long as a service needs it: one that has ended is started again, with growing pauses."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_LOOKS_EVERY = 0.5
_STEADY = 60.0
"""Seconds after which a server that ends again has not ended for the old reason."""
_SHORTEST_PAUSE = 1.0
_LONGEST_PAUSE = 8.0
"""Seconds: somebody who has made room on a full disk is watching for the service to come back."""


async def keep_up(
    is_up: Callable[[], bool], start: Callable[[], Awaitable[None]], announce: Callable[[str], None]
) -> None:
    """Until it is cancelled. `start` returns when the server is ready, and raises where it cannot be started."""
    pause = 0.0
    while True:
        began = time.monotonic()
        while is_up():  # noqa: ASYNC110 - a process that may be another's child tells its end in no other way
            await asyncio.sleep(_LOOKS_EVERY)
        if time.monotonic() - began >= _STEADY:
            pause = 0.0
        when = f"in {pause:.0f} s" if pause else "now"
        announce(f"The embedded PostgreSQL is not running, although it is in use; starting it again {when}.")
        await asyncio.sleep(pause)
        pause = min(max(2 * pause, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        try:
            await start()
        except Exception as error:
            announce(f"The embedded PostgreSQL is still not running: {error}")
        else:
            announce("The embedded PostgreSQL runs again.")
