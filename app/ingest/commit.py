"""Commits one batch: resolves its series, writes its rows, keeps what was refused."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.batch import Batch, Refusal
from app.ingest.resolution import Resolution
from app.observe import Observer
from app.store.arrivals import Stored
from app.store.readings import ReadingWriter
from app.store.refusals import RefusalStore


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a batch. `repeated` counts readings that were there alike, in the store or later in the batch."""

    new: int
    corrected: int
    repeated: int
    refusals: Sequence[Refusal] = ()

    @property
    def stored(self) -> int:
        """Readings that are now in the store, whether they were before or not."""
        return self.new + self.corrected + self.repeated


class Committer:
    """The way of every batch into the store, from whatever source."""

    def __init__(
        self, resolution: Resolution, writer: ReadingWriter, refusals: RefusalStore, observer: Observer
    ) -> None:
        self._resolution = resolution
        self._writer = writer
        self._refusals = refusals
        self._observer = observer

    @property
    def writer(self) -> ReadingWriter:
        return self._writer

    async def commit(self, batch: Batch) -> Committed:
        """Returns when the batch is stored. StoreUnavailable: nothing of it may be taken for stored."""
        started = time.monotonic()
        rows, refusals = await self._resolution.rows(batch)
        stored = await self._writer.store(rows) if len(rows) else Stored()
        again = len(batch) - len(refusals) - len(rows)
        committed = Committed(stored.new, stored.corrected, stored.repeated + again, refusals)
        self._observer.committed(stored.new + stored.corrected, committed.repeated, time.monotonic() - started)
        return committed

    async def refuse(self, source: str, refusals: Sequence[Refusal]) -> None:
        """Keeps what could not be stored, so that somebody can look at it."""
        if refusals:
            await self._refusals.keep(source, refusals, datetime.now(UTC))
            self._observer.refused(len(refusals))
