"""What every machine of the demo plant does during a week, switch by switch, and how its parts follow with a lag."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.domain.instants import MINUTE
from app.sources.demo_plant.character import CHARACTERS, Character
from app.sources.demo_plant.noise import bell, key_of
from app.sources.demo_plant.shifts import Stretch, Week, stretches
from app.sources.demo_plant.stops import State, Stop, line_stops

_PACE_SLOT = 30 * MINUTE
_SPINS_UP = 6.0
_CHARGES, _BLEEDS = 25.0, 420.0
"""Seconds: pumps build up pressure fast, and it leaks away slowly."""

Floats = NDArray[np.float64]


class DemoMachine(NamedTuple):
    """A machine as the model file places it; `transit` in microseconds."""

    line: str
    code: str
    type: str
    transit: int


class Conditions(NamedTuple):
    """What the sensors of each machine (row) feel at each time (column)."""

    times: NDArray[np.int64]
    state: Floats
    cycles: Floats
    """Finished since the week began, with the part of the one that is under way."""
    heat: Floats
    speed: Floats
    charge: Floats
    """Of hydraulics and drives: 1 while somebody works there."""


class _Lag(NamedTuple):
    """A first-order response; a switch is where the target, or the time that the response takes, changes."""

    targets: Floats
    seconds: Floats
    initial: Floats

    @classmethod
    def of(cls, targets: Floats, seconds: Floats, lasts: Floats) -> Self:
        """At rest where the week begins: a weekend of standing still forgets the one before."""
        initial, level = [], 0.0
        for target, slow, long in zip(targets.tolist(), seconds.tolist(), lasts.tolist(), strict=True):
            initial.append(level)
            level = target + (level - target) * exp(-long / slow)
        return cls(targets, seconds, np.array(initial))

    def after(self, switch: NDArray[np.intp], since: Floats) -> Floats:
        """The level so many seconds after a switch."""
        target = self.targets[switch]
        return target + (self.initial[switch] - target) * np.exp(-since / self.seconds[switch])


class _Run(NamedTuple):
    """One machine's week; parallel columns, one row from each switch to the next."""

    starts: NDArray[np.int64]
    states: Floats
    rates: Floats
    """Cycles a second."""
    cycles: Floats
    heat: _Lag
    speed: _Lag
    charge: _Lag


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """A week of all machines."""

    week: Week
    runs: Sequence[_Run]

    @classmethod
    def of(cls, machines: Sequence[DemoMachine], zone: ZoneInfo, seed: int, week: Week) -> Self:
        """The week as the seed has it."""
        runs = []
        for line in dict.fromkeys(machine.line for machine in machines):
            placed = [machine for machine in machines if machine.line == line]
            worked = stretches(line, week, zone)
            stops = line_stops(line, week, worked, [machine.transit for machine in placed], seed)
            runs += [_run(machine, week, worked, stop, seed) for machine, stop in zip(placed, stops, strict=True)]
        return cls(week, runs)

    def conditions(self, times: NDArray[np.int64]) -> Conditions:
        """At times of this week."""
        rows = [_felt(run, times) for run in self.runs]
        return Conditions(times, *(np.stack(column) for column in zip(*rows, strict=True)))


def _felt(run: _Run, times: NDArray[np.int64]) -> tuple[Floats, ...]:
    switch = np.searchsorted(run.starts, times, "right") - 1
    since = (times - run.starts[switch]).astype(np.float64) * 1e-6
    cycles = run.cycles[switch] + since * run.rates[switch]
    lags = (lag.after(switch, since) for lag in (run.heat, run.speed, run.charge))
    return run.states[switch], cycles, *lags


def _run(machine: DemoMachine, week: Week, worked: Sequence[Stretch], stops: Sequence[Stop], seed: int) -> _Run:
    late = machine.transit
    character = CHARACTERS[machine.type]
    shifts = [(stretch.start + late, stretch.end + late) for stretch in worked]
    pauses = [(start + late, end + late) for stretch in worked for start, end in stretch.pauses]
    kinds = {state: [stop[:2] for stop in stops if stop.state is state] for state in State}
    paces = range(week.start + late, week.end, _PACE_SLOT)
    edges = [edge for spans in (shifts, pauses, *kinds.values()) for span in spans for edge in span]
    starts = np.unique([week.start, *paces, *edges])
    starts = starts[(starts >= week.start) & (starts < week.end)]

    manned = _within(starts, shifts)
    state = np.where(manned, State.RUN, State.IDLE)
    state[manned & _within(starts, kinds[State.SETUP])] = State.SETUP
    state[_within(starts, kinds[State.IDLE]) | _within(starts, pauses)] = State.IDLE
    state[manned & _within(starts, kinds[State.FAULT])] = State.FAULT

    line_key = np.array([key_of(seed, machine.line, "pace")])
    pace = 1 + 0.022 * bell(line_key, (starts - late) // _PACE_SLOT)
    for stretch, span in zip(worked, shifts, strict=True):
        pace[_within(starts, [span])] *= stretch.pace
    lasts = np.diff(starts, append=week.end) * 1e-6
    return _responding(character, starts, state, np.where(state == State.RUN, pace, 0.0), manned, lasts)


def _responding(
    character: Character,
    starts: NDArray[np.int64],
    state: NDArray[np.int64],
    pace: Floats,
    manned: NDArray[np.bool_],
    lasts: Floats,
) -> _Run:
    busy = np.select([state == State.RUN, state == State.SETUP], [pace, 0.3])
    heat = manned * character.standby_heat + (1 - character.standby_heat) * busy
    warms = np.where(state == State.RUN, character.warms, character.cools)
    warms = np.where(manned & (character.standby_heat > 0.5), character.warms, warms)
    rates = pace / character.cycle
    return _Run(
        starts,
        state.astype(np.float64),
        rates,
        np.concatenate(([0.0], np.cumsum(rates * lasts)[:-1])),
        _Lag.of(heat, warms, lasts),
        _Lag.of(np.maximum(busy, manned * character.coasting), np.full(len(starts), _SPINS_UP), lasts),
        _Lag.of(manned.astype(np.float64), np.where(manned, _CHARGES, _BLEEDS), lasts),
    )


def _within(starts: NDArray[np.int64], spans: Sequence[tuple[int, ...]]) -> NDArray[np.bool_]:
    """Which rows lie in one of the spans, whose edges all are starts."""
    depth = np.zeros(len(starts) + 1, np.int64)
    for edges, step in zip(zip(*spans, strict=True), (1, -1), strict=False):
        np.add.at(depth, np.searchsorted(starts, edges), step)
    return np.cumsum(depth)[:-1] > 0
