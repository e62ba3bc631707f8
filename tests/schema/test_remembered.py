"""The catalog in memory: it costs one statement to know that it still holds, and every change is seen at once."""

from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.access import Role
from app.store.database import Database
from app.store.tables import machines, metrics, series
from tests.asker import STILL, Asker, columns, within
from tests.doors import house_of, open_client, token_for
from tests.engines import TestServer
from tests.holdings import BASE
from tests.watched import watched

pytestmark = pytest.mark.anyio

TREE = """{plants {totalCount edges {node {code name timeZone lines {code machines {
  path name attributes type {name metrics {name}} series {source unit metric {name unit displayName}}
}}}}} machines {totalCount} metrics {name}}"""
MODEL = """
machine_types: [{name: oven, metrics: [heat]}]
plants:
  - code: p
    name: First
    time_zone: Europe/Berlin
    lines: [{code: l, machines: [{code: m, type: oven, name: Oven}]}]
metrics: [{name: heat, unit: Cel}, {name: load}]
"""


async def tree(asker: Asker) -> Any:
    return (await asker.data(TREE))["plants"]["edges"]


async def test_what_is_remembered_costs_one_statement_until_it_changes(server: TestServer, database_url: str) -> None:
    async with watched(server, database_url) as (asker, log):
        await asker.house.model.apply(MODEL, "f")
        await asker.send(columns("p/l/m", "heat", [(BASE, 1.0)]))
        _, first = await log.during(asker.data(TREE))
        assert len(first) > 5
        answer, again = await log.during(asker.data(TREE), forgotten=False)
        assert ["catalog_version" in text for text in again] == [True]
        assert answer == await asker.data(TREE)
        await asker.send(columns("p/l/m", "heat", [(BASE + 1_000_000, 2.0)]))
        _, later = await log.during(asker.data(TREE), forgotten=False)
        assert len(later) == 1, "readings change nothing of it"


async def test_every_change_is_seen_by_the_next_question(asker: Asker) -> None:
    await asker.house.model.apply(MODEL, "f")
    [plant] = await tree(asker)
    assert plant["node"]["lines"][0]["machines"][0]["series"] == []
    await asker.send(columns("p/l/m", "heat", [(BASE, 1.0)]))
    [plant] = await tree(asker)
    [machine] = plant["node"]["lines"][0]["machines"]
    assert [each["metric"]["name"] for each in machine["series"]] == ["heat"]
    assert (machine["name"], machine["type"]["metrics"]) == ("Oven", [{"name": "heat"}])

    await asker.send(columns("p/l/other", "load", [(BASE, 1.0)]), columns("q/l/m", "load", [(BASE, 1.0)]))
    assert [each["node"]["code"] for each in await tree(asker)] == ["p", "q"]
    assert len((await tree(asker))[0]["node"]["lines"][0]["machines"]) == 2
    changed = MODEL.replace("First", "Renamed").replace("Europe/Berlin", "Asia/Tokyo").replace("[heat]", "[heat, load]")
    await asker.house.model.apply(changed.replace("unit: Cel", "unit: K"), "f")
    plant = (await tree(asker))[0]["node"]
    assert (plant["name"], plant["timeZone"]) == ("Renamed", "Asia/Tokyo")
    machine = next(each for each in plant["lines"][0]["machines"] if each["path"] == "p/l/m")
    assert machine["type"]["metrics"] == [{"name": "heat"}, {"name": "load"}]
    assert machine["series"][0]["metric"]["unit"] == "K"

    # By whatever way it came about, also behind the service's back.
    async with asker.house.database.begin() as transaction:
        await transaction.execute(sa.update(series).where(series.c.source.contains("heat")).values(unit="Cel"))
        await transaction.execute(sa.update(metrics).where(metrics.c.name == "heat").values(display_name="Warmth"))
        await transaction.execute(sa.update(machines).where(machines.c.name == "Oven").values(name="Stove"))
    [machine] = [each for each in (await tree(asker))[0]["node"]["lines"][0]["machines"] if each["path"] == "p/l/m"]
    assert machine["name"] == "Stove"
    assert machine["series"][0]["metric"]["displayName"] == "Warmth"
    async with asker.house.database.begin() as transaction:
        await transaction.execute(sa.delete(series).where(series.c.source.contains("heat")))
    [machine] = [each for each in (await tree(asker))[0]["node"]["lines"][0]["machines"] if each["path"] == "p/l/m"]
    assert machine["series"] == []


async def test_what_one_may_see_is_remembered_for_those_who_may(database: Database) -> None:
    house = house_of(database, **STILL)
    question = {"query": '{p: machine(path: "p/l/m") {path} q: machine(path: "q/l/m") {path} machines {totalCount}}'}
    async with open_client(house, loopback_only=False) as client:
        admin = await token_for(house, Role.ADMIN)
        lines = "x,plant=p,line=l,machine=m value=1\nx,plant=q,line=l,machine=m value=1"
        assert (await client.post("/api/v2/write", content=lines, headers=admin)).status_code == 204
        viewer = await token_for(house, Role.VIEWER, "q")
        for _ in range(2):
            answer = await client.post("/graphql", json=question, headers=admin)
            assert answer.json()["data"] == {
                "p": {"path": "p/l/m"}, "q": {"path": "q/l/m"}, "machines": {"totalCount": 2},
            }  # fmt: skip
            answer = await client.post("/graphql", json=question, headers=viewer)
            assert answer.json()["data"] == {"p": None, "q": {"path": "q/l/m"}, "machines": {"totalCount": 1}}


async def test_a_price_knows_what_has_arrived_since(asker: Asker) -> None:
    """Readings that have come after the series was remembered count: 100 are within the price, 1,100 are not."""
    asked = within(BASE, BASE + 2_000_000_000)
    question = 'query ($range: Range!) {machine(path: "p/l/m") {series {readings(range: $range, first: 1000) {times}}}}'
    await asker.send(columns("p/l/m", "x", [(BASE + at * 1_000_000, 1.0) for at in range(100)]))
    rows = []
    for more in (0, 1_000):
        await asker.send(columns("p/l/m", "x", [(BASE + at * 1_000_000, 1.0) for at in range(100, 100 + more)]))
        answer = await asker.answer(question, range=asked)
        rows.append(answer["extensions"]["cost"]["rows"])
    assert rows == [100, 1_000]
