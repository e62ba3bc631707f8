"""What the service takes in: a body of a protocol becomes parts, and each part is stored before the next is read."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain.access import Viewer
from app.domain.batch import Decoded
from app.domain.instants import microseconds
from app.domain.limits import Limits
from app.ingest.commit import Committer
from app.ingest.delivery import Delivery, Receipt
from app.ingest.gathering import Gathering
from app.sources import json_columns
from app.sources.line_protocol import LineProtocol
from app.sources.line_protocol_cuts import parts

PART = 1 << 18
"""Bytes decoded at once: the worst of them take a fifth of a second."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The times that are accepted, relative to now, and how many new chunks one body may open."""

    earliest: datetime
    ahead: timedelta
    new_chunks: int

    def limits(self, now: datetime) -> Limits:
        return Limits.at(now, self.earliest, self.ahead)


class Intake:
    """Bodies of every protocol in, receipts out; a receipt means that what it counts is committed."""

    def __init__(self, committer: Committer, gathering: Gathering, acceptance: Acceptance) -> None:
        self._committer = committer
        self._gathering = gathering
        self._acceptance = acceptance
        self._line_protocol = LineProtocol()

    async def line_protocol(self, body: bytes, precision: str, viewer: Viewer) -> Receipt:
        """InfluxDB line protocol; BadInput for a precision that is not known."""
        now = datetime.now(UTC)
        limits = self._acceptance.limits(now)
        decoded = (
            self._line_protocol.decode(part, precision, microseconds(now), limits, first_line)
            for part, first_line in parts(body, PART)
        )
        return await self._deliver(decoded, "line protocol", viewer)

    async def json_columns(self, body: bytes, viewer: Viewer) -> Receipt:
        """Columns as JSON; BadInput for a body that has another shape."""
        now = datetime.now(UTC)
        decoded = json_columns.decode(body, microseconds(now), self._acceptance.limits(now))
        return await self._deliver([decoded], "json", viewer)

    async def _deliver(self, parts: Iterable[Decoded], source: str, viewer: Viewer) -> Receipt:
        delivery = Delivery(
            self._committer, self._gathering.store, source=source, viewer=viewer, new_chunks=self._acceptance.new_chunks
        )
        for part in parts:
            await delivery.take(part)
            await asyncio.sleep(0)  # a large body must not keep others waiting
        return delivery.receipt
