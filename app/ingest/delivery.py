"""One body on its way in: its parts are stored one after the other, its refusals kept, and its sender told."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from app.domain.access import Viewer
from app.domain.batch import Batch, Decoded, Refusal
from app.domain.instants import instant, width
from app.ingest.commit import Committer
from app.ingest.resolution import refusal_of
from app.store.arrivals import RowsGone
from app.store.engines import CHUNK

NAMED_IN_REPLY = 100
"""Refusals that a reply names; all are counted and kept."""


@dataclass(slots=True)
class Receipt:
    """What the sender is told: how many readings are stored, how many pieces were refused, and the first of these."""

    stored: int = 0
    refused: int = 0
    named: list[Refusal] = field(default_factory=list)

    def refuse(self, refusals: Iterable[Refusal]) -> None:
        for refusal in refusals:
            self.refused += 1
            if len(self.named) < NAMED_IN_REPLY:
                self.named.append(refusal)


class Delivery:
    """Takes the parts of one body. `store` is the queue of the service, or a commit of one's own."""

    def __init__(
        self,
        committer: Committer,
        store: Callable[[Batch], Awaitable[list[Refusal]]],
        *,
        source: str,
        viewer: Viewer,
        new_chunks: int,
    ) -> None:
        self._committer = committer
        self._store = store
        self._source = source
        self._viewer = viewer
        self._chunks_left = new_chunks
        self.receipt = Receipt()

    async def take(self, part: Decoded) -> None:
        """Returns when everything of the part that can be stored is, and the rest is kept as refused."""
        refusals = list(part.refusals)
        batch = self._allowed(part.batch, refusals)
        batch = await self._within_chunks(batch, refusals)
        try:
            refusals += await self._store(batch)
        except RowsGone as gone:
            # Retention has moved on; what the store keeps from there on stays kept until it moves again.
            refusals += await self._store(self._kept(batch, gone.since, refusals))
        await self._committer.refuse(self._source, refusals)
        self.receipt.stored += len(part.batch) - (len(refusals) - len(part.refusals))
        self.receipt.refuse(refusals)

    def _allowed(self, batch: Batch, refusals: list[Refusal]) -> Batch:
        """A token that is bound to a plant writes to that plant alone."""
        if self._viewer.plant_id is None:
            return batch
        own = np.array(
            [key.address is not None and key.address.plant == self._viewer.plant for key in batch.keys], bool
        )
        if own.all():
            return batch
        reason = f"this token writes to the plant {self._viewer.plant} only"
        return _without(batch, ~own[batch.series], reason, refusals)

    def _kept(self, batch: Batch, since: int, refusals: list[Refusal]) -> Batch:
        """Readings that lie in what retention has dropped would become the whole of their buckets."""
        reason = f"readings before {instant(since):%Y-%m-%dT%H:%MZ} are not kept any more (linegraph policy)"
        return _without(batch, batch.times < since, reason, refusals)

    async def _within_chunks(self, batch: Batch, refusals: list[Refusal]) -> Batch:
        """A body may open so many new chunks; readings that would open more are refused."""
        if not len(batch):
            return batch
        new = await self._committer.writer.new_chunks(batch.times)
        allowed, beyond = new[: self._chunks_left], new[self._chunks_left :]
        self._chunks_left -= len(allowed)
        if not beyond:
            return batch
        reason = "the body spreads over more weeks without readings than it may (LINEGRAPH_NEW_CHUNKS); send fewer"
        return _without(batch, np.isin(batch.times // width(CHUNK), beyond), reason, refusals)


def _without(
    batch: Batch, refused: np.ndarray[tuple[int], np.dtype[np.bool_]], reason: str, refusals: list[Refusal]
) -> Batch:
    refusals += [refusal_of(batch, at, reason) for at in np.flatnonzero(refused).tolist()]
    return batch.only(~refused)
