"""What a request costs: priced before anything is read, bounded by role, and told to those who mend slow pages."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.access import Role
from app.domain.instants import MINUTE, SECOND, microseconds
from app.store.database import RESTED_SECONDS, Database
from tests.asker import Asker, asking, columns, within
from tests.doors import token_for
from tests.engines import TestServer
from tests.watched import Log, watched

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
ROWS = 3_600
MACHINES = 5
CURVES = """query ($range: Range!, $first: Int = 50) {
  machines(first: $first) {edges {node {series(metrics: ["speed"]) {FIELDS}}}}
}"""


async def fill(asker: Asker) -> None:
    """An hour of readings a second of each machine."""
    rows = [(BASE + at * SECOND, float(at % 97)) for at in range(ROWS)]
    await asker.send(*(columns(f"p/l/m{number}", "speed", rows) for number in range(MACHINES)))
    await asker.advance(BASE + HOUR)


async def test_who_may_see_it_is_told_what_an_answer_has_cost(server: TestServer, database_url: str) -> None:
    query = CURVES.replace(
        "FIELDS", 'buckets(range: $range, every: "PT1M", fill: PREVIOUS) {starts average} latest {value}'
    )
    async with watched(server, database_url) as (asker, log):
        await fill(asker)
        for first in (1, MACHINES):
            answer, statements = await log.answered(query, range=within(BASE, BASE + HOUR), first=first)
            cost = answer["extensions"]["cost"]
            assert cost["statements"] == len(statements), statements
            assert (cost["rows"], cost["limit"]) == (60 * first, 5_000_000)
            assert cost["statementMilliseconds"] > 0
            assert 0 < cost["milliseconds"] < 30_000
        assert "extensions" not in await asker.answer("{__typename}"), "nothing was asked of the database"


async def test_a_connection_that_has_rested_costs_nobody_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked first whether it lives, which is not what the client wants to know."""
    async with asking(database) as asker:
        await fill(asker)
        query = CURVES.replace("FIELDS", 'buckets(range: $range, every: "PT1M") {count}')
        costs = []
        for seconds in (RESTED_SECONDS, RESTED_SECONDS, -1):
            monkeypatch.setattr("app.store.database.RESTED_SECONDS", seconds)
            answer = await asker.answer(query, range=within(BASE, BASE + HOUR), first=1)
            costs.append(answer["extensions"]["cost"]["statements"])
        assert costs[1] == costs[2] > 0


async def test_cost_and_budget_follow_the_role(database: Database) -> None:
    query = CURVES.replace("FIELDS", 'buckets(range: $range, every: "PT1S") {count}')
    roles = {"viewer": 4_000, "operator": 8_000, "engineer": 20_000}
    async with asking(database) as asker:
        await fill(asker)
    async with asking(database, loopback_only=False, query_rows=15_000, query_rows_by_role=roles) as asker:
        for role, limit in (
            (Role.VIEWER, 4_000),
            (Role.OPERATOR, 8_000),
            (Role.ENGINEER, 15_000),
            (Role.ADMIN, 15_000),
        ):
            headers = await token_for(asker.house, role)

            async def ask(first: int, headers: dict[str, str] = headers) -> Any:
                body = {"query": query, "variables": {"range": within(BASE, BASE + HOUR), "first": first}}
                return (await asker.client.post("/graphql", json=body, headers=headers)).json()

            fits = await ask(limit // ROWS)
            assert "errors" not in fits
            assert ("cost" in fits.get("extensions", {})) is (role in (Role.ENGINEER, Role.ADMIN))
            refused = (await ask(limit // ROWS + 1))["errors"][0]
            price = (limit // ROWS + 1) * ROWS
            assert refused["message"] == f"This request would touch {price:,} rows; the limit is {limit:,}."
            assert refused["extensions"]["hint"] == "The smallest usual step that fits is PT1M."
        params = {"query": "{plants {totalCount}}"}
        answer = (await asker.client.get("/graphql", params=params, headers=headers)).json()
        assert answer == {"data": {"plants": {"totalCount": 1}}}, "what is kept by browsers does not change"


async def test_a_plot_over_budget_comes_from_a_coarser_tier_and_says_so(database: Database) -> None:
    query = CURVES.replace("FIELDS", "plot(range: $range, points: 800) {times values tier}")
    beside = CURVES.replace("FIELDS", 'plot(range: $range) {tier} buckets(range: $range, every: "PT10S") {count}')
    asked = within(BASE, BASE + HOUR)
    for limit, tier in ((MACHINES * ROWS, "RAW"), (MACHINES * ROWS - 1, "PT1M"), (MACHINES * 60 - 1, "PT15M")):
        async with asking(database, query_rows=limit) as asker:
            if tier == "RAW":
                await fill(asker)
            answer = await asker.answer(query, range=asked)
            plots = [edge["node"]["series"][0]["plot"] for edge in answer["data"]["machines"]["edges"]]
            assert [plot["tier"] for plot in plots] == [tier] * MACHINES
            assert answer["extensions"]["cost"]["rows"] <= limit
            for plot in plots:
                assert (min(plot["values"]), max(plot["values"])) == (0.0, 96.0), "no spike is lost"
    async with asking(database, query_rows=MACHINES * (ROWS + 60)) as asker:
        edges = (await asker.data(beside, range=asked))["machines"]["edges"]
        assert {edge["node"]["series"][0]["plot"]["tier"] for edge in edges} == {"PT1M"}, "buckets are exact, and first"
    async with asking(database, query_rows=3) as asker:
        fault = await asker.fault(query, range=asked)
        assert fault.message == f"This request would touch {MACHINES} rows; the limit is 3."
        assert fault.hint == "Ask for a shorter range or fewer series."


async def test_points_are_limited_too_and_answers_wait_until_there_is_memory_for_them(database: Database) -> None:
    plots = CURVES.replace("FIELDS", "plot(range: $range, points: 800) {tier}")
    buckets = CURVES.replace("FIELDS", 'buckets(range: $range, every: "STEP") {count}')
    asked = within(BASE, BASE + HOUR)
    async with asking(database, query_points=MACHINES * 60) as asker:
        await fill(asker)
        edges = (await asker.data(plots, range=asked))["machines"]["edges"]
        assert {edge["node"]["series"][0]["plot"]["tier"] for edge in edges} == {"PT15M"}, "each column counts twice"
        fault = await asker.fault(buckets.replace("STEP", "PT10S"), range=asked)
        assert fault.message == f"This request would answer {MACHINES * 360:,} points; the limit is {MACHINES * 60}."
        assert fault.hint == "The smallest usual step that fits is PT1M."
        together = [asker.data(buckets.replace("STEP", "PT1M"), range=asked) for _ in range(7)]
        answers = await asyncio.wait_for(asyncio.gather(*together), 20)
        assert all(answer == answers[0] for answer in answers), "only two of them fit at once"
        counts = [edge["node"]["series"][0]["buckets"]["count"] for edge in answers[0]["machines"]["edges"]]
        assert counts == [[60] * 60] * MACHINES


REFUSED = {
    "steps": ('buckets(range: $range, every: "PT1S") {count}', "The smallest usual step that fits is PT1M."),
    "filled": ('buckets(range: $range, every: "PT0.01S", fill: NULLS) {count}', "The smallest usual step that fits is"),
    "pages": ("readings(range: $range, first: 1000) {times}", "Ask for fewer readings with first:."),
    "both": (
        'plot(range: $range) {times} readings(range: $range, first: 9) {times} a: buckets(range: $range, every: "PT1S")'
        " {count increase finality}",
        "The smallest usual step that fits is PT1M.",
    ),
    "sum": (
        'a: readings(range: $range, first: 150) {times} b: buckets(range: $range, every: "PT1M") {count}'
        ' c: buckets(range: $range, every: "PT1M", fill: PREVIOUS) {last}',
        "Ask for fewer readings with first:.",
    ),
}


async def reads_nothing(log: Log, query: str, **variables: object) -> Any:
    """The errors of a question for which no reading was touched, in whatever tier."""
    answer, found = await log.answered(query, **variables)
    assert not any("readings" in text for text in found), [text[:300] for text in found]
    return answer["errors"]


async def test_what_is_refused_reads_nothing(server: TestServer, database_url: str) -> None:
    async with watched(server, database_url, query_rows=1_000) as (asker, log):
        await fill(asker)
        asked = within(BASE, BASE + HOUR)
        for query in (
            "{machines {edges {node {nonsense}}}}",
            "{" + " ".join(f"a{at}: plants {{totalCount}}" for at in range(200)) + "}",
            "query A {plants {totalCount}} query B {plants {totalCount}}",
            "{machines(first: 0) {totalCount}}",
        ):
            assert await log.statements(query) == []
        for field, hint in REFUSED.values():
            errors = await reads_nothing(log, CURVES.replace("FIELDS", field), range=asked)
            assert all("the limit is 1,000." in each["message"] for each in errors)
            assert hint in errors[0]["extensions"]["hint"]
        for field in ("plot(range: $range, points: 0) {times}", "readings(range: $range, first: 10001) {times}"):
            await reads_nothing(log, CURVES.replace("FIELDS", field), range=asked)
        found = await log.statements(CURVES.replace("FIELDS", "plot(range: $range) {times}"), range=asked)
        assert sum("readings" in text for text in found) == 1


async def test_what_lies_deeper_is_priced_before_what_lies_above_is_read(server: TestServer, database_url: str) -> None:
    """The plot is found after one link, the readings after seven: all is refused, or all is read."""
    query = """query ($range: Range!, $ids: [ID!]!, $first: Int!) {
      machine(path: "p/l/m0") {series {plot(range: $range) {times} counterEvents(range: $range) {time}}}
      series(ids: $ids) {buckets(range: $range, every: "PT1M") {average} latest {value}}
      line(path: "p/l") {aligned(metrics: ["speed"], range: $range, every: "PT1H") {buckets {increase}}}
      plants {edges {node {lines {plant {lines {machines {line {machines {series {
        readings(range: $range, first: $first) {times}
      }}}}}}}}}}
    }"""
    async with watched(server, database_url, query_rows=6_000) as (asker, log):
        await asker.define("parts", kind="COUNTER", interval=timedelta(seconds=1))
        await fill(asker)
        edges = (await asker.data("{machines {edges {node {series {id}}}}}"))["machines"]["edges"]
        asked: dict[str, Any] = {
            "ids": [edge["node"]["series"][0]["id"] for edge in edges], "range": within(BASE, BASE + HOUR),
        }  # fmt: skip
        errors = await reads_nothing(log, query, **asked, first=2_000)
        assert {each["path"][0] for each in errors} == {"machine", "series", "line", "plants"}
        answer, found = await log.answered(query, **asked, first=1)
        assert "errors" not in answer
        assert sum("readings" in text for text in found) >= 4
        assert answer["extensions"]["cost"]["statements"] == len(found)
