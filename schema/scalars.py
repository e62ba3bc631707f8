"""Scalars: instants, days, durations and free-form attributes, as they are written in queries and answers."""

from datetime import UTC, datetime, timedelta

import isodate
import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

_INSTANT_HINT = "Write 2026-03-01T06:00:00Z or 2026-03-01T06:00:00+01:00."
_DURATION_HINT = "Write PT1M, PT8H or P7D."

LONGEST_DURATION = 100
"""Characters: reading many digits takes long."""


def _read_instant(text: object) -> datetime:
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise _wrong(text, "is not an instant", _INSTANT_HINT) from error
    if not isinstance(text, str) or instant.tzinfo is None:
        raise _wrong(text, "lacks an offset", _INSTANT_HINT)
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise _wrong(text, "lies outside of the years 1 to 9999", _INSTANT_HINT) from error


def _write_instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_duration(text: object) -> timedelta:
    try:
        duration = isodate.parse_duration(text) if isinstance(text, str) and len(text) <= LONGEST_DURATION else None
    except (ValueError, OverflowError):
        duration = None
    if duration is None:
        raise _wrong(text, "is not a duration in ISO 8601", _DURATION_HINT)
    if not isinstance(duration, timedelta):
        raise _wrong(text, "is not a duration of one length: months and years vary", _DURATION_HINT)
    return duration


def _write_duration(duration: timedelta) -> str:
    return str(isodate.duration_isoformat(duration))


def _wrong(given: object, reason: str, hint: str) -> GraphQLError:
    return GraphQLError(f"{repr(given)[:60]} {reason}.", extensions={"hint": hint})


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant: RFC 3339 with an offset in, UTC out.",
        parse_value=_read_instant,
        serialize=_write_instant,
    ),
    timedelta: strawberry.scalar(
        name="Duration",
        description="An ISO 8601 duration: PT1M, PT8H, P7D.",
        parse_value=_read_duration,
        serialize=_write_duration,
    ),
}
