"""Counters: what each drop of one means, and what a bucket has added once drops are accounted for."""

import math
from datetime import datetime
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.limits import LARGEST_VALUE
from app.errors import BadInput

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]
"""Microseconds."""


class DropKind(Enum):
    """What a drop is taken for, in the order of judgement."""

    DIP = "DIP"
    ROLLOVER = "ROLLOVER"
    RESET = "RESET"


KINDS = tuple(DropKind)
LONGEST_NOTE = 1_000


class Verdict(Enum):
    """What an engineer says of a drop: the counter really went back, it began again from another base than zero, or
    a new device counts, whose first value is nothing that was produced."""

    NOT_A_RESET = "NOT_A_RESET"
    BASE = "BASE"
    REPLACED = "REPLACED"


class Overrule(NamedTuple):
    """One verdict on the drop at `time` (microseconds); `base` is set where the verdict is BASE."""

    time: int
    verdict: Verdict
    base: float | None
    by: str
    at: datetime
    note: str


def judge(
    before: Floats, after: Floats, dip_tolerance: float, modulus: float | None
) -> tuple[NDArray[np.int8], Floats]:
    """The place of each drop's kind in KINDS, and its offset: what the difference of two values around it lacks."""
    dip = before - after <= dip_tolerance
    wrapped = after - before + modulus <= modulus / 2 if modulus else np.zeros(len(before), np.bool_)
    kind = np.select([dip, wrapped], [0, 1], 2).astype(np.int8)
    return kind, np.select([dip, wrapped], [0.0, modulus or 0.0], before)


def overruled(before: float, after: float, verdict: Verdict, base: float | None) -> float:
    """The offset that a verdict gives a drop."""
    match verdict:
        case Verdict.NOT_A_RESET:
            return 0.0
        case Verdict.REPLACED:
            return before - after
    return before - (base or 0.0)


def check_overrule(after: float, overrule: Overrule) -> None:
    """BadInput for a base that is missing, too many, or above the value that followed it, and for a note too long."""
    if (overrule.base is None) is (overrule.verdict is Verdict.BASE):
        raise BadInput(
            "A base belongs to the verdict BASE, and to no other.", "Say from which value the counter began again."
        )
    if overrule.base is not None and not (math.isfinite(overrule.base) and abs(overrule.base) <= LARGEST_VALUE):
        raise BadInput(
            "A base is a number like those of the readings.", "Say from which value the counter began again."
        )
    if overrule.base is not None and overrule.base > after:
        raise BadInput(
            f"The base {overrule.base!r} is above {after!r}, the value after the drop.",
            "A counter grows from its base: name one that is not above that value, or say NOT_A_RESET.",
        )
    if len(overrule.note) > LONGEST_NOTE or "\x00" in overrule.note:
        raise BadInput(f"A note has at most {LONGEST_NOTE} characters.", "Write a shorter one.")


class Drops(NamedTuple):
    """The drops of one series by time: the usable values around each, its kind and its offset with overrules applied;
    `overrules` has all of them by the time of their drop, oldest first."""

    times: Instants
    before: Floats
    after: Floats
    kind: NDArray[np.int8]
    offset: Floats
    overrules: dict[int, list[Overrule]]


def drops(
    times: Instants, before: Floats, after: Floats, dip_tolerance: float, modulus: float | None, said: list[Overrule]
) -> Drops:
    """Judges the drops of one series; of several overrules of one drop the last said counts."""
    kind, offset = judge(before, after, dip_tolerance, modulus)
    place = {time: number for number, time in enumerate(times.tolist())} if said else {}
    overrules: dict[int, list[Overrule]] = {}
    for overrule in said:
        number = place.get(overrule.time)
        if number is not None:
            overrules.setdefault(overrule.time, []).append(overrule)
            around = float(before[number]), float(after[number])
            offset[number] = overruled(*around, overrule.verdict, overrule.base)
    return Drops(times, before, after, kind, offset, overrules)


def increases(
    starts: Instants, last_at: Instants | Floats, first: Floats, last: Floats, previous: float, found: Drops | None
) -> Floats:
    """What each bucket has added, from the buckets of a range that have readings, in their order: the value at its
    end less the value at its start, and the offsets between. `first` and `last` are NaN where no reading is usable;
    `previous` is the last usable value before all of them, or NaN.

    A drop after the last reading of its bucket has come since the bucket was read, and is left out.
    """
    grown = np.zeros(len(starts))
    usable = np.flatnonzero(~np.isnan(last))
    if not len(usable):
        return grown
    edge = first[usable[0]] if math.isnan(previous) else previous
    grown[usable] = np.diff(last[usable], prepend=edge)
    if found is not None and len(found.times):
        bucket = np.searchsorted(starts, found.times, "right") - 1
        inside = (bucket >= 0) & (found.times <= last_at[bucket])
        # Each bucket is summed by itself: differences of a running sum would lose small steps beside large offsets.
        grown += np.bincount(bucket[inside], found.offset[inside], len(starts))
    return grown
