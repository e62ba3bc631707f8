"""Gathers batches over requests: while one commit runs, what arrives becomes the next; then all are acknowledged."""

import asyncio
from dataclasses import dataclass, field

from app.domain.batch import Batch, Refusal, joined
from app.errors import Busy, StoreUnavailable
from app.ingest.commit import Committed, Committer
from app.observe import Observer
from app.store.arrivals import RowsGone

WRITERS = 3
"""While one commit waits for the disk, the next is copied: 0.49 of a plain COPY with one, 0.70 with three, 0.65 with
four."""

ROWS_A_COMMIT = 50_000
"""Beyond, a commit gains nothing and its waiters wait longer."""


@dataclass(slots=True, eq=False)
class _Waiting:
    batch: Batch
    done: asyncio.Future[list[Refusal]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Gathering:
    """A bounded queue of batches and the few writers that commit them, begun in the order in which they came."""

    def __init__(self, committer: Committer, observer: Observer, *, limit: int) -> None:
        self._committer = committer
        self._observer = observer
        self._limit = limit
        self._waiting: list[_Waiting] = []
        self._rows = 0
        self._arrived = asyncio.Event()
        self._stopped = False

    async def store(self, batch: Batch) -> list[Refusal]:
        """Returns once the batch is committed, with the readings that were refused on the way.

        Busy where too much is waiting already; StoreUnavailable where the database cannot take it.
        """
        if not len(batch):
            return []
        if self._stopped:
            raise _stopping()
        if self._rows and self._rows + len(batch) > self._limit:
            self._observer.busy("the queue is full")
            raise Busy(f"{self._rows} readings are waiting to be stored.", "Send the same again in a moment.")
        waiting = _Waiting(batch)
        self._waiting.append(waiting)
        self._rows += len(batch)
        self._arrived.set()
        return await waiting.done

    async def run(self) -> None:
        """Commits until it is cancelled; what waits then is told that it is not stored."""
        try:
            async with asyncio.TaskGroup() as writers:
                for _ in range(WRITERS):
                    writers.create_task(self._write())
        finally:
            self._stopped = True
            for waiting in self._waiting:
                _fail(waiting, _stopping())

    async def _write(self) -> None:
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            await self._commit(self._take())

    def _take(self) -> list[_Waiting]:
        taken, rows = 0, 0
        while taken < len(self._waiting) and (not taken or rows + len(self._waiting[taken].batch) <= ROWS_A_COMMIT):
            rows += len(self._waiting[taken].batch)
            taken += 1
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        try:
            await self._settle(group)
        except asyncio.CancelledError:
            for waiting in group:
                _fail(waiting, _stopping())
            raise
        finally:
            self._rows -= sum(len(waiting.batch) for waiting in group)

    async def _settle(self, group: list[_Waiting]) -> None:
        try:
            refusals = await self._together(group)
        except StoreUnavailable as error:
            self._lose(group, error)
        except Exception as error:
            await self._alone(group, error)
        else:
            for waiting, refused in zip(group, refusals, strict=True):
                _tell(waiting, refused)

    def _lose(self, group: list[_Waiting], error: StoreUnavailable) -> None:
        self._observer.store_lost("commit", error)
        for waiting in group:
            _fail(waiting, error)

    async def _together(self, group: list[_Waiting]) -> list[list[Refusal]]:
        if any(waiting.batch.texts for waiting in group) and len(group) > 1:
            # Only a batch with texts can have readings refused: committed by itself, it is known whose they are.
            return [list((await self._committer.commit(waiting.batch)).refusals) for waiting in group]
        committed: Committed = await self._committer.commit(joined([waiting.batch for waiting in group]))
        return [list(committed.refusals)] if len(group) == 1 else [[] for _ in group]

    async def _alone(self, group: list[_Waiting], error: Exception) -> None:
        """One batch that the database does not take must not take the others with it."""
        if len(group) == 1:
            self._refuse(group[0], error)
            return
        for waiting in group:
            try:
                _tell(waiting, list((await self._committer.commit(waiting.batch)).refusals))
            except StoreUnavailable as lost:
                self._lose(group, lost)  # those who were told already stay told
                return
            except Exception as own:
                self._refuse(waiting, own)

    def _refuse(self, waiting: _Waiting, error: Exception) -> None:
        if not isinstance(error, RowsGone):  # its sender knows what to do
            self._observer.failed("commit", error)
        _fail(waiting, error)


def _stopping() -> StoreUnavailable:
    return StoreUnavailable("The service is stopping.", "Send it again in a moment.", 5)


def _tell(waiting: _Waiting, refused: list[Refusal]) -> None:
    if not waiting.done.done():
        waiting.done.set_result(refused)


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
