"""Clients that leave before their answer is there: what is being done for them is stopped."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

Answered = TypeVar("Answered")


async def unless_left(request: Request, work: Coroutine[Any, Any, Answered]) -> Answered | None:
    """What the work gives, after the body was read; None where the client leaves meanwhile: the work is cancelled."""
    working = asyncio.current_task()
    left = False

    async def watch() -> None:
        nonlocal left
        # The first message of a request without a body is its end.
        for _ in range(2):
            if (await request.receive())["type"] == "http.disconnect" and working is not None:
                left = True
                working.cancel()
                return

    watching = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        if not left or working is None or working.uncancel():
            raise
        return None
    finally:
        watching.cancel()
