"""One line of InfluxDB line protocol, taken apart strictly: what it says, or the reason why it says nothing."""

import math
import re
from typing import NamedTuple

from app.domain.limits import text_fault

_FIRST_SPACE = re.compile(r"(?<!\\) ")
_COMMA = re.compile(r"(?<!\\),")
_EQUALS = re.compile(r"(?<!\\)=")
_ESCAPED_SEPARATOR = re.compile(r"\\([,= ])")
_ESCAPED_IN_TEXT = re.compile(r'\\(["\\])')
# No possessive quantifiers: inside a group, Python 3.11 before 3.11.5 does not match with them what it should.
_FIELD = re.compile(
    r"([^,= ]*(?:(?<=\\)[,= ][^,= ]*)*)="  # a name, in which a backslash makes a separator ordinary
    r'(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^, ]*))',  # a text, or anything up to a separator
    re.DOTALL,
)
_FLOAT = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"-?[0-9]{1,40}")
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_BOOLEANS = dict.fromkeys(("t", "T", "true", "True", "TRUE"), "true") | dict.fromkeys(
    ("f", "F", "false", "False", "FALSE"), "false"
)
_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)


class Field(NamedTuple):
    """A field by its name as written: a number, or the text of a string or boolean."""

    name: str
    value: float
    text: str | None


class Line(NamedTuple):
    """A line: its head (measurement and tags) as written, its fields, its time in the unit of the body."""

    head: str
    fields: list[Field]
    time: int | None


def line_of(line: str) -> Line | None:
    """What a line says (bytes that are not UTF-8 come as surrogates); None for a comment or an empty line.

    ValueError, with the reason, for every other line. The head is left as it is: `head_of` reads it.
    """
    line = line.removesuffix("\r").strip(" \t")
    if not line or line.startswith("#"):
        return None
    if "\x00" in line:
        raise ValueError("the line holds a NUL character")
    if _UNDECODABLE.search(line):
        raise ValueError("the line is not valid UTF-8")
    space = _FIRST_SPACE.search(line)
    if space is None:
        raise ValueError("the line has no fields: expected `measurement,tag=value field=value time`")
    rest = line[space.end() :].lstrip(" ")
    fields, end = _fields(rest)
    return Line(line[: space.start()], fields, _time(rest[end:].strip(" ")))


def head_of(head: str) -> tuple[str, list[tuple[str, str]]]:
    """Measurement and tags, escapes undone; ValueError with the reason where they are not well formed."""
    measurement, *tags = _COMMA.split(head)
    if not measurement:
        raise ValueError("the measurement has no name")
    pairs: dict[str, str] = {}
    for tag in tags:
        key, *values = map(name_of, _EQUALS.split(tag))
        if len(values) != 1 or not key:
            raise ValueError(f"the tag {_shown(tag)} is not of the form key=value")
        if not values[0]:
            raise ValueError(f"the tag {_shown(key)} has no value")
        if key in pairs:
            raise ValueError(f"the tag {_shown(key)} occurs twice")
        pairs[key] = values[0]
    return name_of(measurement), list(pairs.items())


def name_of(written: str) -> str:
    """A name without the escapes of its separators."""
    return _ESCAPED_SEPARATOR.sub(r"\1", written) if "\\" in written else written


def _fields(rest: str) -> tuple[list[Field], int]:
    """The fields, and where they end."""
    fields, at = [], 0
    while True:
        match = _FIELD.match(rest, at)
        if match is None:
            raise ValueError(f"a field is not of the form name=value: {_shown(rest[at:])}")
        name, text, bare = match.groups()
        if not name:
            raise ValueError("a field has no name")
        at = match.end()
        if text is None:
            fields.append(_of_word(name, bare))
        elif at < len(rest) and rest[at] not in ", ":
            raise ValueError(f"something follows the text of the field {_shown(name)}")
        else:
            fields.append(_of_text(name, text))
        if at == len(rest) or rest[at] == " ":
            return fields, at
        at += 1


def _of_text(name: str, written: str) -> Field:
    text = _ESCAPED_IN_TEXT.sub(r"\1", written)
    if reason := text_fault(text):
        raise ValueError(f"the field {_shown(name)}: {reason}")
    return Field(name, math.nan, text)


def _of_word(name: str, word: str) -> Field:
    if word in _BOOLEANS:
        return Field(name, math.nan, _BOOLEANS[word])
    if word[-1:] in ("i", "u") and _INTEGER.fullmatch(word[:-1]):
        if int(word[:-1]) not in (_INT64 if word[-1] == "i" else _UINT64):
            raise ValueError(f"the field {_shown(name)}: {_shown(word)} does not fit 64 bits")
        return Field(name, float(int(word[:-1])), None)
    if _FLOAT.fullmatch(word):
        value = float(word)
        if math.isinf(value):
            raise ValueError(f"the field {_shown(name)}: the number does not fit double precision")
        return Field(name, value, None)
    if word.startswith('"'):
        raise ValueError(f"the text of the field {_shown(name)} is not closed")
    raise ValueError(f"the field {_shown(name)}: {_shown(word)} is no number, boolean or quoted text")


def _time(written: str) -> int | None:
    if not written:
        return None
    if not _INTEGER.fullmatch(written):
        raise ValueError(f"the time {_shown(written)} is no whole number")
    if int(written) not in _INT64:
        raise ValueError(f"the time {_shown(written)} does not fit 64 bits")
    return int(written)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else text[:64] + "…")
