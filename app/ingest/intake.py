"""What the service takes in: a body of a protocol becomes parts, and each part is stored before the next is read."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import numpy as np

from app.domain.access import Viewer
from app.domain.batch import Decoded, Refusal, of_columns
from app.domain.instants import microseconds
from app.domain.limits import SECONDS_AS_MILLISECONDS, WITHOUT_PRECISION, Limits, Mistaken
from app.ingest.commit import Committer
from app.ingest.delivery import Delivery, Receipt
from app.ingest.gathering import ROWS_A_COMMIT, Gathering
from app.sources import json_columns
from app.sources.line_protocol import LineProtocol
from app.sources.line_protocol_cuts import parts

PART = 1 << 19
"""Bytes decoded at once, and the longest line: 5,000 usual lines are one part, the worst part takes 0.4 s."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The times that are accepted, relative to now, and how many new chunks one body may open."""

    earliest: datetime
    ahead: timedelta
    new_chunks: int

    def limits(self, now: datetime, mistaken: tuple[Mistaken, ...] = ()) -> Limits:
        return Limits.at(now, self.earliest, self.ahead, mistaken)


class Intake:
    """Bodies of every protocol in, receipts out; a receipt means that what it counts is committed."""

    def __init__(self, committer: Committer, gathering: Gathering, acceptance: Acceptance) -> None:
        self._committer = committer
        self._gathering = gathering
        self._acceptance = acceptance
        self._line_protocol = LineProtocol()

    async def line_protocol(self, body: bytes, precision: str, viewer: Viewer) -> Receipt:
        """InfluxDB line protocol, in nanoseconds where the precision is empty; BadInput for one that is not known."""
        now = datetime.now(UTC)
        limits = self._acceptance.limits(now, () if precision else WITHOUT_PRECISION)
        delivery = self._delivery("line protocol", viewer)
        async for part, first_line in _parts(body):
            if len(part) > PART:
                await delivery.take(_too_long(part, first_line))
            else:
                await delivery.take(self._line_protocol.decode(part, precision, microseconds(now), limits, first_line))
        return delivery.receipt

    async def json_columns(self, body: bytes, viewer: Viewer) -> Receipt:
        """Columns as JSON; BadInput for a body that has another shape."""
        now = datetime.now(UTC)
        delivery = self._delivery("json", viewer)
        limits = self._acceptance.limits(now, SECONDS_AS_MILLISECONDS)
        # JSON cannot be decoded in parts: in a thread, a large body does not keep others waiting.
        for part in _split(await asyncio.to_thread(json_columns.decode, body, microseconds(now), limits)):
            await delivery.take(part)
        return delivery.receipt

    def _delivery(self, source: str, viewer: Viewer) -> Delivery:
        return Delivery(
            self._committer, self._gathering.store, source=source, viewer=viewer, new_chunks=self._acceptance.new_chunks
        )


async def _parts(body: bytes) -> AsyncIterator[tuple[bytes, int]]:
    """Pieces cut between lines. A line full of quotation marks takes its time to end: others are served meanwhile."""
    pieces = parts(body, PART)
    if len(body) <= PART:
        for piece in pieces:
            yield piece
        return
    while found := await asyncio.to_thread(list, islice(pieces, 1)):
        yield found[0]


def _too_long(line: bytes, number: int) -> Decoded:
    """A piece can only be longer than PART where it is one line."""
    reason = f"the line is longer than {PART:,} bytes"
    nothing = of_columns([], [], [], [], [], [], [])
    return Decoded(nothing, [Refusal(f"line {number}", reason, line.rstrip(b"\r\n"))])


def _split(decoded: Decoded) -> Iterator[Decoded]:
    """In parts of one commit each: a large body waits its turn like all others, and no statement grows without end."""
    batch, refusals = decoded.batch, decoded.refusals
    if len(batch) <= ROWS_A_COMMIT:
        yield decoded
        return
    place = np.arange(len(batch)) // ROWS_A_COMMIT
    for part in range(int(place[-1]) + 1):
        yield Decoded(batch.only(place == part), refusals if part == 0 else [])
