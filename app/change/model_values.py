"""Reads the single values of a model file, each as strictly as the store and the formulas need it."""

import math
import re
from datetime import time, timedelta
from typing import Protocol, TypeVar
from zoneinfo import available_timezones

import isodate

from app.change.faults import Place, shown
from app.change.yaml_nodes import Items, Node, Pairs, Scalar
from app.domain.addresses import is_code
from app.domain.model import MetricKind
from app.domain.model_conflicts import closest

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reader(Protocol[T_co]):
    """Reads a node; Wrong where it cannot be what it should."""

    def __call__(self, node: Node, /) -> T_co: ...


NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_CODE = re.compile(r"-?(0|[1-9][0-9]{0,9})\Z")
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z")
_DAY = timedelta(days=1)
_LONGEST_TIME = timedelta(days=36_525)


class Wrong(Exception):
    """A value that cannot be: the rest of a sentence that begins with its key, and what mends it."""

    def __init__(self, place: Place, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.place = place
        self.sentence = sentence
        self.remedy = remedy


def text(longest: int, *, largest: int | None = None) -> Reader[str]:
    """Anything but nothing, up to so many characters, and bytes in UTF-8."""

    def read(node: Node) -> str:
        value = scalar(node)
        if value.null or not value.text:
            raise Wrong(node.place, "is empty.", "Write a text, or leave the key out.")
        if len(value.text) > longest:
            raise Wrong(node.place, f"has {len(value.text):,} characters.", f"Write at most {longest:,}.")
        kept = storable(value.place, value.text)
        if largest is not None and (size := len(kept.encode())) > largest:
            raise Wrong(node.place, f"has {size:,} bytes in UTF-8.", f"Write at most {largest:,}.")
        return kept

    return read


def code(node: Node) -> str:
    value = scalar(node)
    if value.null or not value.text:
        raise Wrong(node.place, "is empty.", "Write letters, digits, - and _.")
    if is_code(value.text):
        return value.text
    bent = re.sub("[^A-Za-z0-9_-]+", "-", value.text).strip("-")[:64]
    remedy = f"Write for example {bent}, and the rest as its `name`." if bent else "Write for example robot-3."
    raise Wrong(node.place, f"is {shown(value.text)}; a code is 1 to 64 letters, digits, - and _.", remedy)


def time_zone() -> Reader[str]:
    """An IANA name that this machine or the tzdata package knows."""
    zones = available_timezones() - {"localtime", "Factory"}

    def read(node: Node) -> str:
        value = scalar(node).text
        if value in zones:
            return value
        meant = closest(value, zones)
        remedy = f"Did you mean {meant}?" if meant else "Write an IANA name such as America/Detroit."
        raise Wrong(node.place, f"is {shown(value)}, which is no time zone.", remedy)

    return read


def time_of_day(node: Node) -> time:
    value = scalar(node).text
    if found := _HOURS.match(value):
        return time(int(found[1]), int(found[2]))
    raise Wrong(node.place, f"is {shown(value)}, not a time from 00:00 to 23:59.", 'Write hours and minutes: "06:00".')


def kind(node: Node) -> MetricKind:
    value = scalar(node).text
    if value in MetricKind.__members__:
        return MetricKind(value)
    meant = closest(value.upper(), MetricKind.__members__)
    remedy = f"Did you mean {meant}?" if meant else "A GAUGE goes up and down, a COUNTER grows, a STATE has labels."
    raise Wrong(node.place, f"is {shown(value)}, not GAUGE, COUNTER or STATE.", remedy)


def duration(*, zero: bool) -> Reader[timedelta]:
    """ISO 8601 without years and months, whose length varies."""

    def read(node: Node) -> timedelta:
        value = scalar(node).text
        try:
            found = isodate.parse_duration(value) if value.isascii() else None
        except (ValueError, OverflowError, ArithmeticError):
            found = None
        if found is None:
            raise Wrong(node.place, f"is {shown(value)}, not an ISO 8601 duration.", "Write for example PT30S or PT5M.")
        if not isinstance(found, timedelta):
            raise Wrong(node.place, f"is {shown(value)}: months and years vary in length.", "Write days, as in P30D.")
        if found < timedelta(0) or (not found and not zero):
            least = "below zero" if zero else "not above zero"
            raise Wrong(node.place, f"is {shown(value)}, which is {least}.", "Write for example PT30S.")
        if found > _LONGEST_TIME:
            raise Wrong(node.place, f"is {shown(value)}, longer than a century.", "Write for example P30D.")
        return found

    return read


def step(node: Node) -> timedelta:
    """A duration of whole minutes of which some make a day."""
    found = duration(zero=False)(node)
    if found % timedelta(minutes=1) or _DAY % found:
        sentence = f"is {shown(scalar(node).text)}: a day cannot be cut into such steps of whole minutes."
        raise Wrong(node.place, sentence, "Write for example PT1M, PT5M, PT15M, PT1H or P1D.")
    return found


def number(*, zero: bool) -> Reader[float]:
    """A finite number above zero, or zero as well."""

    def read(node: Node) -> float:
        value = scalar(node).text
        if not NUMBER.match(value):
            raise Wrong(node.place, f"is {shown(value)}, not a number.", "Write digits, as in 65536 or 0.5.")
        found = float(value)
        if math.isinf(found):
            raise Wrong(
                node.place, f"is {shown(value)}, which is too large.", "Write a number that a machine counts to."
            )
        if found < 0 or (not found and not zero):
            least = "below zero" if zero else "not above zero"
            raise Wrong(node.place, f"is {shown(value)}, which is {least}.", "Write a greater number.")
        return abs(found)  # no minus before a zero

    return read


def label_code(node: Node) -> int:
    value = scalar(node).text
    if _CODE.match(value) and -(2**31) <= int(value) < 2**31:
        return int(value)
    raise Wrong(node.place, f"has the code {shown(value)}, not a whole number.", "Write labels as {0: idle, 1: run}.")


def or_nothing(read: Reader[T]) -> Reader[T | None]:
    """Also null, which takes away what was there."""
    return lambda node: None if isinstance(node, Scalar) and node.null else read(node)


def scalar(node: Node) -> Scalar:
    match node:
        case Scalar():
            return node
        case Items():
            raise Wrong(node.place, "is a list, where one value is expected.", "Write one value behind the colon.")
    raise Wrong(node.place, "is a mapping, where one value is expected.", "Write one value behind the colon.")


def items(node: Node) -> tuple[Node, ...]:
    """The members of a list; nothing written is an empty one."""
    match node:
        case Items():
            return node.nodes
        case Scalar(null=True):
            return ()
    what = "a mapping" if isinstance(node, Pairs) else f"the text {shown(node.text)}"
    raise Wrong(node.place, f"is {what}, where a list is expected.", "Begin each member with `- `.")


def pairs(node: Node) -> tuple[tuple[Node, Node], ...]:
    """The members of a mapping; nothing written is an empty one."""
    match node:
        case Pairs():
            return node.nodes
        case Scalar(null=True):
            return ()
    what = "a list" if isinstance(node, Items) else f"the text {shown(node.text)}"
    raise Wrong(node.place, f"is {what}, where a mapping is expected.", "Write `key: value`.")


def storable(place: Place, value: str) -> str:
    """PostgreSQL's text holds neither NUL nor half a surrogate pair."""
    if "\x00" in value:
        raise Wrong(place, "holds a NUL character.", "Remove it.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Wrong(place, "holds half a surrogate pair.", "Remove it, or write the whole character.")
    return value
