"""Applying a model file to a store, what it leaves alone, and writing it out again."""

from datetime import time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.change.model_file import ModelFile
from app.domain.addresses import Address, SeriesKey
from app.domain.model import MetricKind
from app.store.catalog import Catalog
from app.store.database import Database
from app.store.registration import Registration
from app.store.series import SeriesCatalog
from app.store.tables import lines, machines, metric_labels, metrics, plants, series

pytestmark = pytest.mark.anyio

CONTRACT = """\
plants:
  - code: detroit
    name: Detroit Assembly
    time_zone: America/Detroit
    production_day_starts: "06:00"
    lines:
      - code: press-1
        name: Press line 1
        machines:
          - code: robot-3
            name: Robot 3
            type: robot
            transit: PT45S
            attributes: {vendor: acme}
machine_types:
  - name: robot
    metrics: [parts, status, temperature]
metrics:
  - name: parts
    kind: COUNTER
    modulus: 65536
  - name: status
    kind: STATE
    labels: {0: idle, 1: run, 2: fault}
  - name: temperature
    unit: Cel
    interval: PT1S
    gap: PT30S
"""


def _line(*codes: str) -> str:
    """A line with these machines."""
    return f"plants: [{{code: p, lines: [{{code: l, machines: [{', '.join(f'{{code: {c}}}' for c in codes)}]}}]}}]"


async def _order(database: Database) -> list[tuple[str, int]]:
    query = sa.select(machines.c.code, machines.c.position).order_by(machines.c.position)
    async with database.begin() as transaction:
        return [(row.code, row.position) for row in await transaction.execute(query)]


async def _rows(database: Database, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    async with database.begin() as transaction:
        return [tuple(row) for row in await transaction.execute(query)]


async def test_a_model_is_created_once_and_comes_out_as_it_went_in(database: Database) -> None:
    model = ModelFile(database)
    told = [
        "created metric parts",
        "created metric status",
        "created metric temperature",
        "created machine type robot",
        "created plant detroit",
        "created line detroit/press-1",
        "created machine detroit/press-1/robot-3",
    ]
    assert (await model.diff(CONTRACT, "f")).changes == told
    assert await model.export() == "plants: []\n"
    assert (await model.apply(CONTRACT, "f")).changes == told
    assert (await model.apply(CONTRACT, "f")).changes == []
    assert (await model.diff(CONTRACT, "f")).changes == []
    assert await model.export() == CONTRACT

    catalog = Catalog(database)
    [plant] = await catalog.plants_by_code(None, ["detroit"])
    assert (plant.name, plant.time_zone, plant.production_day_starts) == (
        "Detroit Assembly",
        "America/Detroit",
        time(6),
    )
    [machine] = await catalog.machines_by_path(None, ["detroit/press-1/robot-3"])
    assert (machine.name, machine.transit, machine.position) == ("Robot 3", timedelta(seconds=45), 1)
    assert machine.attributes == {"vendor": "acme"}
    assert machine.type_id is not None
    of_type = await catalog.metrics_by_machine_type([machine.type_id])
    assert [metric.name for _, metric in of_type] == ["parts", "status", "temperature"]
    found = {metric.name: metric for metric in await catalog.metrics()}
    assert (found["parts"].kind, found["parts"].modulus) == (MetricKind.COUNTER, 65536)
    assert (found["temperature"].interval, found["temperature"].gap) == (timedelta(seconds=1), timedelta(seconds=30))
    assert found["temperature"].display_name == "temperature"


async def test_what_is_not_named_is_left_as_it_is(database: Database) -> None:
    model = ModelFile(database)
    await model.apply(CONTRACT, "f")
    before = await model.export()
    assert (
        await model.apply("plants: [{code: detroit, lines: [{code: press-1, machines: [{code: robot-3}]}]}]", "f")
    ).changes == []
    assert (await model.apply("metrics: [{name: status}, {name: temperature, labels: }]", "f")).changes == []
    assert (await model.apply("machine_types: [{name: robot, metrics: [parts]}]", "f")).changes == []
    assert (await model.apply("plants:\nmetrics: []\n", "f")).changes == []
    assert await model.export() == before


async def test_every_change_is_a_sentence(database: Database) -> None:
    model = ModelFile(database)
    await model.apply(CONTRACT, "f")
    ids = await _rows(database, sa.select(metrics.c.id, metrics.c.name).order_by(metrics.c.id))
    changed = """
plants:
  - code: detroit
    production_day_starts: 05:30
    attributes: {site: true}
    lines:
      - {code: press-1, name: Press, machines: [{code: robot-3, type: null, transit: PT0S, attributes: {vendor: "1"}}]}
machine_types:
  - {name: robot, metrics: [humidity]}
metrics:
  - {name: humidity}
  - {name: temperature, unit: K, kind: STATE, interval: null, gap: PT1M, description: "hot\\nor not"}
  - {name: parts, display_name: Parts made, dip_tolerance: 0.5, modulus: null}
  - {name: status, labels: {0: run, 1: idle, 7: setup}}
"""
    told = [
        "created metric humidity",
        'changed metric temperature: description none -> "hot\\nor not"',
        "changed metric temperature: unit Cel -> K",
        "changed metric temperature: kind GAUGE -> STATE",
        "changed metric temperature: interval PT1S -> none",
        "changed metric temperature: gap PT30S -> PT1M",
        "changed metric parts: display_name parts -> Parts made",
        "changed metric parts: dip_tolerance 0 -> 0.5",
        "changed metric parts: modulus 65536 -> none",
        "changed metric status: label 0 idle -> run",
        "changed metric status: label 1 run -> idle",
        "changed metric status: label 7 none -> setup",
        "changed machine type robot: added humidity",
        "changed plant detroit: production_day_starts 06:00 -> 05:30",
        "changed plant detroit: attribute site none -> true",
        "changed line detroit/press-1: name Press line 1 -> Press",
        "changed machine detroit/press-1/robot-3: type robot -> none",
        "changed machine detroit/press-1/robot-3: transit PT45S -> P0D",
        'changed machine detroit/press-1/robot-3: attribute vendor "acme" -> "1"',
    ]
    before = await model.export()
    assert (await model.diff(changed, "f")).changes == told
    assert await model.export() == before
    assert (await model.apply(changed, "f")).changes == told
    assert (await model.apply(changed, "f")).changes == []
    assert await _rows(database, sa.select(metrics.c.id, metrics.c.name).order_by(metrics.c.id).limit(3)) == ids
    labels = await _rows(database, sa.select(metric_labels.c.code, metric_labels.c.text).order_by(metric_labels.c.code))
    assert labels == [(0, "run"), (1, "idle"), (2, "fault"), (7, "setup")]
    text = await model.export()
    assert (await model.apply(text, "f")).changes == []
    assert 'attributes: {vendor: "1"}' in text
    assert "attributes: {site: true}" in text


async def test_true_is_not_one(database: Database) -> None:
    model = ModelFile(database)
    await model.apply("plants: [{code: p, attributes: {a: 1, b: [1.0]}}]", "f")
    assert (await model.apply("plants: [{code: p, attributes: {a: true, b: [1]}}]", "f")).changes == [
        "changed plant p: attribute a 1 -> true"
    ]
    assert await _rows(database, sa.select(plants.c.attributes)) == [({"a": True, "b": [1]},)]


async def test_machines_stand_in_the_order_of_the_file(database: Database) -> None:
    model = ModelFile(database)
    await model.apply(_line("a", "b", "c", "d"), "f")
    assert await _order(database) == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
    assert (await model.apply(_line("c", "n", "a"), "f")).changes == [
        "changed line p/l: order of machines a, b, c, d -> c, a, b, d",
        "created machine p/l/n",
    ]
    assert await _order(database) == [("c", 1), ("n", 2), ("a", 3), ("b", 4), ("d", 5)]
    assert (await model.apply(_line("c", "m", "n"), "f")).changes == ["created machine p/l/m"]
    assert await _order(database) == [("c", 1), ("m", 2), ("n", 3), ("a", 4), ("b", 5), ("d", 6)]
    assert (await model.apply(_line("c", "m"), "f")).changes == []
    assert (await model.apply(await model.export(), "f")).changes == []


async def test_a_machine_on_another_line_is_another_machine(database: Database) -> None:
    model = ModelFile(database)
    await model.apply("plants: [{code: p, lines: [{code: a, machines: [{code: m, name: First}]}, {code: b}]}]", "f")
    told = (await model.apply("plants: [{code: p, lines: [{code: b, machines: [{code: m}]}]}]", "f")).changes
    assert told == ["created machine p/b/m"]
    query = sa.select(lines.c.code, machines.c.name).join(machines).order_by(lines.c.code)
    assert await _rows(database, query) == [("a", "First"), ("b", "m")]


async def test_plants_without_a_zone_get_the_one_of_the_settings(database: Database) -> None:
    model = ModelFile(database, time_zone="Asia/Kolkata")
    await model.apply("plants: [{code: p}]", "f")
    assert await model.export() == "plants:\n  - code: p\n    time_zone: Asia/Kolkata\n"


async def test_what_ingest_has_registered_is_kept_and_exported(database: Database) -> None:
    registration = Registration(database, create=True, time_zone="UTC")
    name = "oven, \u2028zone=1:" + "x" * 900
    known = await registration.series_by_key(
        [
            SeriesKey("one", Address("p", "l", "m", name)),
            SeriesKey("two", Address("p", "l", "z", "temperature")),
            SeriesKey("lost", None, "the tag line is missing"),
        ]
    )
    model = ModelFile(database)
    text = await model.export()
    assert (await model.apply(text, "f")).changes == []
    added = _line("k", "z") + "\nmetrics: [{name: temperature, unit: Cel}]"
    assert (await model.apply(added, "f")).changes == [
        "changed metric temperature: unit none -> Cel",
        "changed line p/l: order of machines m, z -> z, m",
        "created machine p/l/k",
    ]
    found = await SeriesCatalog(database).by_id(None, list(known.values()))
    assert {each.source: each.metric.name if each.metric else each.unmapped_reason for each in found} == {
        "one": name,
        "two": "temperature",
        "lost": "the tag line is missing",
    }
    assert await _rows(database, sa.select(sa.func.count()).select_from(series)) == [(3,)]
