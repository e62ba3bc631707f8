"""Units as clients see them: the metric's or the source's, another on request; a bad one stops nothing else."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.instants import MINUTE, SECOND, microseconds
from app.store.tables import metrics, series
from tests.asker import Asker, columns, unmapped, within, written
from tests.engines import TestServer
from tests.schema.test_statements import fill
from tests.watched import watched

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
HOUR = 60 * MINUTE
READINGS = [(BASE, 10.0), (BASE + SECOND, None, 0x80000000), (BASE + 2 * SECOND, 30.0), (BASE + 2 * MINUTE, 20.0)]
RANGE = within(BASE, BASE + 3 * MINUTE)
ALL = """query ($range: Range!, $unit: String) {machine(path: "p/l/m") {series {
  metric {name unit} unit latest {value}
  plot(range: $range, unit: $unit) {unit values}
  buckets(range: $range, every: "PT1M", fill: LINEAR, unit: $unit) {unit average minimum maximum first last increase}
  carried: buckets(range: $range, every: "PT1M", fill: PREVIOUS, unit: $unit) {average minimum maximum last}
  readings(range: $range, unit: $unit) {unit values}
}}}"""

ONE = """query ($range: Range!, $unit: String!, $metric: String!) {
  machine(path: "p/l/m") {series(metrics: [$metric]) {%s}}
}"""


async def give(asker: Asker, metric: str, unit: str | None, source: str | None) -> None:
    """The units of a metric and of its series."""
    number = sa.select(metrics.c.id).where(metrics.c.name == metric).scalar_subquery()
    async with asker.house.database.begin() as transaction:
        await transaction.execute(sa.update(metrics).where(metrics.c.name == metric).values(unit=unit))
        await transaction.execute(sa.update(series).where(series.c.metric_id == number).values(unit=source))


async def everything(asker: Asker, unit: str | None = None) -> Any:
    found = await asker.data(ALL, range=RANGE, unit=unit)
    return {each["metric"]["name"]: each for each in found["machine"]["series"]}


def fahrenheit(*celsius: float | None) -> list[Any]:
    return [None if value is None else pytest.approx(value * 1.8 + 32) for value in celsius]


async def test_every_answer_is_in_the_unit_asked_for_and_says_it(asker: Asker) -> None:
    await asker.define("heat", unit="Cel")
    await asker.send(columns("p/l/m", "heat", READINGS))
    for watermark in (0, BASE + MINUTE, BASE + HOUR):
        await asker.advance(watermark)
        found = (await everything(asker))["heat"]
        assert [found[name]["unit"] for name in ("plot", "buckets", "readings")] == ["Cel"] * 3
        assert found["buckets"]["average"] == [20, 20, 20]
        found = (await everything(asker, "[degF]"))["heat"]
        assert [found[name]["unit"] for name in ("plot", "buckets", "readings")] == ["[degF]"] * 3
        assert (found["unit"], found["latest"]["value"]) == ("Cel", 20)
        assert found["plot"]["values"] == fahrenheit(10, 30, 20)
        assert found["readings"]["values"] == fahrenheit(10, None, 30, 20)
        assert found["buckets"] == {
            "unit": "[degF]",
            "average": fahrenheit(20, 20, 20),
            "minimum": fahrenheit(10, None, 20),
            "maximum": fahrenheit(30, None, 20),
            "first": fahrenheit(10, None, 20),
            "last": fahrenheit(30, None, 20),
            "increase": [None] * 3,
        }
        assert found["carried"] == {
            "average": fahrenheit(20, 30, 20),
            "minimum": fahrenheit(10, 30, 20),
            "maximum": fahrenheit(30, 30, 20),
            "last": fahrenheit(30, 30, 20),
        }


async def test_values_are_in_the_metrics_unit_where_the_sources_converts_to_it(asker: Asker) -> None:
    names = ("both", "bad metric", "bad source", "none", "odd", "of metric", "of source")
    await asker.send(*(columns("p/l/m", name, READINGS) for name in names))
    await give(asker, "both", "Cel", "K")
    await give(asker, "bad metric", "bananas", "K")
    await give(asker, "bad source", "Cel", "bananas")
    await give(asker, "odd", "Cel", "bar")
    await give(asker, "of metric", "Cel", None)
    await give(asker, "of source", None, "K")
    found = await everything(asker)
    shown = {name: each["unit"] for name, each in found.items()}
    assert shown == {
        "both": "Cel", "bad metric": "K", "bad source": "bananas", "none": None, "odd": "bar", "of metric": "Cel",
        "of source": "K",
    }  # fmt: skip
    for name, each in found.items():
        assert {each[part]["unit"] for part in ("plot", "buckets", "readings")} == {shown[name]}, name
        offset = 273.15 if name == "both" else 0
        assert each["latest"]["value"] == pytest.approx(20 - offset), name
        assert each["plot"]["values"] == [pytest.approx(value - offset) for value in (10, 30, 20)], name
        assert each["readings"]["values"][:2] == [pytest.approx(10 - offset), None], name
        assert each["buckets"]["average"] == [pytest.approx(20 - offset)] * 3, name


async def test_a_unit_that_cannot_be_is_told_at_its_field_and_stops_nothing_else(asker: Asker) -> None:
    await asker.define("state", kind="STATE", unit="1")
    await asker.send(*(columns("p/l/m", name, READINGS) for name in ("heat", "odd", "none", "state")))
    await give(asker, "heat", "Cel", None)
    await give(asker, "odd", "Cel", "bananas")
    fields = {
        "plot": "plot(range: $range, unit: $unit) {unit values}",
        "buckets": 'buckets(range: $range, every: "PT1M", unit: $unit) {unit average}',
        "readings": "readings(range: $range, unit: $unit) {unit values}",
    }
    cases = [
        ("heat", "bananas", "The unit 'bananas' is not known.", "Write a UCUM code"),
        ("heat", "rpm", "The unit 'rpm' is not known.", "Did you mean {rev}/min?"),
        ("heat", "bar", "Readings in Cel cannot be told in bar.", "Ask for a unit of the same quantity"),
        ("heat", "(" * 5_000, "is not known.", "Write a UCUM code"),
        ("heat", "10*999999999", "The unit '10*999999999' is not known.", "Write a UCUM code"),
        ("odd", "Cel", "The readings are in 'bananas'", "Leave unit out, or mend"),
        ("none", "Cel", "Nobody has said in which unit the readings are", "Leave unit out, or set"),
        ("state", "1", "The values of a STATE are codes", "Leave unit out."),
    ]
    for name, field in fields.items():
        for metric, unit, message, hint in cases:
            fault = await asker.fault(ONE % field, range=RANGE, unit=unit, metric=metric)
            assert fault.code == "BAD_USER_INPUT", (name, fault)
            assert message in fault.message, (name, fault)
            assert hint in str(fault.hint), (name, fault)
    ids = '{machine(path: "p/l/m") {series {id metric {name}}}}'
    numbers = {each["metric"]["name"]: each["id"] for each in (await asker.data(ids))["machine"]["series"]}
    query = "query ($ids: [ID!]!, $range: Range!) {series(ids: $ids) {%s}}"
    answer = await asker.answer(
        query % fields["buckets"].replace("$unit", '"K"'), ids=[numbers[name] for name in numbers], range=RANGE
    )
    assert [each and each["buckets"]["unit"] for each in answer["data"]["series"]] == ["K", None, None, None]
    assert [error["path"] for error in answer["errors"]] == [["series", at, "buckets"] for at in (1, 2, 3)]
    same = await asker.data(
        'query ($range: Range!) {machine(path: "p/l/m") {series(metrics: ["odd"])'
        ' {readings(range: $range, unit: "bananas") {unit values}}}}',
        range=RANGE,
    )
    assert same["machine"]["series"][0]["readings"] == {"unit": "bananas", "values": [10, None, 30, 20]}


async def test_a_source_tag_that_is_not_mapped_has_the_unit_that_it_states_or_none(asker: Asker) -> None:
    await asker.send(unmapped("with", READINGS), unmapped("without", READINGS))
    async with asker.house.database.begin() as transaction:
        await transaction.execute(sa.update(series).where(series.c.source == "with").values(unit="K"))
    query = """query ($range: Range!, $unit: String) {unmappedSeries {edges {node {
      source unit latest {value}
      plot(range: $range) {unit values}
      buckets(range: $range, every: "PT1H", unit: $unit) {unit average}
    }}}}"""
    edges = (await asker.data(query, range=RANGE))["unmappedSeries"]["edges"]
    nodes = {edge["node"].pop("source"): edge["node"] for edge in edges}
    assert nodes == {
        source: {
            "unit": unit,
            "latest": {"value": 20},
            "plot": {"unit": unit, "values": [10, 30, 20]},
            "buckets": {"unit": unit, "average": [20]},
        }
        for source, unit in (("with", "K"), ("without", None))
    }
    [fault] = await asker.faults(query, range=RANGE, unit="Cel")
    assert (fault.code, "Nobody has said in which unit" in fault.message) == ("BAD_USER_INPUT", True)
    alone = query.replace("unmappedSeries", 'unmappedSeries(search: "with", first: 1)')
    async with asker.house.database.begin() as transaction:
        await transaction.execute(sa.update(series).where(series.c.source == "without").values(source="other"))
    [edge] = (await asker.data(alone, range=RANGE, unit="Cel"))["unmappedSeries"]["edges"]
    assert edge["node"]["buckets"] == {"unit": "Cel", "average": [pytest.approx(20 - 273.15)]}


async def test_counters_are_told_in_another_unit_without_its_offset(asker: Asker) -> None:
    await asker.define("energy", kind="COUNTER", dip_tolerance=5.0)
    readings = [(BASE + at * MINUTE, value) for at, value in enumerate([1_000, 3_000, 2_996, 500, 2_500])]
    await asker.send(columns("p/l/m", "energy", readings))
    await give(asker, "energy", "kW.h", "W.h")
    query = """query ($range: Range!, $unit: String) {machine(path: "p/l/m") {series {
      id unit latest {value}
      buckets(range: $range, every: "PT1M", unit: $unit) {increase last}
      counterEvents(range: $range) {kind before after offset overrules {verdict base}}
    }}}"""
    asked = within(BASE, BASE + HOUR)
    for watermark in (0, BASE + HOUR):
        await asker.advance(watermark)
        found = (await asker.data(query, range=asked))["machine"]["series"][0]
        assert (found["unit"], found["latest"]["value"]) == ("kW.h", 2.5)
        assert found["buckets"]["increase"] == pytest.approx([0, 2, -0.004, 0.5, 2])
        assert found["buckets"]["last"] == pytest.approx([1, 3, 2.996, 0.5, 2.5])
        assert [list(event.values())[:4] for event in found["counterEvents"]] == [
            ["DIP", 3, pytest.approx(2.996), 0],
            ["RESET", pytest.approx(2.996), 0.5, pytest.approx(2.996)],
        ]  # the tolerance is in the source's unit
        other = (await asker.data(query, range=asked, unit="MJ"))["machine"]["series"][0]
        assert other["buckets"]["increase"] == pytest.approx([0, 7.2, -0.0144, 1.8, 7.2])
    overrule = """mutation ($series: ID!, $time: DateTime!) {
      overruleCounterEvent(series: $series, time: $time, verdict: BASE, base: 0.4)
    }"""
    assert await asker.data(overrule, series=found["id"], time=written(BASE + 3 * MINUTE))
    found = (await asker.data(query, range=asked))["machine"]["series"][0]
    assert found["buckets"]["increase"] == pytest.approx([0, 2, -0.004, 0.1, 2])
    assert found["counterEvents"][1]["overrules"] == [{"verdict": "BASE", "base": pytest.approx(0.4)}]


async def test_aliases_in_several_units_and_series_with_bad_ones_are_read_by_one_statement(
    server: TestServer, database_url: str
) -> None:
    async with watched(server, database_url) as (asker, log):
        await fill(asker)
        await give(asker, "speed", "m/s", "mm/s")
        await give(asker, "power", "kW", "bananas")
        fields = {
            "plot": "plot(range: $range, points: 2 %s) {unit values}",
            "buckets": 'buckets(range: $range, every: "PT1M" %s) {unit average}',
            "readings": "readings(range: $range, first: 5 %s) {unit values}",
        }
        asked = within(BASE - 30 * SECOND, BASE + 2 * MINUTE)
        query = 'query ($range: Range!) {machines(first: 20) {edges {node {series(metrics: ["speed"]) {%s} %s}}}}'
        others = 'others: series(metrics: ["power"]) {%s}'
        for field in fields.values():
            read = []
            for units in (("",), ("", ', unit: "mm/s"', ', unit: "km/h"')):
                asked_for = " ".join(f"a{at}: {field % unit}" for at, unit in enumerate(units))
                told = await log.statements(query % (asked_for, others % (field % "")), range=asked)
                read.append([text for text in told if "FROM readings" in text or "readings_" in text])
            assert len(read[0]) == len(read[1]) <= 2, (field, [[text[:80] for text in each] for each in read])
        both = fields["buckets"] % "" + " a: " + fields["buckets"] % ', unit: "km/h"'
        found = (await asker.data(query % (both, ""), range=asked))["machines"]["edges"][0]["node"]["series"][0]
        assert found["buckets"]["unit"] == "m/s"
        assert found["a"]["average"] == pytest.approx([each * 3.6 for each in found["buckets"]["average"]])
