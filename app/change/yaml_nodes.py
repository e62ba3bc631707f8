"""YAML text as nodes that know their places and keep scalars as they are written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from app.change.faults import Faults, Place

LARGEST = 5_000_000
"""Bytes."""
DEEPEST = 40
"""Lists and mappings in one another."""

_UNPRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with libyaml


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; `quoted` tells '5' from 5."""

    place: Place
    text: str
    quoted: bool

    @property
    def null(self) -> bool:
        return not self.quoted and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping, as it is written: keys may repeat."""

    place: Place
    nodes: tuple[tuple["Node", "Node"], ...]


Node = Scalar | Items | Pairs


def read_yaml(text: str, name: str) -> Node:
    """The one document of a text; ModelInvalid where it is not YAML, too large, or not plain data."""
    return _Composer(text, name).document()


class _Composer:
    def __init__(self, text: str, name: str) -> None:
        self._name = name
        text = text.removeprefix("\ufeff")
        if len(text) > LARGEST or len(text.encode("utf-8", "surrogatepass")) > LARGEST:
            self._refuse(
                Place(1, 1), f"The file is larger than {LARGEST:,} bytes.", "Split it: each part can be applied."
            )
        if found := _UNPRINTABLE.search(text):
            start = text.rfind("\n", 0, found.start()) + 1
            place = Place(text.count("\n", 0, start) + 1, found.start() - start + 1)
            self._refuse(
                place, f"YAML text cannot hold the character {found.group()!r}.", "Remove it, and save as UTF-8."
            )
        self._events: Iterator[Event] = yaml.parse(text, Loader=_LOADER)

    def document(self) -> Node:
        self._next()
        if not isinstance(self._next(), DocumentStartEvent):
            self._refuse_empty()
        node = self._node(self._next(), 1)
        if isinstance(node, Scalar) and node.null:
            self._refuse_empty()
        self._next()
        if isinstance(more := self._next(), DocumentStartEvent):
            self._refuse(_place(more), "A second document starts here.", "Remove the `---`: a model is one document.")
        return node

    def _next(self) -> Event:
        try:
            return next(self._events)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
            told = ", ".join(part for part in (error.context, error.problem) if part)
            remedy = "Look at the colons, quotes and indentation here and in the line before; indent with spaces."
            self._refuse(place, f"This is not YAML: {told}.", remedy)
        except yaml.YAMLError as error:
            self._refuse(Place(1, 1), f"This is not YAML: {error}.", "Save the file as UTF-8 text.")

    def _node(self, event: Event, depth: int) -> Node:
        place = _place(event)
        if isinstance(event, AliasEvent):
            self._refuse(place, f"*{event.anchor} is an alias.", "Write out what it stands for.")
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self._refuse(place, f"&{event.anchor} is an anchor.", "Remove it, and write out its aliases.")
        if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent) and event.tag is not None:
            self._refuse(place, f"{event.tag} is a tag.", "Remove it; quote a value that is to be text.")
        if depth > DEEPEST:
            self._refuse(place, f"Lists and mappings nest more than {DEEPEST} deep.", "Write it flatter.")
        match event:
            case ScalarEvent():
                return Scalar(place, event.value, event.style is not None and event.style != "")
            case SequenceStartEvent():
                return Items(place, tuple(self._until(SequenceEndEvent, depth)))
        nodes = list(self._until(MappingEndEvent, depth))
        return Pairs(place, tuple(zip(nodes[::2], nodes[1::2], strict=True)))

    def _until(self, end: type[Event], depth: int) -> Iterator[Node]:
        while not isinstance(event := self._next(), end):
            yield self._node(event, depth + 1)

    def _refuse_empty(self) -> NoReturn:
        self._refuse(Place(1, 1), "The file is empty.", "Write `plants:`, `machine_types:` or `metrics:`.")

    def _refuse(self, place: Place, sentence: str, remedy: str) -> NoReturn:
        faults = Faults(self._name)
        faults.add(place, sentence, remedy)
        raise faults.error()


def _place(event: Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
