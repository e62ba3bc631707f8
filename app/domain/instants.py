"""Instants as numbers: microseconds since 1970-01-01 UTC."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
MINUTE = 60 * SECOND


def microseconds(instant: datetime) -> int:
    """An aware instant as microseconds since 1970-01-01 UTC."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def instant(number: int) -> datetime:
    """The aware instant of so many microseconds since 1970-01-01 UTC; OverflowError beyond the years 1 to 9999."""
    return EPOCH + timedelta(microseconds=number)


def width(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // timedelta(microseconds=1)
