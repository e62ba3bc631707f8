"""Outlines: the second answer is the one that would be given without them, from fewer statements."""

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import graphql
import numpy as np
import pytest
import sqlalchemy as sa
from orjson import Fragment

from app.domain.access import DEMO_VIEWER
from app.domain.instants import MINUTE, SECOND
from app.read.remembered import Answers
from schema import outlines
from schema.outlines import Outline, Outlines, Question, outlined
from schema.texts import Texts
from schema.wanted import Hole
from tests.asker import Asker, columns, unmapped, within
from tests.engines import TestServer
from tests.holdings import BASE
from tests.watched import watched

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
RANGE = within(BASE, BASE + 10 * MINUTE)
QUERIES = {
    "plant": """{plant(code: "p") {name machines {path series {
      metric {name} latest {time value quality status text}}}}}""",
    "curves": """query ($range: Range!, $every: Duration! = "PT1M", $with: Boolean = false) {
      machine(path: "p/l/m0") {name series {id unit metric {name unit}
        a: buckets(range: $range, every: $every) {starts average minimum maximum count finality}
        b: buckets(range: $range, every: "PT5M", fill: PREVIOUS) {...Values}
        plot(range: $range, points: 5) @include(if: $with) {times values}
        readings(range: $range, first: 3) {times values endCursor}
        labels {code text}
      }}
    } fragment Values on Buckets {starts average}""",
    "everything": """query ($range: Range!) {
      machines {totalCount edges {cursor node {path line {path plant {code}} type {name metrics {name}} attributes
        series {...Curve}}}}
      plants {edges {node {code lines {code machines {name series {__typename ...Curve machine {path}}}}}}}
    } fragment Curve on Series {source latest {value} buckets(range: $range, every: "PT1M") {increase last}}""",
    "aligned": """query ($range: Range!) {plant(code: "p") {lines {code
      aligned(metrics: ["x"], range: $range, every: "PT1M") {offset series {metric {name}} buckets {average}}}}}""",
    "kpi": """query ($range: Range!) {machines {edges {node {path
      kpi(name: "mean", range: $range) {value inputs {name}}}}}}""",
    "alone": """query ($range: Range!) {machine(path: "p/l/m0") {kpi(name: "mean", range: $range) {value}}}""",
    "unmapped": "{unmappedSeries {totalCount edges {node {source latest {value}}}}}",
    "nodes": '{kpis {name} __schema {queryType {name}} nothing: machine(path: "p/l/nothing") {name}}',
    "wrong": """query ($range: Range!) {machines {edges {node {series {id
      buckets(range: $range, every: "PT1M", unit: "bananas") {average}}}}}}""",
    "dear": """query ($range: Range!) {machines {edges {node {series {id
      buckets(range: {from: "1990-01-01T00:00:00Z", to: "2024-01-01T00:00:00Z"}, every: "PT1S", fill: NULLS) {average}
      plot(range: $range) {values}}}}}}""",
}


async def fill(asker: Asker) -> None:
    await asker.house.model.apply("kpis: [{name: mean, formula: average(x)}]\nmetrics: [{name: x}]", "f")
    readings = [(BASE + at * 10 * SECOND, at % 7 / 2) for at in range(12)]
    paths = ["p/l/m0", "p/l/m1", "p/k/m0", "q/l/m0"]
    await asker.send(*(columns(path, name, readings) for path in paths for name in ("x", "y")))
    await asker.send(columns("p/l/m0", "state", [(BASE, "run")]), unmapped("tag", readings))


async def forget(asker: Asker) -> None:
    async with asker.house.database.begin() as transaction:
        await transaction.execute(sa.text("UPDATE catalog_version SET version = version + 1"))


async def answered(asker: Asker, name: str, **more: object) -> Any:
    query = QUERIES[name]
    given = ({"range": RANGE} if "$range" in query else {}) | more
    answer = await asker.answer(query, **given)
    answer.pop("extensions", None)
    return answer


async def test_an_answer_is_the_same_with_an_outline_and_without(asker: Asker) -> None:
    await fill(asker)
    for turn in range(3):
        for name in QUERIES:
            for more in ({}, {"with": True}, {"every": "PT2M"}) if name == "curves" else ({},):
                warm = [await answered(asker, name, **more) for _ in range(2)]
                await forget(asker)
                cold = await answered(asker, name, **more)
                assert warm == [cold, cold], (turn, name)
                assert ("errors" in cold) == (name in ("wrong", "dear"))
        at = BASE + (turn + 3) * MINUTE
        await asker.send(
            columns("p/l/m0", "x", [(at, 40.0 + turn)]), columns("p/l/m0", "state", [(at, f"state {turn}")])
        )
        await asker.advance(BASE + turn * MINUTE)


async def test_what_is_known_of_the_catalog_is_not_asked_whatever_range_is(
    server: TestServer, database_url: str
) -> None:
    async with watched(server, database_url) as (asker, log):
        await fill(asker)
        for name in ("plant", "curves", "aligned"):
            await answered(asker, name)
            for minutes in (2, 7) if name != "plant" else (0,):
                more = {"range": within(BASE, BASE + minutes * MINUTE)} if minutes else {}
                _, found = await log.during(answered(asker, name, **more), forgotten=False)
                assert not [text for text in found if "machines.code" in text or "FROM plants" in text], name
                assert sum("catalog_version" in text for text in found) == 1
                assert len(found) <= 10, (name, [text[:80] for text in found])


async def test_a_page_of_latest_readings_is_one_statement_which_tells_of_another_catalog(
    server: TestServer, database_url: str
) -> None:
    paths: list[list[str]] = []
    async with watched(server, database_url) as (asker, log):
        await fill(asker)
        for _ in range(2):
            await answered(asker, "plant")
            _, found = await log.during(answered(asker, "plant"), forgotten=False)
            assert len(found) == 1, found
            async with asker.house.database.begin() as transaction:
                await transaction.execute(sa.text("UPDATE machines SET code = code || 'x' WHERE code LIKE 'm1%'"))
            answer, found = await log.during(answered(asker, "plant"), forgotten=False)
            assert len(found) > 2
            paths.append([machine["path"] for machine in answer["data"]["plant"]["machines"]])
            await forget(asker)
            assert await answered(asker, "plant") == answer
    assert [path for each in paths for path in each if "m1" in path] == ["p/l/m1x", "p/l/m1xx"]


async def test_a_request_holds_on_to_the_version_that_it_was_told_first(asker: Asker) -> None:
    """Its outline would pass for one of a later catalog, and stand for good."""
    first, second = (asker.house.reader.asking(DEMO_VIEWER, datetime.now(UTC)).moment for _ in range(2))
    for version in (10**6, 10**6 + 1):
        first.seen_of(version)
    second.seen_of(10**6)
    assert await first.catalog() is await second.catalog()


async def test_what_a_variable_leaves_out_is_there_when_it_is_asked_for(asker: Asker) -> None:
    await fill(asker)
    query = """query ($with: Boolean!) {plant(code: "p") {machines {series {
      latest {value text @include(if: $with)}}}}}"""
    for wanted in (False, False, True, True, False):
        machines = (await asker.data(query, **{"with": wanted}))["plant"]["machines"]
        texts = [each["latest"].get("text", "left out") for machine in machines for each in machine["series"]]
        assert ("run" in texts, "left out" in texts) == (wanted, not wanted)


async def test_many_who_ask_at_once_get_each_what_they_asked_for(asker: Asker) -> None:
    await fill(asker)
    ranges = [within(BASE, BASE + (1 + number % 5) * MINUTE) for number in range(40)]
    wanted = []
    for each in ranges[:5]:
        await forget(asker)
        wanted.append(await answered(asker, "curves", range=each))
    assert len({str(each) for each in wanted}) > 1
    found = await asyncio.gather(*(answered(asker, "curves", range=each) for each in ranges))
    assert found == wanted * 8


async def test_trouble_with_the_database_is_told_where_it_was_met(asker: Asker) -> None:
    await fill(asker)
    for _ in range(2):
        assert "errors" not in await answered(asker, "plant")
    async with asker.house.database.begin() as transaction:
        await transaction.execute(sa.text("ALTER TABLE catalog_version RENAME TO elsewhere"))
    answer = await answered(asker, "plant")
    assert (answer["data"], [each["path"] for each in answer["errors"]]) == ({"plant": None}, [["plant"]])
    async with asker.house.database.begin() as transaction:
        await transaction.execute(sa.text("ALTER TABLE elsewhere RENAME TO catalog_version"))
    assert "errors" not in await answered(asker, "plant")


async def test_whatever_a_variable_holds_it_is_answered(asker: Asker) -> None:
    await fill(asker)
    query = "query ($id: ID!, $path: String!) {node(id: $id) {id} machine(path: $path) {path}}"
    for number, path in ((10**40, "p/l/m0"), ("a", "\ud800"), (-1, "x" * 10_000), ("", "\u0000")):
        body = json.dumps({"query": query, "variables": {"id": number, "path": path}})
        found = [await asker.client.post("/graphql", content=body, headers=JSON) for _ in range(2)]
        assert found[0].status_code == found[1].status_code < 500
        errors = [each.json().get("errors", []) for each in found]
        assert errors[0] == errors[1]
        assert all(each["extensions"]["code"] != "INTERNAL_SERVER_ERROR" for each in errors[0])


def outline(characters: int, text: str = "{plants {totalCount}}") -> Outline:
    operation = cast("Any", graphql.parse(text).definitions[0])
    first, second = {"name": "a" * characters, "value": 1}, {"name": "b\0", "value": Fragment(b"2")}
    wanted = cast("Any", SimpleNamespace(sources=[]))
    data = {"rows": [second, first, second]}
    made, told = outlined(Answers(), operation, data, [Hole(wanted, "value", [first, second])], [])
    assert json.loads(told) == {
        "rows": [{"name": "b\0", "value": 2}, first | {"value": 1}, {"name": "b\0", "value": 2}]
    }
    return made


def test_holes_are_filled_wherever_they_are() -> None:
    made = outline(1)
    last = b'{"name":"b\\u0000","value":%s}'
    for _ in range(2):
        told = made.told([[np.array([1.5, np.nan]), None]])
        assert told == b'{"rows":[%s,{"name":"a","value":[1.5,null]},%s]}' % ((last % b"null",) * 2)
    assert made.told([Texts([b"{}", b"[7]"])]) == b'{"rows":[%s,{"name":"a","value":{}},%s]}' % ((last % b"[7]",) * 2)


@pytest.mark.parametrize("long", ["an answer", "a document"])
def test_outlines_are_bounded(long: str) -> None:
    def third() -> Outline:
        if long == "an answer":
            return outline(outlines.MOST // 3 - 20_000)
        return outline(1, "{plants {totalCount}" + " " * (outlines.MOST // outlines.DOCUMENT // 3 - 200) + "}")

    kept, questions = Outlines(), [Question(number, "{}", None) for number in range(4)]
    for question in (*questions[:3], questions[0]):
        kept.keep(question, third())
    assert all(kept.find(question) for question in questions[:3]), "one that is made again takes the place of the old"
    kept.keep(questions[3], third())
    assert not any(kept.find(question) for question in questions)
