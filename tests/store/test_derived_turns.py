"""The worker's turns with derived series: what they cost, what they tell, and what they leave alone."""

import pytest
import sqlalchemy as sa

from app.domain.instants import MINUTE
from app.store.database import Database
from app.store.tables import metrics, readings
from tests.asker import asking, columns
from tests.engines import TestServer
from tests.holdings import rows
from tests.store.derived_plant import DAY, HOUR, MODEL, START, derived, settled
from tests.watched import watched

pytestmark = pytest.mark.anyio


async def test_a_turn_takes_as_many_statements_whatever_the_number_of_machines(
    server: TestServer, database_url: str
) -> None:
    async with watched(server, database_url) as (asker, log):
        await asker.house.model.apply(MODEL, "model.yaml")
        told: list[int] = []
        for turn, machines in enumerate((2, 30)):
            paths = [f"p/l/m{number}" for number in range(machines)]
            for _ in range(3):
                at = START + turn * HOUR + len(told) * 15 * MINUTE
                for metric in ("good", "total", "power"):
                    await asker.send(*(columns(path, metric, [(at, 1.0), (at + 1, 2.0)]) for path in paths))
                _, statements = await log.during(asker.advance(at + 15 * MINUTE))
                told.append(len(statements))
        # The first turn of each makes series; the others are alike.
        assert told[2] == told[5] < 120, told


async def test_where_nothing_is_derived_a_turn_asks_once(server: TestServer, database_url: str) -> None:
    async with watched(server, database_url) as (asker, log):
        await asker.send(columns("p/l/a", "power", [(START, 1.0)]))
        await asker.advance(START + HOUR)
        _, statements = await log.during(asker.advance(START + HOUR + MINUTE))
        assert len([text for text in statements if "formula IS NOT NULL" in text]) == 1
        assert not [text for text in statements if "derived_series" in text]


async def counts(database: Database) -> dict[str, int]:
    """How many usable readings there are of each metric of the one machine."""
    return {metric: len(found) for (_, metric), found in (await derived(database))[0].items()}


async def test_a_formula_that_cannot_be_computed_any_more_is_told_and_the_others_go_on(database: Database) -> None:
    """As when an import gives a metric a unit that had none."""
    async with asking(database) as asker:
        model = "metrics: [{name: x}, {name: y}]\nderived: [{name: s, formula: x + y}, {name: d, formula: 2 * x}]"
        await asker.house.model.apply(model, "f")
        await asker.send(*(columns("p/l/a", name, [(START, 1.0)]) for name in "xy"))
        await asker.advance(START + HOUR)
        await asker.house.registration.give_units("p/l/a", {"x": "kW"})
        advance = await asker.house.keeper.advance(START + HOUR)
        assert advance is not None
        assert advance.errors[0].startswith(
            "The derived metric 's' cannot be computed. The formula adds a plain number"
        )
        await asker.send(*(columns("p/l/a", name, [(START + 2 * HOUR, 1.0)]) for name in "xy"))
        await asker.advance(START + 3 * HOUR)
        assert {key: len(found) for key, found in (await derived(database))[0].items()} == {
            ("a", "s"): 1,
            ("a", "d"): 2,
        }
        # What has been missed meanwhile is derived when it can be.
        await asker.house.registration.give_units("p/l/a", {"y": "kW"})
        await settled(asker, START + 3 * HOUR)
        assert {key: len(found) for key, found in (await derived(database))[0].items()} == {
            ("a", "s"): 2,
            ("a", "d"): 2,
        }
        units = await rows(database, sa.select(metrics.c.name, metrics.c.unit).where(metrics.c.formula.is_not(None)))
        assert {tuple(row) for row in units} == {("s", "kW"), ("d", "kW")}


async def test_what_retention_has_taken_is_not_derived(database: Database) -> None:
    async with asking(database) as asker:
        await asker.send(columns("p/l/a", "power", [(START + n * DAY, 1.0) for n in range(30)]))
        await asker.advance(START + 30 * DAY)
        async with database.begin() as transaction:
            await transaction.exec_driver_sql("UPDATE tiers SET gone_before = '2026-03-19 00:00+00' WHERE name = 'RAW'")
        await asker.house.model.apply("derived: [{name: d, formula: 2 * power}]", "f")
        await settled(asker, START + 30 * DAY)
        usable, _ = await derived(database)
        assert sorted((at - START) // DAY for at in usable["a", "d"]) == list(range(17, 30))
        query = sa.select(sa.func.count()).select_from(readings)
        assert (await rows(database, query))[0][0] == 30 + 13
