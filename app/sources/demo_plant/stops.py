"""What keeps the demo plant's machines from running during a shift: changeovers, faults, and short hiccups.

A fault stops its whole line, one machine after the other: those behind it run dry, those before it are blocked.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from math import log
from typing import NamedTuple

import numpy as np

from app.domain.instants import MINUTE
from app.sources.demo_plant.noise import key_of, uniform
from app.sources.demo_plant.shifts import Stretch, Week

_FAULT_SLOT = 30 * MINUTE
_HICCUP_SLOT = 10 * MINUTE
_BLOCKED_AFTER = MINUTE // 4
"""How long the place between two machines takes to fill up."""


class State(IntEnum):
    """The codes of the metric `status`."""

    IDLE = 0
    RUN = 1
    FAULT = 2
    SETUP = 3


class Stop(NamedTuple):
    """`[start, end)` in microseconds."""

    start: int
    end: int
    state: State


class Habit(NamedTuple):
    """How a line tends to stop; durations in minutes."""

    faults: float
    """The chance of one in half an hour."""
    changeovers: int
    """In a shift of a working day."""
    shortest_changeover: float
    longest_changeover: float
    hiccups: float
    """The chance of one in ten minutes of one machine."""


HABITS: Mapping[str, Habit] = {
    "press": Habit(0.13, 2, 14, 34, 0.05),
    "paint": Habit(0.07, 1, 7, 13, 0.01),
    "assembly": Habit(0.16, 1, 9, 20, 0.04),
}


def line_stops(
    line: str, week: Week, worked: Sequence[Stretch], transits: Sequence[int], seed: int
) -> list[list[Stop]]:
    """The stops of each machine of a line in a week; `transits` in microseconds."""
    found: list[list[Stop]] = [[] for _ in transits]
    habit = HABITS[line]
    for start, end in _changeovers(line, habit, worked, seed):
        for stops, transit in zip(found, transits, strict=True):
            stops.append(Stop(start + transit, end + transit, State.SETUP))
    for culprit, start, lasts in _faults(line, habit, week, len(transits), seed):
        for place, stops in enumerate(found):
            late = transits[place] - transits[culprit] if place > culprit else (culprit - place) * _BLOCKED_AFTER
            state = State.FAULT if place == culprit else State.IDLE
            stops.append(Stop(start + late, start + late + lasts, state))
    for place, stops in enumerate(found):
        stops.extend(_hiccups(line, place, habit, week, seed))
    return found


def _changeovers(line: str, habit: Habit, worked: Sequence[Stretch], seed: int) -> Iterator[tuple[int, int]]:
    """After the check at the beginning of a shift, one in each of its equal parts."""
    spread = habit.longest_changeover - habit.shortest_changeover
    for stretch in worked:
        chance = _chances(2 * habit.changeovers + 1, seed, line, "changeover", stretch.start)
        yield stretch.start, stretch.start + int((4 + 5 * chance[-1]) * MINUTE)
        part = (stretch.end - stretch.start) // (habit.changeovers + 1)
        for number in range(habit.changeovers):
            lasts = int((habit.shortest_changeover + spread * chance[2 * number]) * MINUTE)
            start = stretch.start + int((number + 0.5 + 0.7 * chance[2 * number + 1]) * part)
            yield start, start + lasts


def _faults(line: str, habit: Habit, week: Week, machines: int, seed: int) -> Iterator[tuple[int, int, int]]:
    """The machine, when it starts and how long it takes; most take minutes, few half an hour."""
    slots = (week.end - week.start) // _FAULT_SLOT
    happens, where, when, lasts = _chances(4 * slots, seed, line, "fault", week.monday.toordinal()).reshape(4, -1)
    for slot in np.flatnonzero(happens < habit.faults).tolist():
        minutes = min(2.5 - 6 * log(1 - lasts[slot]), 45)
        start = week.start + int((slot + when[slot]) * _FAULT_SLOT)
        yield int(where[slot] * machines), start, int(minutes * MINUTE)


def _hiccups(line: str, place: int, habit: Habit, week: Week, seed: int) -> Iterator[Stop]:
    """Half a minute to two: a sensor to wipe (a fault) or a part to wait for."""
    slots = (week.end - week.start) // _HICCUP_SLOT
    chances = _chances(4 * slots, seed, line, place, "hiccup", week.monday.toordinal())
    happens, kind, when, lasts = chances.reshape(4, -1)
    for slot in np.flatnonzero(happens < habit.hiccups).tolist():
        start = week.start + int((slot + when[slot]) * _HICCUP_SLOT)
        state = State.FAULT if kind[slot] < 0.5 else State.IDLE
        yield Stop(start, start + int((0.5 + 1.5 * lasts[slot]) * MINUTE), state)


def _chances(count: int, *names: str | int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return uniform(np.array([key_of(*names)]), np.arange(count))
