"""Kinds of content: which one an answer has, by what `Accept` prefers, and which ones a body may have."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.requests import HTTPConnection

from app.errors import MediaNotGiven, MediaNotTaken

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
HTML: Final = "text/html"
CSV: Final = "text/csv"
ARROW: Final = "application/vnd.apache.arrow.stream"
PARQUET: Final = "application/vnd.apache.parquet"

_RANGE: Final = re.compile(r"\*/\*|[a-z0-9!#$&^_.+-]+/(?:\*|[a-z0-9!#$&^_.+-]+)")
_WEIGHT: Final = re.compile(r"0(?:\.[0-9]*)?|1(?:\.0*)?")
_UTF_8: Final = ("utf-8", "utf8", '"utf-8"', '"utf8"')


class Range(NamedTuple):
    """What one part of `Accept` takes; the exact name goes before `application/*`, and that before `*/*`."""

    media: str
    weight: float
    place: int

    def exactness(self, media: str) -> int:
        """2 for the name itself, 1 for all of its type, 0 for anything, -1 where it is another."""
        wanted = (media, f"{media.partition('/')[0]}/*", "*/*")
        return 2 - wanted.index(self.media) if self.media in wanted else -1


def preferred(accept: str, offered: Sequence[str]) -> str | None:
    """The one of those offered that is liked best, or None where none is; anything will do where nothing is said.

    By weight; then the one that is named more exactly; then the one that is named, or else offered, first. Parts that
    cannot be read are left out.
    """
    ranges = [each for place, part in enumerate(accept.lower().split(",")) if (each := _range(part, place))]
    if not ranges:
        return offered[0]
    liked: list[tuple[float, int, int, str]] = []
    for media in offered:
        nearest = max(ranges, key=lambda each: (each.exactness(media), each.weight, -each.place))
        if nearest.exactness(media) >= 0 and nearest.weight > 0:
            liked.append((nearest.weight, nearest.exactness(media), -nearest.place, media))
    return max(liked, key=lambda each: each[:3])[3] if liked else None


def accepted(connection: HTTPConnection) -> str:
    """All `Accept` headers as one."""
    return ",".join(connection.headers.getlist("accept"))


def answer_type(connection: HTTPConnection) -> str:
    """The media type of a GraphQL answer; MediaNotGiven where the asker takes neither of the two that there are."""
    media = preferred(accepted(connection), (JSON, GRAPHQL_JSON))
    if media is None:
        raise MediaNotGiven(
            f"No answer is given as {accepted(connection)[:100]}.", f"Accept {GRAPHQL_JSON} or {JSON}, in UTF-8."
        )
    return media


def must_be_json(connection: HTTPConnection, hint: str) -> None:
    """MediaNotTaken where the body is said to be anything else, or nothing is said of it."""
    kind, *parameters = connection.headers.get("content-type", "").lower().split(";")
    if kind.strip() != JSON:
        raise MediaNotTaken(f"The content type {kind.strip()[:60]!r} is not {JSON}.", hint)
    if not _in_utf_8(parameters):
        raise MediaNotTaken("The body is not in UTF-8.", "Send it in UTF-8, and say so or nothing.")


def _range(part: str, place: int) -> Range | None:
    media, *parameters = (each.strip() for each in part.split(";"))
    weight = next((each[2:].strip() for each in parameters if each.startswith("q=")), "1")
    if not _RANGE.fullmatch(media) or not _WEIGHT.fullmatch(weight):
        return None
    return Range(media, float(weight) if _in_utf_8(parameters) else 0.0, place)


def _in_utf_8(parameters: Sequence[str]) -> bool:
    named = (each.strip().partition("=") for each in parameters)
    return all(value.strip() in _UTF_8 for name, _, value in named if name.strip() == "charset")
