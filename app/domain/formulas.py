"""Formulas: text to a tree of numbers, names, aggregates and the four operations, by a closed list of what may stand in
it."""

import ast
import keyword
import math
import re
import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import lru_cache

from app.errors import BadInput

LONGEST = 2_000
"""Characters."""
DEEPEST = 100
"""Operations within each other, in a formula and in all that it refers to."""
REMEMBERED = 1_000

HOW = "Write for example: good / total, or energy / increase(good)."
QUOTES = 'Names with other characters than letters, digits, _ and dots stand in quotes: "spindle-load".'


class Function(Enum):
    """What becomes of the readings of a metric, over a bucket and over machines."""

    INCREASE = "increase"
    SUM = "sum"
    AVERAGE = "average"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    FIRST = "first"
    LAST = "last"
    COUNT = "count"
    DURATION = "duration"


class Operator(Enum):
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Named:
    """A metric or another KPI, with `function` a metric; `at` is the character where it stands, from one."""

    name: str
    function: Function | None
    at: int


@dataclass(frozen=True, slots=True)
class Elapsed:
    """`duration()`."""


@dataclass(frozen=True, slots=True)
class Operation:
    operator: Operator
    left: "Term"
    right: "Term"
    at: int


Term = Number | Named | Elapsed | Operation

_OPERATORS: dict[type[ast.operator], Operator] = {
    ast.Add: Operator.ADD,
    ast.Sub: Operator.SUBTRACT,
    ast.Mult: Operator.MULTIPLY,
    ast.Div: Operator.DIVIDE,
}
_FUNCTIONS = {function.value: function for function in Function}
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\Z")
_UNTOLD = re.compile("[\x00\ud800-\udfff]")
"""What no name in the store can hold."""
_WORDS = re.compile(rf"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|\b(?:{"|".join(keyword.kwlist)})\b""")
"""Python's own words, outside of quotes: here they are names like others, such as yield."""
_LINES = str.maketrans("\t\n\r\f\v", "     ")


@lru_cache(maxsize=REMEMBERED)
def parse(text: str) -> Term:
    """The tree of a formula; BadInput, with the place, for whatever else there may be in a text."""
    if len(text) > LONGEST:
        raise BadInput(f"The formula has {len(text):,} characters.", f"Write at most {LONGEST:,}.")
    # Places stay where they are; a line is as good as a space.
    return _Reading(text.translate(_LINES)).tree()


def names(term: Term) -> set[str]:
    """Metrics and KPIs that are named in it."""
    found: set[str] = set()
    pending = [term]
    while pending:
        match pending.pop():
            case Operation(_, left, right):
                pending += [left, right]
            case Named(name):
                found.add(name)
            case _:
                continue
    return found


def at_character(at: int) -> str:
    """The place, as sentences have it."""
    return f"(at character {at})"


class _Reading:
    """Goes through what Python's parser makes of a text; nothing of it is ever run."""

    def __init__(self, text: str) -> None:
        self._source = text.strip()
        self._before = len(text) - len(text.lstrip())
        self._bytes = self._source.encode("utf-8", "surrogatepass")

    def tree(self) -> Term:
        if not self._source:
            raise BadInput("The formula is empty.", HOW)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd literals, to standard error
                body = ast.parse(_WORDS.sub(_masked, self._source), mode="eval").body
        except SyntaxError as error:
            place = at_character(self._before + max(error.offset or 1, 1))
            raise BadInput(f"The formula cannot be read {place}.", f"{HOW} {QUOTES}") from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise BadInput("The formula cannot be read.", HOW) from error
        found = self._term(body, 0)
        rest = self._bytes[body.end_col_offset or 0 :].decode("utf-8", "surrogatepass")
        if behind := rest.lstrip(" )"):
            raise self._fault(len(self._source) - len(behind), "has a comment", "Put it into the description.")
        return found

    def _term(self, node: ast.expr, depth: int) -> Term:
        if depth > DEEPEST:
            raise self._wrong(node, f"nests more than {DEEPEST} deep", "Write a shorter one; it may refer to others.")
        match node:
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                sides = self._term(left, depth + 1), self._term(right, depth + 1)
                return Operation(_OPERATORS[type(operator)], *sides, self._place(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                found = self._term(operand, depth + 1)
                if isinstance(found, Number):
                    return Number(-found.value)
                return Operation(Operator.MULTIPLY, Number(-1.0), found, self._place(operand))
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._number(node, value)
            case ast.Constant(value=str()) | ast.Name() | ast.Attribute():
                return Named(self._name(node), None, self._place(node))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(node, name, arguments)
        raise self._wrong(node, "holds something other than numbers, names, aggregates and + - * /", HOW)

    def _number(self, node: ast.expr, value: float) -> Number:
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        if not math.isfinite(found):
            raise self._wrong(node, "has a number that is too large", "Write one below 1e308.")
        return Number(found)

    def _name(self, node: ast.expr) -> str:
        """As it is written, for Python would change letters that look alike; attributes are never looked up."""
        match node:
            case ast.Constant(value=str(quoted)) if not _UNTOLD.search(quoted):
                return quoted
            case ast.Name() | ast.Attribute() if _DOTTED.match(written := self._written(node)):
                return written
        raise self._wrong(node, "has no name", f"Write a name alone. {QUOTES}")

    def _call(self, node: ast.expr, name: str, arguments: list[ast.expr]) -> Term:
        function = _FUNCTIONS.get(name)
        if function is None:
            meant = get_close_matches(name[:64], _FUNCTIONS, 1)
            remedy = f"Did you mean {meant[0]}?" if meant else f"There are {', '.join(_FUNCTIONS)}."
            raise self._wrong(node, "has an aggregate that is not known", remedy)
        if function is Function.DURATION:
            if arguments:
                raise self._wrong(node, "gives duration() something", "Leave its brackets empty.")
            return Elapsed()
        if len(arguments) != 1:
            raise self._wrong(node, f"gives {name}() other than one metric", f"Write {name}(good), or {name}(a.b).")
        return Named(self._name(arguments[0]), function, self._place(arguments[0]))

    def _place(self, node: ast.expr) -> int:
        return self._before + len(self._bytes[: node.col_offset].decode()) + 1

    def _written(self, node: ast.expr) -> str:
        return self._bytes[node.col_offset : node.end_col_offset].decode()

    def _wrong(self, node: ast.expr, sentence: str, remedy: str) -> BadInput:
        return self._fault(self._place(node) - self._before - 1, sentence, remedy)

    def _fault(self, start: int, sentence: str, remedy: str) -> BadInput:
        piece = self._source[start : start + 30]
        return BadInput(f"The formula {sentence} {at_character(self._before + start + 1)}: {piece!r}.", remedy)


def _masked(word: re.Match[str]) -> str:
    """Another name of the same length; what is quoted stays."""
    return word[1] or "_" * len(word[0])
