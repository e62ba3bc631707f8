"""Quantities: the units of what formulas compute, which add only to their like and multiply to new ones."""

from fractions import Fraction
from typing import NamedTuple

from app.domain.ucum import LONGEST_CODE, NUMBER, Meaning, meaning
from app.domain.units import UNCHANGED, Conversion, is_known, remedy
from app.errors import BadInput

_SMALLEST, _LARGEST = Fraction(1, 10**150), Fraction(10**150)


class Quantity(NamedTuple):
    """What one of a value means, and a code for it: None for plain numbers, and where `nameless`.

    `absolute` values are read off a scale: those in Cel count from its own zero. A difference of two does not.
    """

    meant: Meaning
    code: str | None
    absolute: bool = False
    nameless: bool = False

    @property
    def on_scale(self) -> bool:
        """Whether zero is not nothing: such values can be compared and subtracted, and nothing else."""
        return self.absolute and self.meant.zero != 0

    @property
    def shown(self) -> str:
        return "a plain number" if self.code is None and not self.nameless else self.code or "another unit"

    def times(self, other: "Quantity", sign: int = 1) -> "Quantity":
        """The product, with -1 the quotient. BadInput, whose message goes on a sentence, for values on a scale."""
        if self.on_scale or other.on_scale:
            scale = self if self.on_scale else other
            raise BadInput(f"multiplies or divides values in {scale.shown}, whose zero is not nothing", _KELVIN)
        meant = self.meant.times(other.meant, sign)
        if not meant.powers and meant.factor == 1:
            return PLAIN
        code = _joined(self.code, other.code, sign)
        known = meaning(code) if code else None
        nameless = known is None or (known.factor, known.powers) != (meant.factor, meant.powers)
        return Quantity(meant, None if nameless else code, nameless=nameless)

    def plus(self, other: "Quantity", sign: int = 1) -> tuple["Quantity", float]:
        """The sum, with -1 the difference, and what the other's values are multiplied by before. BadInput, whose
        message goes on a sentence, where they are not of one kind."""
        if self.meant.powers != other.meant.powers:
            verb = ("adds", "to") if sign == 1 else ("subtracts", "from")
            raise BadInput(f"{verb[0]} {other.shown} {verb[1]} {self.shown}", "Both sides must be of one quantity.")
        ratio = other.meant.factor / self.meant.factor
        if not self.on_scale and not other.on_scale:
            return self._replace(absolute=False), float(ratio)
        if sign == -1 and self.on_scale and other.on_scale and self.meant == other.meant:
            return Quantity(self.meant._replace(zero=Fraction(0)), None, nameless=True), 1.0
        if self.on_scale and not other.absolute:
            return self, float(ratio)
        raise BadInput(f"adds or subtracts values in {self.shown} and {other.shown}, of which one is not nothing at"
                       " zero", f"Differences of values in one unit can be taken. {_KELVIN}")  # fmt: skip

    def told_in(self, unit: str | None) -> tuple[str | None, Conversion]:
        """The unit of the answer, its own where none is asked for, and how values come into it; BadInput where they
        do not."""
        if unit is None:
            if self.nameless:
                raise BadInput("The formula has no unit that could be named by itself.", "Say its `unit`.")
            return self.code, UNCHANGED
        target = _meant(unit)
        if target.powers != self.meant.powers:
            if not is_known(unit):
                raise BadInput(f"The unit {unit[:LONGEST_CODE]!r} is not known.", remedy(unit))
            raise BadInput(
                f"The formula gives {self.shown}, which cannot be told in {unit}.",
                "Write a unit of the same quantity, or leave `unit` out.",
            )
        if target.zero != 0 and not self.absolute:
            raise BadInput(
                f"The formula gives a difference, which cannot be told in {unit}.", "Write K for differences."
            )
        scale, offset = self.meant.factor / target.factor, (self.meant.zero - target.zero) / target.factor
        if not _SMALLEST <= scale <= _LARGEST:
            raise BadInput(f"The unit {unit} is too large or too small for the formula.", "Write a usual one.")
        return unit, Conversion(float(scale), float(offset) if self.absolute else 0.0)


PLAIN = Quantity(NUMBER, None)
SECONDS = Quantity(Meaning(Fraction(1), {"s": 1}), "s")
_KELVIN = "Give the metric the unit K."


def quantity(unit: str | None, *, absolute: bool) -> Quantity:
    """Of a metric's values, or of their differences. Without a unit they are plain numbers; one that is no UCUM code
    is like nothing but itself."""
    if unit is None:
        return PLAIN
    found = _meant(unit)
    if absolute or found.zero == 0:
        return Quantity(found, unit, absolute)
    return Quantity(found._replace(zero=Fraction(0)), None, nameless=True)


def _meant(unit: str) -> Meaning:
    return meaning(unit) or Meaning(Fraction(1), {unit: 1})


def _joined(left: str | None, right: str | None, sign: int) -> str | None:
    if right is None:
        return left
    if left is None and sign == 1:
        return right
    inner = f"({right})" if "." in right or "/" in right else right
    return f"{left or ''}{'.' if sign == 1 else '/'}{inner}"
