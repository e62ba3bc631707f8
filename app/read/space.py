"""The memory that answers take up before they are sent: those that do not fit beside the others wait for their turn."""

import asyncio
from collections import deque


class Space:
    """Room for a number of points, shared by all requests; whoever came first is let in first."""

    def __init__(self, points: int) -> None:
        self._free = points
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, points: int) -> None:
        """Returns when there is room, which is to be given back; nothing is taken where the wait is cancelled."""
        if not self._waiting and points <= self._free:
            self._free -= points
            return
        place = points, asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place[1]
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
                self.give_back(0)  # those behind may be smaller
            else:
                self.give_back(points)
            raise

    def take_more(self, points: int) -> None:
        """At once, beyond what is free if need be: two that hold some and wait for more would wait for each other."""
        self._free -= points

    def give_back(self, points: int) -> None:
        self._free += points
        while self._waiting and self._waiting[0][0] <= self._free:
            wanted, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._free -= wanted
                turn.set_result(None)
