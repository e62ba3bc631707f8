"""How a source's names become a series, and which machine and metric it claims (semantics: series)."""

import re
from collections.abc import Iterable
from typing import NamedTuple

CODE = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
LONGEST_SOURCE = 1_000
"""Characters; a longer one does not fit the index on it."""
OWN = "linegraph:"
"""How the names of series begin that are made here: nobody else's may."""

_MAPPING_TAGS = ("plant", "line", "machine")


class Address(NamedTuple):
    """One metric of one machine, by codes."""

    plant: str
    line: str
    machine: str
    metric: str


class SeriesKey(NamedTuple):
    """What a source says about a series: its own name for it, and the machine and metric it claims.

    `source` identifies the series; equal sources are one series. `address` is None where the source names no machine,
    or names it in part or badly: `unmapped_reason` then tells which. `named` marks a writer that asks for the machine
    and metric itself, whatever series is mapped to it. `discrete` marks text and booleans. `unit` is the one that the
    source says its values are in.
    """

    source: str
    address: Address | None = None
    unmapped_reason: str | None = None
    named: bool = False
    discrete: bool = False
    unit: str | None = None


def is_code(text: str) -> bool:
    """Codes name plants, lines and machines: letters, digits, - and _, at most 64."""
    return CODE.match(text) is not None


def source_name(measurement: str, tags: Iterable[tuple[str, str]], field: str) -> str:
    """The canonical name of a line-protocol series: measurement, sorted tags, field, escaped as the protocol does."""
    parts = [_escaped(measurement, ", ")]
    parts += [f"{_escaped(key, ', =')}={_escaped(value, ', =')}" for key, value in sorted(tags)]
    return f"{','.join(parts)} {_escaped(field, ', =')}"


def metric_name(measurement: str, field: str) -> str:
    """`<measurement>.<field>`, or the measurement alone where the field is called `value`."""
    return measurement if field == "value" else f"{measurement}.{field}"


def series_key(measurement: str, tags: Iterable[tuple[str, str]], field: str, *, discrete: bool = False) -> SeriesKey:
    """The series of a measurement with all its tags and one field.

    ValueError, with the reason, where the name cannot be kept: it is too long or holds a NUL character.
    """
    pairs = list(tags)
    source = checked_source(source_name(measurement, pairs, field))
    by_key = dict(pairs)
    present = [key for key in _MAPPING_TAGS if key in by_key]
    if not present:
        return SeriesKey(source, None, "it has none of the tags plant, line and machine", discrete=discrete)
    if missing := [key for key in _MAPPING_TAGS if key not in by_key]:
        return SeriesKey(source, None, f"the tag {' and '.join(missing)} is missing", discrete=discrete)
    if bad := [key for key in _MAPPING_TAGS if not is_code(by_key[key])]:
        reason = f"the {bad[0]} code {by_key[bad[0]][:64]!r} has characters other than letters, digits, - and _"
        return SeriesKey(source, None, reason, discrete=discrete)
    address = Address(by_key["plant"], by_key["line"], by_key["machine"], metric_name(measurement, field))
    return SeriesKey(source, address, None, discrete=discrete)


def checked_source(source: str) -> str:
    """The source itself; ValueError with the reason where it is empty, too long, cannot be kept as text, or says that
    it is one of our own."""
    if not source:
        raise ValueError("a source needs a name")
    if source.startswith(OWN):
        raise ValueError(f"a name that begins with {OWN} is that of a series that is made here")
    if len(source.encode("utf-8", "surrogatepass")) > LONGEST_SOURCE:
        raise ValueError(f"the name of the series is longer than {LONGEST_SOURCE} bytes")
    if "\x00" in source:
        raise ValueError("the name of the series holds a NUL character")
    return source


def derived_key(address: Address) -> SeriesKey:
    """The series that the worker keeps for a derived metric of a machine."""
    return SeriesKey(f"{OWN}derived {'/'.join(address[:3])} {address.metric}", address)


def _escaped(text: str, characters: str) -> str:
    if not any(character in text for character in characters):
        return text
    return re.sub(f"([{re.escape(characters)}])", r"\\\1", text)
