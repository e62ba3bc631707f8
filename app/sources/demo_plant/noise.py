"""Noise that depends on a key and a time slot alone, so that it is the same however a time range is cut."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_PART = np.uint64(0xFFFF)
_BELL_MEAN = 2 * 65535.0
_BELL_DEVIATION = (4 * (65536.0**2 - 1) / 12) ** 0.5


def key_of(*names: str | int) -> np.uint64:
    """The key of what these names stand for; other names give unrelated noise."""
    text = "\x00".join(str(name) for name in names)
    return np.uint64(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big"))


def uniform(keys: Keys, slots: NDArray[np.int64]) -> NDArray[np.float64]:
    """Numbers in [0, 1), one for each key (column) and slot (row) as they broadcast."""
    return (_hashed(keys, slots) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def bell(keys: Keys, slots: NDArray[np.int64]) -> NDArray[np.float64]:
    """Nearly normal numbers of mean 0 and deviation 1, never beyond 3.5."""
    drawn = _hashed(keys, slots)
    total = drawn & _PART
    for bits in (16, 32, 48):
        total = total + ((drawn >> np.uint64(bits)) & _PART)
    return (total.astype(np.float64) - _BELL_MEAN) / _BELL_DEVIATION


def wander(keys: Keys, times: NDArray[np.int64], width: int) -> NDArray[np.float64]:
    """A smooth curve through one bell number every `width` microseconds."""
    slots = times // width
    way = (times - slots * width) / width
    way = way * way * (3 - 2 * way)
    before = bell(keys, slots)
    return before + (bell(keys, slots + 1) - before) * way


def spells(
    keys: Keys, times: NDArray[np.int64], width: int, shortest: int, longest: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which times lie in the one spell that every slot of `width` microseconds has, and the slot of each time."""
    slots = times // width
    lasts = shortest + uniform(keys, 3 * slots) * (longest - shortest)
    begins = uniform(keys, 3 * slots + 1) * (width - longest)
    into = times - slots * width
    return (into >= begins) & (into < begins + lasts), slots


def _hashed(keys: Keys, slots: NDArray[np.int64]) -> Keys:
    return _scrambled(keys ^ _scrambled(slots.astype(np.uint64)))


def _scrambled(numbers: Keys) -> Keys:
    """The finisher of splitmix64."""
    mixed = numbers + _STEP
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))
