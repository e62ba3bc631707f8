"""What one request asks of the database: counted while it runs, and given up when it is over."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Self

from psycopg import AsyncCursor
from psycopg.rows import TupleRow


class Tally:
    """Statements of one request, and the seconds that it waited for them; `idle` while none is under way."""

    def __init__(self) -> None:
        self.statements = 0
        self.seconds = 0.0
        self.idle = asyncio.Event()
        self.idle.set()
        self._over = False
        self._under_way: list[asyncio.Task[Any]] = []

    def begin(self, task: asyncio.Task[Any]) -> None:
        """CancelledError where nobody waits for it any more."""
        if self._over:
            raise asyncio.CancelledError
        self._under_way.append(task)
        self.idle.clear()

    def end(self, task: asyncio.Task[Any]) -> None:
        self._under_way.remove(task)
        if not self._under_way:
            self.idle.set()

    async def give_up(self) -> None:
        """Cancels whatever still asks, and returns when all connections are given back; the driver stops their
        statements at the server.

        What was cancelled already is left alone: a second time would interrupt the driver at that.
        """
        self._over = True
        for task in self._under_way:
            if not task.cancelling():
                task.cancel()
        await self.idle.wait()


_CURRENT: ContextVar[Tally | None] = ContextVar("tally", default=None)


@asynccontextmanager
async def tallied(tally: Tally) -> AsyncIterator[None]:
    """Whatever is asked inside, and by tasks that begin inside, counts there; what is left at the end is given up."""
    before = _CURRENT.set(tally)
    try:
        yield
    finally:
        _CURRENT.reset(before)
        await tally.give_up()


@contextmanager
def untallied() -> Iterator[None]:
    """For what is asked inside that is nobody's question."""
    before = _CURRENT.set(None)
    try:
        yield
    finally:
        _CURRENT.reset(before)


@contextmanager
def under_way() -> Iterator[None]:
    """Around everything that has a connection, or waits for one."""
    tally, task = _CURRENT.get(), asyncio.current_task()
    if tally is None or task is None:
        yield
        return
    tally.begin(task)
    try:
        yield
    finally:
        tally.end(task)


class TalliedCursor(AsyncCursor[TupleRow]):
    """Every statement goes through here, SQLAlchemy's and our own."""

    async def execute(self, *args: Any, **kwargs: Any) -> Self:
        tally = _CURRENT.get()
        if tally is None:
            return await super().execute(*args, **kwargs)
        tally.statements += 1
        began = time.perf_counter()
        try:
            return await super().execute(*args, **kwargs)
        finally:
            tally.seconds += time.perf_counter() - began
