"""A plant with KPIs, and what they are in plain Python: a loop over readings."""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from app.domain.instants import MINUTE, SECOND, microseconds
from tests.asker import Asker, columns

BASE = microseconds(datetime(2026, 3, 28, tzinfo=UTC))
"""A day before Berlin's clocks change."""
HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
MODEL = """
plants:
  - code: p
    time_zone: Europe/Berlin
    production_day_starts: "06:10"
    lines:
      - {code: l, machines: [{code: a}, {code: b}, {code: c}, {code: none}]}
      - {code: k, machines: [{code: d}]}
  - {code: q, time_zone: Asia/Kathmandu, lines: [{code: l, machines: [{code: e}]}]}
metrics:
  - {name: process.good, kind: COUNTER, unit: "{parts}"}
  - {name: total, kind: COUNTER, unit: "{parts}"}
  - {name: energy, kind: COUNTER, unit: kW.h}
  - {name: power, unit: kW}
  - {name: status, kind: STATE}
kpis:
  - {name: pass, display_name: First pass yield, formula: process.good / total, unit: "%", description: Of all parts}
  - {name: lost, formula: 1 - pass}
  - {name: use, formula: energy / increase(process.good)}
  - {name: mean, formula: power, unit: W}
  - {name: span, formula: maximum(power) - minimum(power)}
  - {name: edges, formula: last(power) - first(power)}
  - {name: whole, formula: sum(power) / count(power) / duration(), unit: W/h}
  - {name: rate, formula: process.good / duration(), unit: "{parts}/h"}
  - {name: zero, formula: process.good / (total - total)}
"""
MACHINES = ("p/l/a", "p/l/b", "p/k/d", "q/l/e")
"""Those that produce; `c` has no good parts, `none` has nothing."""


class Reading(NamedTuple):
    at: int
    value: float


Truth = dict[tuple[str, str], list[Reading]]
"""By machine and metric, in the order of time."""


def produced() -> Truth:
    """Machines of very different speed, each with its own share of good parts; counters are reset, and one is silent
    for some hours."""
    found: Truth = {}
    for number, path in enumerate(MACHINES):
        every, share = (3 + 4 * number) * MINUTE, 0.5 + number / 10
        times = [
            at for at in range(BASE, BASE + 3 * DAY, every) if not (number == 1 and 5 * HOUR < at - BASE < 9 * HOUR)
        ]
        counts = [at // every % 500 * (number + 1.0) for at in times]
        found[path, "total"] = [Reading(*each) for each in zip(times, counts, strict=True)]
        found[path, "process.good"] = [Reading(at + SECOND, value * share) for at, value in found[path, "total"]]
        found[path, "energy"] = [Reading(at, value * (3.0 + number)) for at, value in found[path, "total"]]
        found[path, "power"] = [Reading(at, math.sin(at / HOUR) * (number + 1) + 5) for at in times[:: number + 1]]
    return found


async def plant(asker: Asker) -> Truth:
    await asker.house.model.apply(MODEL, "kpis.yaml")
    truth = produced()
    await asker.send(*(columns(path, metric, readings) for (path, metric), readings in truth.items()))
    await asker.send(columns("p/l/c", "total", [(BASE + HOUR, 1.0), (BASE + 2 * HOUR, 900.0)]))
    return truth


def increase(readings: list[Reading], start: int, end: int) -> float:
    """What a counter adds in `[start, end)`: a reading below the one before it began again from zero."""
    first = bisect_left(readings, start, key=_time)
    before = readings[max(first - 1, 0)].value
    grown = 0.0
    for after in inside(readings, start, end):
        grown += after.value if after.value < before else after.value - before
        before = after.value
    return grown


def inside(readings: list[Reading], start: int, end: int) -> list[Reading]:
    return readings[bisect_left(readings, start, key=_time) : bisect_left(readings, end, key=_time)]


def _time(reading: Reading) -> int:
    return reading.at


Ratio = Callable[[Callable[[str], float], list[Reading], float], float]
"""A formula in Python, over the increases by metric, all readings of power, and machine-seconds."""
RATIOS: dict[str, Ratio] = {
    "pass": lambda grown, power, seconds: 100 * grown("process.good") / grown("total"),
    "lost": lambda grown, power, seconds: 1 - grown("process.good") / grown("total"),
    "use": lambda grown, power, seconds: grown("energy") / grown("process.good"),
    "mean": lambda grown, power, seconds: 1_000 * sum(each.value for each in power) / len(power),
    "span": lambda grown, power, seconds: max(each.value for each in power) - min(each.value for each in power),
    "edges": lambda grown, power, seconds: max(power, key=_time).value - min(power, key=_time).value,
    "whole": lambda grown, power, seconds: sum(each.value for each in power) / len(power) / seconds * 3.6e6,
    "rate": lambda grown, power, seconds: grown("process.good") / seconds * 3_600,
}


def expected(truth: Truth, paths: Iterable[str], ratio: Ratio, start: int, end: int, metrics: set[str]) -> float | None:
    """Of all machines that have something to say in a step, put together before anything is divided."""
    present = [path for path in paths if any(inside(truth[path, metric], start, end) for metric in metrics)]
    power = [each for path in present for each in inside(truth[path, "power"], start, end)]

    def grown(metric: str) -> float:
        return sum(increase(truth[path, metric], start, end) for path in present)

    try:
        return ratio(grown, power, len(present) * (end - start) / 1e6)
    except ZeroDivisionError:
        return None


METRICS = {"pass": {"process.good", "total"}, "lost": {"process.good", "total"}, "use": {"process.good", "energy"},
           "rate": {"process.good"}}  # fmt: skip
