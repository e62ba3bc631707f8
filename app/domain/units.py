"""Units: what turns a number in one into the number that means the same in another."""

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.ucum import LONGEST_CODE, REMEMBERED, meaning
from app.errors import BadInput

Floats = NDArray[np.float64]

_LARGEST_SCALE = Fraction(10) ** 150
"""Values have at most this size, so that no conversion makes infinity of one."""

_MEANT = {
    "°c": "Cel", "degc": "Cel", "°f": "[degF]", "degf": "[degF]", "psi": "[psi]", "rpm": "{rev}/min", "kwh": "kW.h",
    "wh": "W.h", "nm": "N.m", "inch": "[in_i]", "in": "[in_i]", "ft": "[ft_i]", "lb": "[lb_av]", "µm": "um",
    "μm": "um", "m³/h": "m3/h", "m³": "m3", "m²": "m2", "sec": "s", "ppm": "[ppm]", "cfm": "[cft_i]/min",
    "gpm": "[gal_us]/min", "pcs": "{pcs}", "va": "V.A",
}  # fmt: skip


class Conversion(NamedTuple):
    """A value in another unit is the one in this times `scale`, plus `offset`."""

    scale: float = 1.0
    offset: float = 0.0

    @property
    def turns(self) -> bool:
        """Whether the lowest becomes the highest."""
        return self.scale < 0

    def values(self, values: Floats) -> Floats:
        """NaN stays NaN."""
        return values if self == UNCHANGED else values * self.scale + self.offset

    def differences(self, values: Floats) -> Floats:
        """Of differences of two values, which know no offset."""
        return values if self.scale == 1 else values * self.scale

    def value(self, value: float | None) -> float | None:
        return value if value is None or self == UNCHANGED else value * self.scale + self.offset

    def back(self, value: float | None) -> float | None:
        """From the other unit to this one."""
        return value if value is None or self == UNCHANGED else (value - self.offset) / self.scale


UNCHANGED = Conversion()


class Shown(NamedTuple):
    """The unit in which values are answered, and how those of the source come into it."""

    unit: str | None
    conversion: Conversion = UNCHANGED


def is_known(unit: str) -> bool:
    """Whether it is a UCUM code."""
    return meaning(unit) is not None


def remedy(unit: str) -> str:
    """What was probably meant, else what codes look like."""
    meant = _MEANT.get(unit.strip().lower())
    return f"Did you mean {meant}?" if meant else "Write a UCUM code such as Cel, [degF], bar, kW.h, m3/h, % or /min."


def between(source: str, target: str) -> Conversion | None:
    """From values in one unit to values in the other; None where one of them is unknown or measures something else."""
    if source == target:
        return UNCHANGED
    if max(len(source), len(target)) > LONGEST_CODE:
        return None
    return _between(source, target)


def conversion(source: str, target: str) -> Conversion:
    """As `between`; BadInput where there is none."""
    found = between(source, target)
    if found is not None:
        return found
    if not is_known(target):
        raise BadInput(f"The unit {_cut(target)} is not known.", remedy(target))
    if not is_known(source):
        raise BadInput(
            f"The readings are in {_cut(source)}, which is no UCUM code: they cannot be told in {target}.",
            "Leave unit out, or mend the unit in the model file.",
        )
    raise BadInput(
        f"Readings in {source} cannot be told in {target}.", "Ask for a unit of the same quantity, or leave unit out."
    )


@lru_cache(maxsize=REMEMBERED)
def settled(source: str | None, metric: str | None) -> Shown:
    """The metric's unit where the source's converts to it, else the source's; a source that states none is taken to be
    in the metric's."""
    if not source or not metric:
        return Shown(source or metric)
    found = between(source, metric)
    return Shown(source) if found is None else Shown(metric, found)


@lru_cache(maxsize=REMEMBERED)
def _between(source: str, target: str) -> Conversion | None:
    old, new = meaning(source), meaning(target)
    if old is None or new is None or old.powers != new.powers:
        return None
    scale, offset = old.factor / new.factor, (old.zero - new.zero) / new.factor
    if not 1 / _LARGEST_SCALE <= scale <= _LARGEST_SCALE or abs(offset) > _LARGEST_SCALE:
        return None
    return Conversion(float(scale), float(offset))


def _cut(text: str) -> str:
    return repr(text if len(text) <= LONGEST_CODE else text[: LONGEST_CODE - 1] + "…")
