"""Keeps what could not be stored, once however often it is sent."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.domain.batch import Refusal
from app.store.database import Database
from app.store.tables import refusals

LONGEST_PAYLOAD = 1 << 16
"""Bytes kept of a refused piece; its whole size stands beside."""

_ROWS_A_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class KeptRefusal:
    """A refused piece as it is kept: the first bytes of it, its size, and how often it came."""

    source: str
    place: str
    reason: str
    payload: bytes
    size: int
    times: int
    first_at: datetime
    last_at: datetime


class RefusalStore:
    """The table of refusals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, source: str, found: Sequence[Refusal], at: datetime) -> None:
        """Keeps the pieces; the same piece from the same source for the same reason is counted, not repeated."""
        rows: dict[bytes, dict[str, object]] = {}
        for refusal in found:
            digest = _digest(source, refusal)
            rows[digest] = {
                "digest": digest,
                "source": source,
                "place": refusal.place,
                "reason": refusal.reason,
                "payload": refusal.payload[:LONGEST_PAYLOAD],
                "size": len(refusal.payload),
                "first_at": at,
                "last_at": at,
            }
        ordered = [rows[digest] for digest in sorted(rows)]  # one order for all writers, so that none waits in a ring
        async with self._database.begin() as transaction:
            for start in range(0, len(ordered), _ROWS_A_STATEMENT):
                statement = insert(refusals).values(ordered[start : start + _ROWS_A_STATEMENT])
                await transaction.execute(
                    statement.on_conflict_do_update(
                        index_elements=["digest"],
                        set_={"times": refusals.c.times + 1, "last_at": statement.excluded.last_at},
                    )
                )

    async def recent(self, limit: int) -> list[KeptRefusal]:
        """The newest first."""
        columns = [column for column in refusals.c if column.name != "digest"]
        async with self._database.begin() as transaction:
            rows = await transaction.execute(sa.select(*columns).order_by(refusals.c.last_at.desc()).limit(limit))
            return [KeptRefusal(*row) for row in rows]


def _digest(source: str, refusal: Refusal) -> bytes:
    parts = (source.encode(), refusal.reason.encode(), refusal.payload)
    return hashlib.sha256(b"\x00".join(hashlib.sha256(part).digest() for part in parts)).digest()
