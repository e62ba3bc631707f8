"""What the sensors of the demo plant read: each metric as a function of the machines' conditions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from app.domain.instants import MINUTE, SECOND
from app.sources.demo_plant.character import CHARACTERS
from app.sources.demo_plant.noise import bell, key_of, wander
from app.sources.demo_plant.runs import Conditions, DemoMachine, Floats
from app.sources.demo_plant.stops import State

HOUR = 60 * MINUTE
DAY = 24 * HOUR
_WARMEST_HOUR = 14 * HOUR
_HOTTEST_DAY = 200 * DAY
_YEAR = 365.25 * DAY
_RECALIBRATED_EVERY = 28 * DAY
_DRIFT_A_DAY = 0.35
_BEARING_LASTS = 65_000
"""Strokes: what a production week makes. A new one is put in while the machine rests before Monday."""
_BEARING_WORSENS = 18_000
"""The strokes in which a failing bearing's vibration grows by a factor of e."""
_BEARING_WORST = 6.5
"""Millimetres a second, more than a sound machine's."""

DRIFTING = "robot-6"
FAILING = "press-3"


@dataclass(frozen=True, slots=True, eq=False)
class Sensors:
    """The sensors of all machines; every column has one row for each machine."""

    keys: Mapping[str, NDArray[np.uint64]]
    traits: Mapping[str, Floats]
    effort: Floats
    push: Floats
    drifting: NDArray[np.bool_]
    failing: NDArray[np.bool_]

    @classmethod
    def of(cls, machines: Sequence[DemoMachine], seed: int) -> Self:
        """No two machines of a type are quite alike."""
        characters = [CHARACTERS[machine.type] for machine in machines]
        names = ("rise", "load_current", "standby_current", "vibration", "rest_pressure", "work_pressure")
        noises = ("unlike", "hall", "temperature", "load", "thermostat", "current", "vibration", "pressure", "zero")
        keys = {name: np.array([[key_of(seed, machine.code, name)] for machine in machines]) for name in noises}
        traits = {}
        for place, name in enumerate(names):
            usual = np.array([[float(getattr(character, name))] for character in characters])
            traits[name] = usual * (1 + 0.06 * bell(keys["unlike"], np.array([place])))
        return cls(
            keys,
            traits,
            _closed([character.effort for character in characters]),
            _closed([character.push for character in characters]),
            np.array([[machine.code == DRIFTING] for machine in machines]),
            np.array([[machine.code == FAILING] for machine in machines]),
        )

    def read(self, felt: Conditions) -> dict[str, Floats]:
        """The metrics by name, each with a row for a machine and a column for a time."""
        metrics: Mapping[str, Callable[[Conditions], Floats]] = {
            "temperature": self.temperature,
            "pressure": self.pressure,
            "current": self.current,
            "vibration": self.vibration,
            "parts": parts,
            "status": status,
        }
        return {name: metric(felt) for name, metric in metrics.items()}

    def temperature(self, felt: Conditions) -> Floats:
        """The hall's, and what work adds to it; a cooler switches on and off, and one sensor drifts."""
        times = felt.times
        season = 3.5 * np.cos(2 * np.pi * (times - _HOTTEST_DAY) / _YEAR)
        daily = 1.8 * np.cos(2 * np.pi * (times - _WARMEST_HOUR) / DAY)
        hall = 20 + season + daily + 0.7 * wander(self.keys["hall"], times, 5 * HOUR)
        cooler = 0.9 * wander(self.keys["thermostat"], times, 9 * MINUTE) + 1.1 * wander(self.keys["load"], times, HOUR)
        noise = 0.12 * bell(self.keys["temperature"], times // SECOND)
        drift = _DRIFT_A_DAY * (times % _RECALIBRATED_EVERY) / DAY
        feels: Floats = hall + felt.heat * (self.traits["rise"] + cooler) + noise + drift * self.drifting
        return np.round(feels, 2)

    def current(self, felt: Conditions) -> Floats:
        """Follows load and cycle; cold machines run stiffly."""
        load = 1 + 0.05 * wander(self.keys["load"], felt.times, HOUR) + 0.1 * (1 - felt.heat)
        fiddling = 1 + 0.3 * wander(self.keys["current"], felt.times, 20 * SECOND)
        shape = np.select(
            [felt.state == State.RUN, felt.state == State.SETUP], [_in_cycle(self.effort, felt.cycles), fiddling], 1.0
        )
        working = self.traits["load_current"] * felt.speed * load * shape
        idling = self.traits["standby_current"] * (0.3 + 0.7 * felt.charge)
        noise = 1 + 0.012 * bell(self.keys["current"], felt.times // SECOND)
        return np.round(np.maximum(idling + working, 0) * noise, 2)

    def pressure(self, felt: Conditions) -> Floats:
        """Held while somebody works there; every stroke or spray shows."""
        running = felt.state == State.RUN
        stroke = self.traits["work_pressure"] * _in_cycle(self.push, felt.cycles) * running
        regulated = 1 + 0.012 * wander(self.keys["pressure"], felt.times, 12 * MINUTE)
        noise = 1 + 0.006 * bell(self.keys["pressure"], felt.times // SECOND)
        zero = 0.003 * self.traits["rest_pressure"] * (1 + 0.2 * bell(self.keys["zero"], felt.times // SECOND))
        holds: Floats = felt.charge * (self.traits["rest_pressure"] * regulated + stroke) * noise + zero
        return np.round(holds, 2)

    def vibration(self, felt: Conditions) -> Floats:
        """Follows the speed; one bearing fails by the work it does, not by the calendar."""
        wear = _BEARING_WORST * np.exp((felt.cycles - _BEARING_LASTS) / _BEARING_WORSENS) * self.failing
        rough = 1 + 0.05 * wander(self.keys["vibration"], felt.times, 40 * MINUTE)
        noise = 1 + 0.07 * bell(self.keys["vibration"], felt.times // SECOND)
        return np.round((0.12 + felt.speed * (self.traits["vibration"] + wear) * rough) * noise, 3)


def parts(felt: Conditions) -> Floats:
    """Whole cycles since the production week began."""
    return np.floor(felt.cycles)


def status(felt: Conditions) -> Floats:
    """The code of the state."""
    return felt.state


def compressed_air(key: NDArray[np.uint64], times: NDArray[np.int64]) -> Floats:
    """The pressure in the hall's net, which no machine of the model claims."""
    level: Floats = 7.2 + 0.22 * wander(key, times, 4 * MINUTE) + 0.01 * bell(key, times // SECOND)
    return np.round(level, 2)


def _closed(shapes: Sequence[tuple[float, ...]]) -> Floats:
    """The end of a cycle is the beginning of the next."""
    return np.array([[*shape, shape[0]] for shape in shapes])


def _in_cycle(shapes: Floats, cycles: Floats) -> Floats:
    place = (cycles - np.floor(cycles)) * (shapes.shape[1] - 1)
    before = place.astype(np.intp)
    rows = np.arange(len(shapes))[:, np.newaxis]
    low: Floats = shapes[rows, before]
    high: Floats = shapes[rows, before + 1]
    between: Floats = low + (high - low) * (place - before)
    return between
