"""A page is a handful of SQL statements however many machines it shows: counted where they arrive, at the server."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from app.domain.access import DEMO_VIEWER
from app.domain.instants import MINUTE, SECOND, microseconds
from app.observe import Observer
from app.store.database import open_database
from schema.answering import build_schema
from schema.context import Context
from schema.documents import DocumentCache
from schema.limits import QueryLimits
from tests.asker import Asker, asking, columns, unmapped, within
from tests.engines import TestServer
from tests.watched import watched

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
DAY = 1_440 * MINUTE
MACHINES = 200
PAGE = """query ($first: Int!) {machines(first: $first) {
  totalCount pageInfo {hasNextPage} edges {node {
    path name plant {name} line {name} type {name}
    series {id unit labels {text} metric {name} latest {time value text quality status}}
  }}
}}"""


CURVES = """query ($first: Int!, $range: Range!) {
  machines(first: $first) {edges {node {series {FIELDS}}}}
}"""
FIRST = "query ($ids: [ID!]!, $range: Range!) {series(ids: $ids) {readings(range: $range, first: 3) {endCursor}}}"


async def fill(asker: Asker) -> None:
    readings = [(BASE + at * 10 * SECOND, at % 7 / 2) for at in range(12)]
    await asker.send(
        *(
            columns(f"p{number % 3}/l/m{number}", metric, readings)
            for number in range(MACHINES)
            for metric in ("speed", "power")
        ),
        *(columns(f"p0/l/m{number}", "state", [(BASE, "run")]) for number in range(0, MACHINES, 3)),
    )
    await asker.advance(BASE + MINUTE)


async def test_a_page_of_200_machines_costs_the_statements_of_one(server: TestServer, database_url: str) -> None:
    async with watched(server, database_url) as (asker, log):
        await fill(asker)
        one = await log.statements(PAGE, first=1)
        many = await log.statements(PAGE, first=MACHINES)
        assert len(one) == len(many) <= 8, [text[:200] for text in many]
        assert sum("FROM latest" in text for text in many) == 1
        edges = (await asker.data(PAGE, first=MACHINES))["machines"]["edges"]
        assert len(edges) == MACHINES
        assert all(series["latest"] for edge in edges for series in edge["node"]["series"])


async def test_curves_of_50_series_and_three_aliases_cost_the_statements_of_one(
    server: TestServer, database_url: str
) -> None:
    async with watched(server, database_url) as (asker, log):
        await fill(asker)
        asked = within(BASE - 30 * SECOND, BASE + 2 * MINUTE)
        edges = (await asker.data(PAGE, first=MACHINES))["machines"]["edges"]
        ids = [series["id"] for edge in edges for series in edge["node"]["series"] if series["labels"] == []]
        cursor = (await asker.data(FIRST, ids=ids[:1], range=asked))["series"][0]["readings"]["endCursor"]
        fields = {
            "plot": "plot(range: $range, points: 2) {times values quality}",
            "buckets": 'buckets(range: $range, every: "PT1M") {starts count average coverage}',
            "linear": 'buckets(range: $range, every: "PT7S", fill: LINEAR) {starts finality revisedAt worst}',
            "readings": "readings(range: $range, first: 5) {times values}",
            "cursor": f'readings(range: $range, first: 5, after: "{cursor}") {{times endCursor hasNextPage}}',
            "latest": "latest {value text}",
            "labels": "labels {text}",
        }
        for name, field in fields.items():
            once = f"query ($ids: [ID!]!, $range: Range!) {{series(ids: $ids) {{{field}}}}}"
            if "$range" not in field:
                once = once.replace(", $range: Range!", "")
            thrice = once.replace(field, " ".join(f"{alias}: {field}" for alias in "abc"))
            counts = [
                len(await log.statements(q, ids=i, range=asked)) for q in (once, thrice) for i in (ids[:1], ids[:50])
            ]
            assert len(set(counts)) == 1, (name, counts)
            assert counts[0] <= 5, name
        both = "query ($ids: [ID!]!, $range: Range!) {series(ids: $ids) {metric {name} machine {path} %s}}"
        everything = await log.statements(both % " ".join(fields.values()), ids=ids[:50], range=asked)
        assert len(everything) <= 11, [text[:200] for text in everything]


async def test_calendar_steps_in_any_number_of_zones_cost_the_statements_of_one(
    server: TestServer, database_url: str
) -> None:
    query = """query ($first: Int!, $range: Range!, $by: CalendarStep!, $fill: Fill!) {
      machines(first: $first) {edges {node {series {buckets(range: $range, by: $by, fill: $fill) {starts average}}}}}
    }"""
    async with watched(server, database_url) as (asker, log):
        await fill(asker)
        zones = ("Europe/Berlin", "Asia/Kathmandu", "America/Detroit")
        lines = [f"  - {{code: p{number}, time_zone: {zone}}}" for number, zone in enumerate(zones)]
        await asker.house.model.apply("plants:\n" + "\n".join(lines), "zones.yaml")
        asked, counts = within(BASE - DAY, BASE + DAY), []
        for by, filled in (("DAY", "NONE"), ("HOUR", "PREVIOUS")):
            for first in (1, MACHINES):
                counts.append(len(await log.statements(query, first=first, range=asked, by=by, fill=filled)))
        assert counts[0] == counts[1] <= 6
        # One for what was just before the range, one for long before; what there is to pay is known from the first.
        assert counts[2] == counts[3] == counts[0] + 1


async def test_counters_of_many_machines_cost_the_statements_of_one(server: TestServer, database_url: str) -> None:
    fields = {
        "increase": 'buckets(range: $range, every: "PT1M") {increase}',
        "hours": "buckets(range: $range, by: HOUR, fill: PREVIOUS) {starts increase last}",
        "events": "counterEvents(range: $range) {time kind overrules {verdict}}",
    }
    async with watched(server, database_url) as (asker, log):
        await asker.define("parts", kind="COUNTER")
        rows = [(BASE + at * SECOND, float(at % 50)) for at in range(180)]
        await asker.send(*(columns(f"p{number % 3}/l/m{number}", "parts", rows) for number in range(40)))
        for watermark in (0, BASE + MINUTE):
            await asker.advance(watermark)
            for name, field in fields.items():
                query = CURVES.replace("FIELDS", field)
                asked = within(BASE + 10 * SECOND, BASE + 3 * MINUTE)
                counts = [len(await log.statements(query, first=first, range=asked)) for first in (1, 40)]
                assert counts[0] == counts[1] <= 12, (name, watermark, counts)


async def test_lines_of_any_length_and_any_offsets_are_aligned_by_the_statements_of_one(
    server: TestServer, database_url: str
) -> None:
    query = """query ($range: Range!) {lines: plant(code: "PLANT") {lines {aligned(
      metrics: ["speed", "parts"], range: $range, every: "PT1M"
    ) {offset series {metric {name}} buckets {starts average increase finality coverage}}}}}"""
    async with watched(server, database_url) as (asker, log):
        await asker.define("parts", kind="COUNTER")
        machines = ", ".join(f"{{code: m{at}, transit: PT{at * 7.3}S}}" for at in range(30))
        lines = ", ".join(f"{{code: l{at}, machines: [{machines}]}}" for at in range(3))
        small = "{code: l0, machines: [{code: m0}]}"
        await asker.house.model.apply(
            f"plants: [{{code: a, lines: [{small}]}}, {{code: b, lines: [{lines}]}}]", "lines"
        )
        places = ["a/l0/m0", *(f"b/l{line}/m{machine}" for line in range(3) for machine in range(30))]
        rows = [(BASE + at * SECOND, float(at % 50)) for at in range(180)]
        await asker.send(*(columns(place, metric, rows) for place in places for metric in ("speed", "parts")))
        for watermark in (0, BASE + MINUTE):
            await asker.advance(watermark)
            asked = within(BASE - MINUTE, BASE + 3 * MINUTE)
            counts = [len(await log.statements(query.replace("PLANT", code), range=asked)) for code in "ab"]
            assert counts[0] == counts[1] <= 16, (watermark, counts)
        data = await asker.data(query.replace("PLANT", "b"), range=asked)
        assert [len(line["aligned"]) for line in data["lines"]["lines"]] == [60] * 3


async def test_links_and_connections_at_any_depth_cost_the_statements_of_one(
    server: TestServer, database_url: str
) -> None:
    deep = """query ($first: Int!) {plants(first: $first) {totalCount pageInfo {endCursor} edges {node {
      lines {plant {code} machines {line {path} series {machine {type {name metrics {name}}} metric {name}}}}
      machines {plant {lines {machines {path}}}}
    }}}}"""
    tags = """query ($first: Int!) {unmappedSeries(first: $first, search: "tag") {
      totalCount pageInfo {endCursor} edges {cursor node {source unmappedReason labels {text} latest {value text}}}
    }}"""
    nodes = "query ($ids: [ID!]!) {nodes(ids: $ids) {id ... on Machine {series {id} line {machines {id}}}}}"
    async with watched(server, database_url) as (asker, log):
        await fill(asker)
        await asker.send(*(unmapped(f"tag {number}", [(BASE, "on")]) for number in range(50)))
        for query, many in ((deep, 3), (tags, 50)):
            counts = [len(await log.statements(query, first=first)) for first in (1, many)]
            assert counts[0] == counts[1] <= 12, query
        edges = (await asker.data("{machines(first: 200) {edges {node {id}}}}"))["machines"]["edges"]
        ids = [edge["node"]["id"] for edge in edges]
        counts = [len(await log.statements(nodes, ids=given)) for given in (ids[:1], ids)]
        assert counts[0] == counts[1] == 5


async def test_columns_pass_through_execution_in_one_piece(database_url: str) -> None:
    async with open_database(database_url) as database, asking(database) as asker:
        await fill(asker)
        reader = asker.house.reader.asking(replace(DEMO_VIEWER), datetime.now(UTC))
        schema = build_schema(QueryLimits(), DocumentCache(), Observer())
        result = await schema.execute(
            """query ($range: Range!) {machine(path: "p0/l/m0") {series(metrics: ["speed"]) {
              plot(range: $range) {times values}
              buckets(range: $range, every: "PT1M") {
                starts ends count average minimum maximum first last coverage
              }
              readings(range: $range) {times values statuses}
            }}}""",
            {"range": within(BASE, BASE + 2 * MINUTE)},
            context_value=Context(reader, asker.house.counters),
        )
        assert result.errors is None
        assert result.data is not None
        (series,) = result.data["machine"]["series"]
        found = [column for part in series.values() for column in part.values()]
        assert len(found) == 14
        assert all(isinstance(column, np.ndarray) and len(column) for column in found)
