"""The notes of what was touched behind the watermarks, until it is refreshed."""

from collections.abc import Collection
from typing import LiteralString, NamedTuple, cast

from app.domain.instants import instant, microseconds
from app.domain.model import SeriesId
from app.domain.spans import Span
from app.domain.touches import Touch
from app.store.engines import Connection

READ: LiteralString = "SELECT id, starts, ends, derived, series FROM touched WHERE derived OR NOT %s ORDER BY id"
WRITE: LiteralString = "INSERT INTO touched (starts, ends) VALUES (%s, %s)"
NEWEST: LiteralString = "SELECT max(id) FROM touched"
FORGET: LiteralString = "DELETE FROM touched WHERE id = ANY(%s)"


class Note(NamedTuple):
    """What was touched; `derived` where the worker has written there itself, and knows what follows from it."""

    touch: Touch
    derived: bool


async def notes(connection: Connection, *, derived: bool = False) -> dict[int, Note]:
    """All that there are, or those that are `derived`, by their numbers."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(READ, (derived,))
    return {
        number: Note(
            Touch(
                Span(microseconds(starts), microseconds(ends)),
                None if series is None else frozenset(cast("list[SeriesId]", series.tolist())),
                frozenset([number]),
            ),
            is_derived,
        )
        for number, starts, ends, is_derived, series in await cursor.fetchall()
    }


async def newest(connection: Connection) -> int | None:
    """The number of the last one that stands."""
    row = await (await connection.execute(NEWEST)).fetchone()
    return row[0] if row else None


async def note(connection: Connection, span: Span) -> None:
    """Of all series."""
    await connection.execute(WRITE, (instant(span.start), instant(span.end)))


async def forget(connection: Connection, numbers: Collection[int]) -> None:
    await connection.execute(FORGET, (list(numbers),))
