"""The demo plant: three lines, 24 machines, and readings for any time, the same whenever they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from datetime import time
from functools import lru_cache, partial
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import yaml
from numpy.typing import NDArray

from app.domain.addresses import SeriesKey, series_key
from app.domain.batch import NO_TEXT, Batch
from app.domain.instants import MINUTE, SECOND
from app.domain.quality import GOOD
from app.errors import BadInput
from app.sources.demo_plant.noise import bell, key_of, spells, uniform
from app.sources.demo_plant.runs import DemoMachine, Floats, Runs
from app.sources.demo_plant.shifts import Week, week_at
from app.sources.demo_plant.signals import DAY, HOUR, Sensors, compressed_air

UNCERTAIN_SENSOR_NOT_ACCURATE = 0x40930000
BAD_SENSOR_FAILURE = 0x808C0000
SHAKY = ("booth-2", "pressure")
"""The one sensor whose readings are doubtful for some minutes every few hours, and sometimes missing."""
LOOSE = ("press-3", "temperature")
"""The one sensor that says nothing for some minutes every few hours."""

_LARGEST_BATCH = 50_000


def model_text() -> str:
    """The model file of the demo plant."""
    return files("app.sources.demo_plant").joinpath("demo.yaml").read_text("utf-8")


class DemoPlant:
    """Readings of every series of the demo plant; times are microseconds since 1970-01-01 UTC.

    A reading depends on its time and the seed alone, so that a plant made anew goes on where another one stopped.
    `compressor` names no line, so that it is mapped to no machine; it is never silent.
    """

    def __init__(self, seed: int = 1) -> None:
        model: dict[str, Any] = yaml.safe_load(model_text())
        plant = model["plants"][0]
        zone, day_starts = ZoneInfo(plant["time_zone"]), time.fromisoformat(plant["production_day_starts"])
        machines = _machines(plant)
        of_type = {kind["name"]: kind["metrics"] for kind in model["machine_types"]}
        names = [metric["name"] for metric in model["metrics"]]
        measured = [(row, name) for row, machine in enumerate(machines) for name in of_type[machine.type]]

        of_machines = [_key(plant["code"], machines[row], name) for row, name in measured]
        self.compressor = series_key("air_pressure", [("plant", plant["code"]), ("machine", "compressor-1")], "value")
        self.keys: Sequence[SeriesKey] = (*of_machines, self.compressor)
        self._machines = len(machines)
        self._machine = np.array([row for row, _ in measured])
        self._metric = np.array([names.index(name) for _, name in measured])
        self._names = names
        named = [(machines[row].code, name) for row, name in measured]
        self._shaky, self._loose = named.index(SHAKY), named.index(LOOSE)
        self._shaky_key, self._loose_key, self._silence_key, self._air_key = (
            np.array([key_of(seed, *names)]) for names in (SHAKY, LOOSE, ("silence",), ("air",))
        )
        self._sensors = Sensors.of(machines, seed)
        self._zone, self._day_starts = zone, day_starts
        self._runs: Callable[[Week], Runs] = lru_cache(maxsize=2)(partial(Runs.of, machines, zone, seed))

    def history(self, start: int, end: int, step: int) -> Iterator[Batch]:
        """The readings of `[start, end)` at the multiples of `step`: slice after slice, in a slice series by series."""
        if step <= 0:
            raise BadInput(f"A step of {step} microseconds leads nowhere.", "Give a positive one.")
        longest = _LARGEST_BATCH // len(self.keys) * step
        begin = -(-start // step) * step
        while begin < end:
            week = week_at(begin, self._zone, self._day_starts)
            stop = min(begin + longest, end, -(-week.end // step) * step)
            yield self._readings(week, np.arange(begin, stop, step, dtype=np.int64))
            begin += -(-(stop - begin) // step) * step

    def at(self, moment: int) -> Batch:
        """One reading of each series that is not silent just now."""
        return self._readings(week_at(moment, self._zone, self._day_starts), np.array([moment], np.int64))

    def _readings(self, week: Week, times: NDArray[np.int64]) -> Batch:
        read = self._sensors.read(self._runs(week).conditions(times))
        of_machines = np.stack([read[name] for name in self._names])[self._metric, self._machine]
        values = np.vstack([of_machines, compressed_air(self._air_key, times)])
        statuses = np.full(values.shape, GOOD, np.uint32)
        values[self._shaky], statuses[self._shaky] = self._doubtful(times, values[self._shaky])
        batch = Batch(
            self.keys,
            np.repeat(np.arange(len(self.keys), dtype=np.int32), len(times)),
            np.tile(times, len(self.keys)),
            values.ravel(),
            statuses.ravel(),
            np.full(values.size, NO_TEXT, np.int32),
        )
        return batch.only(~self._silent(times).ravel())

    def _doubtful(self, times: NDArray[np.int64], values: Floats) -> tuple[Floats, NDArray[np.uint32]]:
        """Every four hours the sensor is unsure for some minutes; in one case of three it fails instead."""
        within, slots = spells(self._shaky_key, times, 4 * HOUR, 3 * MINUTE, 16 * MINUTE)
        fails = within & (uniform(self._shaky_key, 3 * slots + 2) < 1 / 3)
        unsure = within & ~fails
        noisy = np.round(values * (1 + 0.09 * bell(self._shaky_key, times // SECOND)), 2)
        statuses = np.select([fails, unsure], [BAD_SENSOR_FAILURE, UNCERTAIN_SENSOR_NOT_ACCURATE], GOOD)
        return np.select([fails, unsure], [np.nan, noisy], values), statuses.astype(np.uint32)

    def _silent(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Every day one machine loses its network for some minutes; every six hours one cable its contact."""
        silent = np.zeros((len(self.keys), len(times)), np.bool_)
        within, days = spells(self._silence_key, times, DAY, 8 * MINUTE, 25 * MINUTE)
        victim = np.floor(uniform(self._silence_key, 3 * days + 2) * self._machines)
        silent[: len(self._machine)] = within & (self._machine[:, np.newaxis] == victim)
        silent[self._loose] |= spells(self._loose_key, times, 6 * HOUR, 6 * MINUTE, 14 * MINUTE)[0]
        return silent


def _machines(plant: dict[str, Any]) -> list[DemoMachine]:
    return [
        DemoMachine(line["code"], machine["code"], machine["type"], _seconds(machine["transit"]) * SECOND)
        for line in plant["lines"]
        for machine in line["machines"]
    ]


def _seconds(duration: str) -> int:
    """Of a duration written as in demo.yaml: `PT45S`."""
    return int(duration.removeprefix("PT").removesuffix("S"))


def _key(plant: str, machine: DemoMachine, metric: str) -> SeriesKey:
    tags = [("plant", plant), ("line", machine.line), ("machine", machine.code)]
    return series_key(metric, tags, "value")._replace(named=True, discrete=False)
