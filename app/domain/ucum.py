"""UCUM: what a code for a unit stands for, by the table and the grammar of ucumvert."""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any, NamedTuple

LONGEST_CODE = 64
MOST_PARTS = 12
"""Operators and brackets in a code: the grammar takes a fifth of a millisecond for each."""

HIGHEST_POWER = 99
REMEMBERED = 1_000


class Meaning(NamedTuple):
    """One of a unit is `factor` of these powers of base units; its zero lies at `zero` of them."""

    factor: Fraction
    powers: Mapping[str, int]
    zero: Fraction = Fraction(0)

    def times(self, other: "Meaning", sign: int = 1) -> "Meaning":
        """The product, with -1 the quotient. Beside other units a scale that begins elsewhere stands for its
        differences; beside numbers it stays what it is."""
        powers = Counter(self.powers)
        for base, power in other.powers.items():
            powers[base] += sign * power
        zero = self.zero if not other.powers else other.zero if sign == 1 and not self.powers else Fraction(0)
        kept = {base: power for base, power in powers.items() if power}
        return Meaning(self.factor * other.factor**sign, kept, zero)

    def power(self, exponent: int) -> "Meaning":
        if exponent == 1:
            return self
        return Meaning(self.factor**exponent, {base: power * exponent for base, power in self.powers.items()})


NUMBER = Meaning(Fraction(1), {})

_SCALES = {
    "Cel": Meaning(Fraction(1), {"K": 1}, Fraction("273.15")),
    "[degF]": Meaning(Fraction(5, 9), {"K": 1}, Fraction("459.67") * 5 / 9),
    "[degRe]": Meaning(Fraction(5, 4), {"K": 1}, Fraction("273.15")),
}
"""Units whose zero is another than that of their base unit: UCUM's table has functions for them."""


def prepare() -> None:
    """Reads table and grammar, which takes a third of a second: before the first request rather than in it."""
    _ucum()


def meaning(code: str) -> Meaning | None:
    """What one of this unit is; None for what is no UCUM code, or a longer one than anybody writes."""
    if len(code) > LONGEST_CODE or sum(map(code.count, "./(")) > MOST_PARTS:
        return None
    return _meaning(code)


@lru_cache(maxsize=REMEMBERED)
def _meaning(code: str) -> Meaning | None:
    return _ucum().meaning(code)


@cache
def _ucum() -> "_Ucum":
    return _Ucum()


class _Ucum:
    """The library reads codes and has UCUM's own table, whose numbers are used. Those that it takes from pint are wrong
    for some units of industry: a cubic foot is a length there, an inch of mercury 0.3 % off."""

    def __init__(self) -> None:
        # Imported here: it takes a tenth of a second, and most commands know no units.
        from lark.exceptions import LarkError
        from ucumvert import get_ucum_parser, xml_util

        self._parser = get_ucum_parser()
        self._error = LarkError
        self._atoms = {unit.code_cs: unit for unit in xml_util.get_units_with_full_definition()}
        self._prefixes = {
            prefix.attrib["Code"]: Meaning(Fraction(prefix.find("{*}value").attrib["value"]), {})
            for prefix in xml_util.root.findall("{*}prefix")
        }
        self._known = dict(_SCALES)

    def meaning(self, code: str) -> Meaning | None:
        try:
            return self._read(self._parser.parse(code))
        except (self._error, OverflowError):
            return None

    def _read(self, node: Any) -> Meaning:
        """A node of the tree: a rule with what it is made of, or an annotation, which means nothing."""
        if not hasattr(node, "children"):
            return NUMBER
        match [str(node.data), *node.children]:
            case ["main_term", _, term]:
                return NUMBER.times(self._read(term), -1)
            case ["term", left, operator, right]:
                return self._read(left).times(self._read(right), 1 if operator == "." else -1)
            case ["annotatable", unit, exponent]:
                if abs(int(exponent)) > HIGHEST_POWER:
                    raise OverflowError
                return self._read(unit).power(int(exponent))
            case ["simple_unit", prefix, atom]:
                unit = self._atom(str(atom))
                return unit._replace(factor=unit.factor * self._prefixes[str(prefix)].factor)
            case ["simple_unit", number] if number.type == "FACTOR":
                return Meaning(Fraction(int(number)), {})
            case ["simple_unit", atom]:
                return self._atom(str(atom))
        return self._read(node.children[0])

    def _atom(self, code: str) -> Meaning:
        """Base units are not in the table. A logarithm, an arbitrary unit and the like is one of its own: it converts
        to its own multiples alone."""
        if code not in self._known:
            unit = self._atoms.get(code)
            if unit is None or unit.is_special or unit.is_arbitrary:
                self._known[code] = Meaning(Fraction(1), {code: 1})
            else:
                factor = Meaning(Fraction(unit.conversion_factor), {})
                self._known[code] = factor.times(self._read(self._parser.parse(unit.defining_unit)))
        return self._known[code]
