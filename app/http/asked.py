"""What the query of an address asks: names that are known, said as often as they may be, with times that make sense."""

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import isodate
from starlette.requests import HTTPConnection

from app.domain.asking import asked_range
from app.domain.spans import Span
from app.errors import BadInput, TooLarge

LONGEST = 1 << 19
"""Bytes of an address: room for the ids of 20,000 series."""
LONGEST_DURATION = 100
"""Characters: reading many digits takes long."""

# In an address + is a space, and few remember to write %2B.
_LOST_PLUS = re.compile(r"(\S+T\S+) (\d\d:?\d\d)")
_RANGE_HINT = "Write from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z, or last=PT8H."
_INSTANT_HINT = "Write 2026-03-01T06:00:00Z, or an offset with its plus as %2B: 2026-03-01T06:00:00%2B01:00."


class AskedQuery:
    """The parameters of a request; BadInput for names that are not in `once` or `often`, and for repeated ones."""

    def __init__(self, connection: HTTPConnection, *, once: Collection[str], often: Collection[str]) -> None:
        raw: bytes = connection.scope["query_string"]
        if len(raw) > LONGEST:
            raise TooLarge(f"The address is longer than {LONGEST:,} bytes.", "Name machines, lines or plants.")
        try:
            self._given = parse_qs(raw.decode("ascii"), keep_blank_values=True, errors="strict")
        except ValueError as error:
            raise BadInput("The address is not URL-encoded UTF-8.", "Write it in UTF-8, URL-encoded.") from error
        for name, values in self._given.items():
            if name not in once and name not in often:
                known = ", ".join([*often, *once])
                raise BadInput(f"The parameter {name[:60]!r} is not known.", f"There are {known}.")
            if name in once and len(values) > 1:
                raise BadInput(f"The address has {name} more than once.", "Write it once.")

    def one(self, name: str) -> str | None:
        """None where it is left out or empty."""
        return self._given.get(name, [""])[0] or None

    def many(self, name: str) -> list[str]:
        """Each once, in the order given."""
        return [text for text in dict.fromkeys(self._given.get(name, [])) if text]

    def range(self, now: datetime) -> Span:
        """`from` and `to`, or `last`, by the rules of every range."""
        asked = self._instant("from"), self._instant("to"), self._duration("last")
        try:
            return asked_range(*asked, now)
        except BadInput as error:
            raise BadInput(error.message, _RANGE_HINT) from error

    def _instant(self, name: str) -> datetime | None:
        text = self.one(name)
        if text is None:
            return None
        if lost := _LOST_PLUS.fullmatch(text):
            text = f"{lost[1]}+{lost[2]}"
        try:
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is None:
                raise BadInput(f"{name}={text[:60]} lacks an offset.", _INSTANT_HINT)
            return instant.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise BadInput(f"{name}={text[:60]} is not an instant.", _INSTANT_HINT) from error

    def _duration(self, name: str) -> timedelta | None:
        text = self.one(name)
        if text is None:
            return None
        try:
            duration = isodate.parse_duration(text) if len(text) <= LONGEST_DURATION else None
        except (ValueError, OverflowError):
            duration = None
        if not isinstance(duration, timedelta):
            message = f"{name}={text[:60]} is not a duration in ISO 8601, of one length."
            raise BadInput(message, "Write PT1H, PT8H or P7D; months and years vary.")
        return duration
