"""Which series are derived: of every machine that has what a formula names, from what, how, and since when."""

from collections.abc import Mapping
from hashlib import sha256
from typing import LiteralString, NamedTuple

import sqlalchemy as sa

from app.domain.addresses import Address, derived_key
from app.domain.derived import Link, chained
from app.domain.instants import instant, microseconds, width
from app.domain.kpis import Kpi, KpiDefinition
from app.domain.model import MachineId, Metric, MetricKind, Series, SeriesId
from app.domain.tiers import on_step
from app.store.catalog import metric_of
from app.store.database import Database
from app.store.kpis import KpiCatalog
from app.store.registration import Registration
from app.store.tables import metrics

# Nothing at all where nothing is derived.
METRICS = sa.select(metrics).where(sa.exists().where(sa.alias(metrics).c.formula.is_not(None)))
SERIES: LiteralString = """
SELECT id, source, machine_id, metric_id, unit, recipe, since
FROM series LEFT JOIN derived_series ON series_id = id WHERE metric_id = ANY(%s) ORDER BY machine_id
"""
CODES: LiteralString = """
SELECT machines.id, plants.code, lines.code, machines.code FROM machines
JOIN lines ON lines.id = line_id JOIN plants ON plants.id = plant_id WHERE machines.id = ANY(%s)
"""
# A series that is not derived any more, be it for a while, is derived from the beginning when it is again.
KEEP: LiteralString = """
WITH gone AS (DELETE FROM derived_series WHERE series_id = ANY(%(gone)s))
INSERT INTO derived_series (series_id, recipe, since)
SELECT * FROM unnest(%(series)s::int[], %(recipes)s::text[], %(since)s::timestamptz[])
ON CONFLICT (series_id) DO UPDATE SET recipe = excluded.recipe, since = excluded.since
"""
WENT_BACK: LiteralString = "UPDATE derived_series SET since = %s WHERE series_id = ANY(%s)"
TOLD_IN: LiteralString = "UPDATE metrics SET unit = %s WHERE id = %s"


class Member(NamedTuple):
    """One machine of a derived metric: the series that is kept, and those that it is made of, by metric."""

    series: SeriesId
    inputs: Mapping[str, Series]


class Derived(NamedTuple):
    """A derived metric and its machines."""

    kpi: Kpi
    members: list[Member]


class Group(NamedTuple):
    """What is derived together: in steps of `every` microseconds, from series that are sent or of groups before."""

    every: int
    derived: list[Derived]


class Derivations(NamedTuple):
    """Everything that is derived; `since` is from when on (microseconds) that is done for a series. `faults` tell why
    something is not."""

    groups: list[Group]
    since: dict[SeriesId, int]
    faults: list[str]


class _Kept(NamedTuple):
    """A series, and what was noted of it the last time."""

    series: Series
    recipe: str | None
    since: int


_Places = dict[str, dict[MachineId, _Kept]]
"""By metric and machine."""


class DerivedCatalog:
    """Makes the series that are missing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kpis = KpiCatalog(database)
        self._registration = Registration(database, create=False, time_zone="UTC")

    async def derivations(self, watermark: int) -> Derivations:
        """As they are at this moment: a series that is new, or made otherwise than before, is derived from the
        watermark (microseconds) on."""
        known = await self._metrics()
        links, faults = await self._links(known)
        if not links:
            return Derivations([], {}, faults)
        places = await self._places(links, known)
        groups: dict[tuple[int, int], Group] = {}
        recipes: dict[SeriesId, str] = {}
        since: dict[SeriesId, int] = {}
        new: list[SeriesId] = []
        for name, link in links.items():
            every = _every(known[name])
            derived = Derived(link.kpi, [])
            for machine, inputs in _complete(link, places).items():
                kept = places[name].get(machine)
                if kept is None:
                    continue
                number = kept.series.id
                recipe = recipes[number] = _recipe(link.kpi, every, inputs, recipes)
                since[number] = kept.since if recipe == kept.recipe else on_step(watermark, every)
                new += [number] if recipe != kept.recipe else []
                derived.members.append(Member(number, inputs))
            groups.setdefault((link.rank, every), Group(every, [])).derived.append(derived)
        noted = {each.series.id for name in links for each in places[name].values() if each.recipe is not None}
        await self._keep(noted - since.keys(), {number: (recipes[number], since[number]) for number in new})
        return Derivations([groups[key] for key in sorted(groups)], since, faults)

    async def went_back(self, since: int, series: list[SeriesId]) -> None:
        """These are derived from then on (microseconds)."""
        async with self._database.driver(autocommit=True) as connection:
            await connection.execute(WENT_BACK, (instant(since), series))

    async def _metrics(self) -> dict[str, Metric]:
        async with self._database.asking() as connection:
            rows = (await connection.execute(METRICS)).all()
        return {row.name: metric_of(row._mapping) for row in rows}

    async def _links(self, known: Mapping[str, Metric]) -> tuple[dict[str, Link], list[str]]:
        """Formulas in the order in which one needs the other; their metrics are told in the units that they give."""
        wanted = {
            name: KpiDefinition(name, each.display_name, each.formula, each.formula_unit, each.description)
            for name, each in known.items()
            if each.formula is not None
        }
        if not wanted:
            return {}, []
        kpis = {each.name: each.formula for each in await self._kpis.definitions()}
        made = chained(wanted, kpis, known)
        links = {name: each for name, each in made.items() if isinstance(each, Link)}
        faults = [
            f"The derived metric {name!r} cannot be computed. {each.error.message}"
            for name, each in made.items()
            if not isinstance(each, Link)
        ]
        moved = [(link.kpi.unit, known[name].id) for name, link in links.items() if link.kpi.unit != known[name].unit]
        for each in moved:
            async with self._database.driver(autocommit=True) as connection:
                await connection.execute(TOLD_IN, each)
        return links, faults

    async def _places(self, links: Mapping[str, Link], known: Mapping[str, Metric]) -> _Places:
        """With the series that had to be made; some are needed by others."""
        wanted = {name for link in links.values() for name in link.kpi.computation.metrics} | links.keys()
        tried: set[tuple[MachineId, str]] = set()
        while True:
            places = await self._series({known[name].id: known[name] for name in wanted})
            missing = {
                (machine, name)
                for name, link in links.items()
                for machine in _complete(link, places)
                if machine not in places[name]
            } - tried
            if not missing:
                return places
            await self._register(missing)
            tried |= missing

    async def _series(self, wanted: Mapping[int, Metric]) -> _Places:
        async with self._database.driver(autocommit=True) as connection:
            rows = await (await connection.execute(SERIES, (list(wanted),))).fetchall()
        found: _Places = {metric.name: {} for metric in wanted.values()}
        for number, source, machine, metric_id, unit, recipe, since in rows:
            metric = wanted[metric_id]
            series = Series(number, source, metric, machine, None, None, unit)
            found[metric.name][machine] = _Kept(series, recipe, microseconds(since) if since else 0)
        return found

    async def _register(self, missing: set[tuple[MachineId, str]]) -> None:
        async with self._database.driver(autocommit=True) as connection:
            machines = sorted({machine for machine, _ in missing})
            rows = await (await connection.execute(CODES, (machines,))).fetchall()
        codes = {machine: path for machine, *path in rows}
        keys = [derived_key(Address._make([*codes[machine], name])) for machine, name in sorted(missing)]
        await self._registration.series_by_key(keys)

    async def _keep(self, gone: set[SeriesId], new: Mapping[SeriesId, tuple[str, int]]) -> None:
        if gone or new:
            given = {
                "gone": list(gone),
                "series": list(new),
                "recipes": [recipe for recipe, _ in new.values()],
                "since": [instant(since) for _, since in new.values()],
            }
            async with self._database.driver(autocommit=True) as connection:
                await connection.execute(KEEP, given)


def _every(metric: Metric) -> int:
    return width(metric.derived.every) if metric.derived else 0


def _complete(link: Link, places: _Places) -> dict[MachineId, dict[str, Series]]:
    """The machines that have all that a formula names, in units that convert to those of the metrics."""
    first, *others = sorted(link.kpi.computation.metrics)
    shared = [machine for machine in places[first] if all(machine in places[name] for name in others)]
    found = {machine: {name: places[name][machine].series for name in (first, *others)} for machine in shared}
    return {machine: inputs for machine, inputs in found.items() if all(map(_in_its_unit, inputs.values()))}


def _in_its_unit(series: Series) -> bool:
    metric = series.metric
    return metric is not None and (metric.kind is MetricKind.STATE or series.shown.unit == metric.unit)


def _recipe(kpi: Kpi, every: int, inputs: Mapping[str, Series], recipes: Mapping[SeriesId, str]) -> str:
    """Changes with everything that values depend on, readings aside."""
    made_of = [
        (each.id, each.unit, metric.kind, metric.unit, metric.dip_tolerance, metric.modulus, recipes.get(each.id))
        for each in inputs.values()
        if (metric := each.metric) is not None
    ]
    told = repr((kpi.computation.steps, kpi.conversion, every, made_of))
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
