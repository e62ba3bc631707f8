"""Two answers side by side: which buckets are missing, additional or different, in words a person can act on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isclose
from typing import Any, Final

from simulation.truth import Columns

MEASURES: Final = ("count", "average", "minimum", "maximum", "first", "last")
"""What every metric has, beside `starts`."""
MOST_WORDS: Final = 10

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Comparison:
    """How many buckets were compared, and how many of them are missing, additional or different."""

    compared: int = 0
    missing: int = 0
    additional: int = 0
    changed: int = 0
    words: list[str] = field(default_factory=list)
    """The first few differences."""

    @property
    def different(self) -> int:
        return self.missing + self.additional + self.changed

    def say(self, sentence: str) -> None:
        if len(self.words) < MOST_WORDS:
            self.words.append(sentence)


def compare_columns(
    name: str, found: Columns, expected: Columns, into: Comparison, measures: Sequence[str] = MEASURES
) -> None:
    """Counts the buckets of one series and step; `name` says which, and `starts` are microseconds in both."""
    names = ("starts", *measures)
    if all(found[each] == expected[each] for each in names):
        into.compared += len(expected["starts"])
        return
    ours, theirs = _by_start(expected, measures), _by_start(found, measures)
    if again := len(found["starts"]) - len(theirs):
        into.additional += again
        into.compared += again
        into.say(f"{name}: {again} buckets are there twice")
    elif found["starts"] != sorted(found["starts"]):
        into.changed += 1
        into.say(f"{name}: the buckets are not in the order of time")
    for start in sorted(ours.keys() | theirs.keys()):
        into.compared += 1
        where = f"{name}, bucket of {instant(start)}"
        if start not in theirs:
            into.missing += 1
            into.say(f"{where}: is missing; expected {_shown(measures, ours[start])}")
        elif start not in ours:
            into.additional += 1
            into.say(f"{where}: should not be there; found {_shown(measures, theirs[start])}")
        elif wrong := [at for at in range(len(measures)) if not _same(ours[start][at], theirs[start][at])]:
            into.changed += 1
            told = [f"{measures[at]} is {theirs[start][at]}, expected {ours[start][at]}" for at in wrong]
            into.say(f"{where}: {'; '.join(told)}")


def instant(at: int) -> str:
    """Microseconds as a person reads them."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")


def _by_start(columns: Columns, measures: Sequence[str]) -> dict[int, tuple[Any, ...]]:
    rows = zip(*(columns[each] for each in measures), strict=True)
    return dict(zip(columns["starts"], rows, strict=True))


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=1e-9)


def _shown(measures: Sequence[str], values: Sequence[object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(measures, values, strict=True))
