"""Opaque ids: what kind of thing, and which."""

import base64
import binascii
import re
from typing import NamedTuple

import strawberry

from app.domain.model import Line, Machine, Plant, Series
from app.errors import BadInput

Identified = Plant | Line | Machine | Series

_KINDS: dict[type[Identified], str] = {Plant: "plant", Line: "line", Machine: "machine", Series: "series"}
_WRITTEN = re.compile(r"(plant|line|machine|series):([1-9][0-9]{0,9})\Z")
LARGEST_NUMBER = 2**31 - 1


class NodeId(NamedTuple):
    """What an id stands for."""

    kind: str
    number: int


def node_id(value: Identified) -> strawberry.ID:
    """The id of a plant, line, machine or series; it stays with it through mapping, renaming and moving."""
    return strawberry.ID(base64.urlsafe_b64encode(f"{_KINDS[type(value)]}:{value.id}".encode()).decode().rstrip("="))


def read_id(text: str, kind: str | None = None) -> NodeId:
    """What the id stands for; BadInput for one that is not ours, or is of another kind."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        plain = ""
    match = _WRITTEN.match(plain)
    if match is None or int(match[2]) > LARGEST_NUMBER or kind not in (None, match[1]):
        raise BadInput(
            f"The id {text[:60]!r} is not that of a {kind or 'node'}.", "Hand back an id that a query gave, unchanged."
        )
    return NodeId(match[1], int(match[2]))
