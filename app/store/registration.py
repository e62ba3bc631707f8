"""Gives every source tag a series at first sight, and creates the catalog on the way where that is allowed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection as Transaction

from app.domain.addresses import OWN, Address, SeriesKey
from app.domain.model import MetricKind, SeriesId
from app.store.catalog import MACHINE_PATH
from app.store.database import Database
from app.store.keys import one_of
from app.store.tables import lines, machines, metrics, plants, series

CATALOG_LOCK = 7_463_003
"""Held by whoever adds to the catalog: two bodies with the same new machine wait for one another."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A machine and a metric that exist, whether this is derived, and the source of the series that is mapped to them,
    if any."""

    machine_id: int
    metric_id: int
    derived: bool
    holder: str | None
    series_id: SeriesId | None


class HeldUnits(NamedTuple):
    """The unit of a metric, and the one of its readings on a machine, if there are any."""

    metric: str
    readings: str | None


class Registration:
    """Finds series by their keys and registers those that are new."""

    def __init__(self, database: Database, *, create: bool, time_zone: str) -> None:
        self._database = database
        self._create = create
        self._time_zone = time_zone

    async def series_by_key(self, keys: Sequence[SeriesKey]) -> dict[SeriesKey, SeriesId]:
        """The series of every key. A key that names machine and metric goes to whatever series is mapped to them."""
        async with self._database.begin() as transaction:
            known = await _known(transaction, keys)
            if new := [key for key in keys if key not in known]:
                await transaction.execute(sa.select(sa.func.pg_advisory_xact_lock(CATALOG_LOCK)))
                known |= await _known(transaction, new)
                known |= await self._register(transaction, [key for key in new if key not in known])
        return known

    async def give_units(self, machine: str, units: Mapping[str, str]) -> dict[str, HeldUnits]:
        """Sets the unit of metrics that have none, making those that are missing; returns which ones the metrics and
        the readings of a machine (plant/line/machine) then have, by metric. What is derived has the formula's."""
        if not units:
            return {}
        rows = [
            {"name": name, "display_name": name, "kind": MetricKind.GAUGE.value, "unit": unit}
            for name, unit in sorted(units.items())
        ]
        statement = insert(metrics)
        async with self._database.begin() as transaction:
            await transaction.execute(sa.select(sa.func.pg_advisory_xact_lock(CATALOG_LOCK)))
            await transaction.execute(
                statement.on_conflict_do_update(
                    index_elements=["name"],
                    set_={"unit": statement.excluded.unit},
                    where=sa.and_(metrics.c.unit.is_(None), metrics.c.formula.is_(None)),
                ),
                rows,
            )
            of_machine = sa.and_(
                series.c.metric_id == metrics.c.id,
                series.c.machine_id.in_(
                    sa.select(machines.c.id)
                    .join(lines, lines.c.id == machines.c.line_id)
                    .join(plants, plants.c.id == lines.c.plant_id)
                    .where(sa.literal(machine) == MACHINE_PATH)
                ),
            )
            in_readings = sa.case((series.c.id.is_not(None), sa.func.coalesce(series.c.unit, metrics.c.unit)))
            found = await transaction.execute(
                sa.select(metrics.c.name, metrics.c.unit, in_readings)
                .select_from(sa.outerjoin(metrics, series, of_machine))
                .where(one_of(metrics.c.name, units), metrics.c.formula.is_(None))
            )
            return {name: HeldUnits(*held) for name, *held in found}

    async def _register(self, transaction: Transaction, keys: Sequence[SeriesKey]) -> dict[SeriesKey, SeriesId]:
        if not keys:
            return {}
        if self._create:
            await self._create_catalog(transaction, keys)
        claims = await _claims(transaction, {key.address for key in keys if key.address})
        taken = {address: claim.holder for address, claim in claims.items() if claim.holder}
        rows: dict[str, dict[str, object]] = {}
        for key in keys:
            if key.source in rows:
                continue
            claim = claims.get(key.address) if key.address else None
            reason = _unmapped_reason(key, claim, taken)
            if reason is None and key.address:
                taken[key.address] = key.source
            mapped = claim if reason is None else None
            rows[key.source] = {
                "source": key.source,
                "machine_id": mapped.machine_id if mapped else None,
                "metric_id": mapped.metric_id if mapped else None,
                "unmapped_reason": reason,
                "unit": key.unit,
            }
        await transaction.execute(insert(series).on_conflict_do_nothing(), list(rows.values()))
        return await _known(transaction, keys)

    async def _create_catalog(self, transaction: Transaction, keys: Iterable[SeriesKey]) -> None:
        wanted = sorted({(key.address, key.discrete) for key in keys if key.address})
        zones = [
            {"code": code, "name": code, "time_zone": self._time_zone} for code in sorted({a.plant for a, _ in wanted})
        ]
        if not zones:
            return
        await transaction.execute(insert(plants).on_conflict_do_nothing(), zones)
        await transaction.execute(_NEW_LINES, _columns({(a.plant, a.line) for a, _ in wanted}, "plants", "lines"))
        places = {(a.plant, a.line, a.machine) for a, _ in wanted}
        await transaction.execute(_NEW_MACHINES, _columns(places, "plants", "lines", "machines"))
        # Texts have the last word wherever they stand: a STATE takes numbers too, a GAUGE would refuse them.
        kinds = dict.fromkeys((address.metric for address, _ in wanted), MetricKind.GAUGE)
        kinds |= {address.metric: MetricKind.STATE for address, discrete in wanted if discrete}
        await transaction.execute(
            insert(metrics).on_conflict_do_nothing(),
            [{"name": name, "display_name": name, "kind": kind.value} for name, kind in kinds.items()],
        )


_NEW_LINES = sa.text(
    """
    INSERT INTO lines (plant_id, code, name)
    SELECT plants.id, wanted.line, wanted.line
    FROM unnest(CAST(:plants AS text[]), CAST(:lines AS text[])) AS wanted (plant, line)
    JOIN plants ON plants.code = wanted.plant ORDER BY 1, 2
    ON CONFLICT DO NOTHING
    """
)
_NEW_MACHINES = sa.text(
    """
    INSERT INTO machines (line_id, code, name, position)
    SELECT lines.id, wanted.machine, wanted.machine,
        coalesce((SELECT max(position) FROM machines WHERE line_id = lines.id), 0)
            + row_number() OVER (PARTITION BY lines.id ORDER BY wanted.machine)
    FROM unnest(CAST(:plants AS text[]), CAST(:lines AS text[]), CAST(:machines AS text[]))
        AS wanted (plant, line, machine)
    JOIN plants ON plants.code = wanted.plant
    JOIN lines ON lines.plant_id = plants.id AND lines.code = wanted.line
    WHERE NOT EXISTS (SELECT FROM machines WHERE line_id = lines.id AND code = wanted.machine)
    """
)


async def _known(transaction: Transaction, keys: Sequence[SeriesKey]) -> dict[SeriesKey, SeriesId]:
    """Series by source; for keys that name machine and metric, by what is mapped there first."""
    wanted = one_of(series.c.source, [key.source for key in keys])
    found = await transaction.execute(sa.select(series.c.source, series.c.id).where(wanted))
    ids = {source: SeriesId(number) for source, number in found}
    claims = await _claims(transaction, {key.address for key in keys if key.named and key.address})
    known = {}
    for key in keys:
        claim = claims.get(key.address) if key.named and key.address else None
        number = claim.series_id if claim and claim.series_id and not claim.derived else ids.get(key.source)
        if number is not None:
            known[key] = number
    return known


async def _claims(transaction: Transaction, addresses: set[Address]) -> Mapping[Address, Claim]:
    """Machine and metric of the addresses that exist, and who holds them."""
    if not addresses:
        return {}
    columns = [sa.cast(list(column), sa.ARRAY(sa.Text)) for column in zip(*sorted(addresses), strict=True)]
    wanted = sa.func.unnest(*columns).table_valued("plant", "line", "machine", "metric").render_derived()
    path = wanted.c.plant + "/" + wanted.c.line + "/" + wanted.c.machine
    query = (
        sa.select(wanted, machines.c.id, metrics.c.id, metrics.c.formula.is_not(None), series.c.source, series.c.id)
        .join(plants, plants.c.code == wanted.c.plant)
        .join(lines, sa.and_(lines.c.plant_id == plants.c.id, lines.c.code == wanted.c.line))
        .join(machines, sa.and_(machines.c.line_id == lines.c.id, machines.c.code == wanted.c.machine))
        .join(metrics, metrics.c.name == wanted.c.metric)
        .outerjoin(series, sa.and_(series.c.machine_id == machines.c.id, series.c.metric_id == metrics.c.id))
        .where(path == MACHINE_PATH)
    )
    return {Address(*row[:4]): Claim(*row[4:]) for row in await transaction.execute(query)}


def _unmapped_reason(key: SeriesKey, claim: Claim | None, taken: Mapping[Address, str]) -> str | None:
    """Why a new series stays unmapped, or None where it is mapped to what it claims."""
    if key.address is None:
        return key.unmapped_reason
    if claim is None:
        return f"{'/'.join(key.address[:3])} with {key.address.metric} is not in the catalog, and creating is off"
    if claim.derived and not key.source.startswith(OWN):
        return f"{'/'.join(key.address[:3])} has {key.address.metric} derived, and takes nothing that is sent for it"
    if key.address in taken:
        return f"{'/'.join(key.address[:3])} already has {key.address.metric} from {taken[key.address]}"
    return None


def _columns(rows: Iterable[tuple[str, ...]], *names: str) -> dict[str, list[str]]:
    return {name: list(column) for name, column in zip(names, zip(*sorted(rows), strict=True), strict=True)}
