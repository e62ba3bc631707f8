"""Waiting for something that may take minutes, and saying so now and then."""

import asyncio
import time
from collections.abc import Callable

_SHORTEST, _LONGEST = 0.02, 0.25


class Patience:
    """Pauses between two looks at something; `say` gets the seconds waited, after `first`, then `every` so many."""

    def __init__(self, say: Callable[[float], None], first: float = 2.0, every: float = 10.0) -> None:
        self._say = say
        self._every = every
        self._began = time.monotonic()
        self._due = first
        self._pause = _SHORTEST

    async def pause(self) -> None:
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 1.5, _LONGEST)
        waited = time.monotonic() - self._began
        if waited >= self._due:
            self._say(waited)
            self._due = waited + self._every
