"""What one request has set going beside itself: none of it goes on when the request is over."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Found = TypeVar("Found")


class Errands:
    """Tasks of one request; whoever waits for them may leave before they are done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._over = False

    def send(self, work: Coroutine[Any, Any, Found]) -> asyncio.Task[Found]:
        """Starts a task."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Around the work of a task that somebody else has started; cancelled at once where the request is over."""
        if self._over:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        if task is None or task in self._tasks:
            yield
            return
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def over(self) -> None:
        """Stops what is still under way, and returns when it has given back what it held."""
        self._over = True
        if left := list(self._tasks):
            for task in left:
                task.cancel()
            await asyncio.wait(left)
