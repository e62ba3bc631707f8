"""A plant with derived metrics, and what they are in plain Python: a loop over readings."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from app.domain.instants import MINUTE, microseconds
from app.domain.quality import unsigned
from app.store.database import Database
from app.store.tables import derived_series, machines, metrics, readings, series
from tests.asker import Asker
from tests.holdings import BASE, rows
from tests.schema.kpi_plant import Reading, increase, inside

HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
MODEL = """
plants:
  - {code: p, time_zone: Europe/Berlin, lines: [{code: l, machines: [{code: a}, {code: b}, {code: c}]}]}
  - {code: q, lines: [{code: l, machines: [{code: d}]}]}
metrics:
  - {name: good, kind: COUNTER, unit: "{parts}"}
  - {name: total, kind: COUNTER, unit: "{parts}"}
  - {name: power, unit: kW}
kpis:
  - {name: share, formula: good / total}
derived:
  - {name: pass, formula: good / total, unit: "%"}
  - {name: mean, formula: average(power), unit: W, every: PT5M}
  - {name: range, formula: maximum(power) - minimum(power) + 0 * last(power) + 0 * first(power)}
  - {name: load, formula: sum(power) / count(power) / duration(), every: PT1H, unit: W/h}
  - {name: lost, formula: 1 - share, every: PT15M}
  - {name: twice, formula: pass * 2, every: PT15M}
  - {name: of hours, formula: load * twice}
"""
MACHINES = {"a": "p/l/a", "b": "p/l/b", "c": "p/l/c", "d": "q/l/d"}


class Arrived(NamedTuple):
    value: float
    status: int


Kept = dict[tuple[str, str], dict[int, Arrived]]
"""By machine and metric, then by time: what is usable has a value."""


class Formula(NamedTuple):
    every: int
    metrics: set[str]
    value: Callable[["Step"], float]


class Step:
    """One step of one machine; a metric of which nothing is usable is unknown: KeyError."""

    def __init__(self, kept: Kept, machine: str, start: int, every: int) -> None:
        self._kept, self._machine = kept, machine
        self.start, self.end = start, start + every

    def usable(self, metric: str) -> list[Reading]:
        found = self._kept.get((self._machine, metric), {})
        return [Reading(at, each.value) for at, each in sorted(found.items()) if each.status < 0x80000000]

    def grown(self, metric: str) -> float:
        return increase(found, self.start, self.end) if (found := self.usable(metric)) else 0.0

    def values(self, metric: str, *, unknown: bool = True) -> list[float]:
        found = [each.value for each in inside(self.usable(metric), self.start, self.end)]
        if unknown and not found:
            raise KeyError(metric)
        return found

    def statuses(self, metrics: set[str]) -> list[int]:
        return [
            each.status
            for metric in metrics
            for at, each in self._kept.get((self._machine, metric), {}).items()
            if self.start <= at < self.end
        ]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


FORMULAS: Mapping[str, Formula] = {
    "pass": Formula(MINUTE, {"good", "total"}, lambda step: step.grown("good") / step.grown("total") * 100),
    "mean": Formula(5 * MINUTE, {"power"}, lambda step: 1_000 * mean(step.values("power"))),
    "range": Formula(MINUTE, {"power"}, lambda step: max(step.values("power")) - min(step.values("power"))),
    "load": Formula(HOUR, {"power"}, lambda step: 1_000 * mean(step.values("power", unknown=False))),
    "lost": Formula(15 * MINUTE, {"good", "total"}, lambda step: 1 - step.grown("good") / step.grown("total")),
    "twice": Formula(15 * MINUTE, {"pass"}, lambda step: 2 * mean(step.values("pass"))),
    "of hours": Formula(MINUTE, {"load", "twice"}, lambda step: mean(step.values("load")) * mean(step.values("twice"))),
}


def expected(sent: Kept, watermark: int, formulas: Mapping[str, Formula] = FORMULAS) -> Kept:
    """What is derived once the watermark has passed a step; those without a value are not there."""
    kept = dict(sent)
    for name, (every, needed, value) in formulas.items():
        for machine in MACHINES:
            if not all((machine, metric) in kept for metric in needed):
                continue
            times = {at // every * every for metric in needed for at in kept[machine, metric]}
            kept[machine, name] = {}
            for start in sorted(at for at in times if at + every <= watermark):
                step = Step(kept, machine, start, every)
                try:
                    found = value(step)
                except (ZeroDivisionError, KeyError):
                    continue
                uncertain = any(0x40000000 <= status < 0x80000000 for status in step.statuses(needed))
                kept[machine, name][start] = Arrived(found, 0x40000000 if uncertain else 0)
    return {key: found for key, found in kept.items() if key[1] in formulas}


async def derived(database: Database) -> tuple[Kept, Kept]:
    """What is stored of derived metrics: usable readings, and those that were taken back."""
    query = (
        sa.select(machines.c.code, metrics.c.name, readings.c.time, readings.c.value, readings.c.quality)
        .join(series, series.c.machine_id == machines.c.id)
        .join(metrics, metrics.c.id == series.c.metric_id)
        .join(readings, readings.c.series_id == series.c.id)
        .where(metrics.c.formula.is_not(None))
    )
    usable: Kept = {}
    bad: Kept = {}
    async with database.begin() as transaction:
        for machine, metric, time, value, quality in await transaction.execute(query):
            into = usable if quality >= 0 else bad
            assert (value is None) is (quality < 0)
            into.setdefault((machine, metric), {})[microseconds(time)] = Arrived(value, unsigned(quality))
    return usable, bad


TIERS_DIFFER = """
SELECT count(*) FROM (
    SELECT series_id, date_bin('1 minute', time, '2000-01-03 00:00+00') AS bucket,
        count(*) FILTER (WHERE quality >= 0) AS count, count(*) FILTER (WHERE quality < 0) AS bad,
        sum(value) FILTER (WHERE quality >= 0) AS sum
    FROM readings WHERE time < (SELECT watermark FROM tiers WHERE name = 'PT1M') GROUP BY 1, 2
) AS raw FULL JOIN readings_1m AS tier USING (series_id, bucket)
WHERE (raw.count, raw.bad) IS DISTINCT FROM (tier.good + tier.uncertain, tier.bad)
    OR abs(coalesce(raw.sum, 0) - coalesce(tier.sum, 0)) > 1e-6 * abs(coalesce(raw.sum, 0))
"""


async def tiers_differ(database: Database) -> int:
    """How many minutes are not what the readings say."""
    async with database.begin() as transaction:
        return int(await transaction.scalar(sa.text(TIERS_DIFFER)) or 0)


START = BASE // HOUR * HOUR


async def settled(asker: Asker, watermark: int) -> None:
    """As many turns as it takes."""
    for _ in range(50):
        await asker.advance(watermark)
        query = sa.select(sa.func.max(derived_series.c.since))
        if (await rows(asker.house.database, query))[0][0].year == 1:
            return
    raise AssertionError("history is never derived")
