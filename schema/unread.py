"""What is refused unread: texts by their tokens, variables by their size, both in one pass that stops at the limit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from graphql import GraphQLError

from schema.limits import PARSE_FAILED, QueryLimits, refusal, refusal_of_variables

# Possessive, and every alternative keeps what it has taken: one pass over any text, unclosed strings included.
_TOKEN: Final = re.compile(
    r'"""(?:[^"\\]++|\\"""|\\|"(?!""))*+(?:""")?'
    r'|"(?:[^"\\\r\n]++|\\.)*+"?'
    r"|\#[^\r\n]*+|[_A-Za-z][_A-Za-z0-9]*+|\.\.\.|[-+0-9][-+.0-9A-Za-z]*+"
    r"|[^\s,\ufeff]"
)
_NO_NAME_AFTER: Final = (":", "@", "...", "on")


@dataclass(slots=True)
class _Place:
    """What stands directly within a bracket: entries of a list, or names that fields answer to, `level` fields deep."""

    bracket: str = ""
    level: int = 0
    entries: int = 0
    names: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Seen:
    """Counts what tokens show, none of it higher than what a parsed document would show.

    A colon outside of parentheses is an alias. Names that repeat through fragments are not seen.
    """

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    directives: int = 0
    spreads: int = 0
    definitions: int = 0
    overlaps: int = 0
    items: int = 0
    around: list[_Place] = field(default_factory=list)
    place: _Place = field(default_factory=_Place)
    parentheses: int = 0
    before: str = ""
    spreading: bool = False

    def take(self, mark: str) -> None:
        if mark in ")]}":
            self.parentheses -= mark == ")"
            self.spreading = False
            if self.around:
                self.place = self.around.pop()
        elif self.place.bracket == "[":
            self._enter(mark)
        elif self.parentheses == 0:
            self._select(mark)
        if mark in "([{":
            self._open(mark)
        self.before = mark

    def _enter(self, mark: str) -> None:
        self.place.entries += mark != "$"
        self.items = max(self.items, self.place.entries)

    def _select(self, mark: str) -> None:
        if mark == ":":
            self.aliases += 1
        elif mark == "@":
            self.directives += 1
        elif mark == "...":
            self.spreads += 1
            self.spreading = True
        elif self.around and self.before not in _NO_NAME_AFTER and mark.isidentifier():
            self.spreading = False
            self.fields += 1
            self.overlaps += self.place.names.get(mark, 0)
            self.place.names[mark] = self.place.names.get(mark, 0) + 1

    def _open(self, mark: str) -> None:
        """A bracket after a spread is that of an inline fragment, whose fields are no deeper."""
        self.around.append(self.place)
        self.definitions += mark == "{" and len(self.around) == 1
        self.place = _Place(mark, self.place.level + (mark == "{" and not self.spreading and self.parentheses == 0))
        self.depth = max(self.depth, self.place.level)
        self.parentheses += mark == "("


_TOTALS: Final = ("depth", "aliases", "fields", "directives", "spreads", "definitions", "overlaps", "items")


def refusal_unread(text: str, limits: QueryLimits) -> GraphQLError | None:
    """Refuses what shows without parsing, which takes five times as long."""
    if len(text) > limits.characters:
        return refusal("characters", limits, PARSE_FAILED)
    seen = _Seen()
    for tokens, match in enumerate(_TOKEN.finditer(text), start=1):
        if not match[0].startswith("#"):
            seen.take(match[0])
        if tokens > limits.tokens:
            return refusal("tokens", limits, PARSE_FAILED)
        if len(seen.around) > limits.nesting:
            return refusal("nesting", limits, PARSE_FAILED)
    return next((refusal(what, limits) for what in _TOTALS if getattr(seen, what) > getattr(limits, what)), None)


def refusal_of_given(variables: Mapping[str, object] | None, limits: QueryLimits) -> GraphQLError | None:
    """Refuses variables that are too many or too long, whether the query uses them or not."""
    pending: list[object] = [variables]
    values = characters = 0
    while pending:
        value = pending.pop()
        values += 1
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, list | dict):
            if len(value) > limits.items:
                return refusal_of_variables("items", limits)
            if isinstance(value, dict):
                characters += sum(map(len, value))
                pending.extend(value.values())
            else:
                pending.extend(value)
        if values > limits.tokens:
            return refusal_of_variables("tokens", limits)
        if characters > limits.characters:
            return refusal_of_variables("characters", limits)
    return None
