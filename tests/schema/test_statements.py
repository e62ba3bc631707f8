"""A page is a handful of SQL statements however many machines it shows: counted where they arrive, at the server."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from psycopg.sql import SQL, Identifier

from app.domain.access import DEMO_VIEWER
from app.domain.instants import MINUTE, SECOND, microseconds
from app.observe import Observer
from app.store.database import open_database
from schema.answering import build_schema
from schema.context import Context
from schema.documents import DocumentCache
from schema.limits import QueryLimits
from tests.asker import Asker, asking, columns, within
from tests.engines import TestServer

pytestmark = pytest.mark.anyio

BASE = microseconds(datetime(2024, 3, 4, 8, tzinfo=UTC))
DAY = 1_440 * MINUTE
MACHINES = 200
LOGGED = re.compile(r"LOG:  (?:statement|execute [^:]*): \s*(.*)")
"""Many statements begin with a new line."""
PLUMBING = re.compile(r"BEGIN|COMMIT|ROLLBACK|DEALLOCATE|;|SELECT 1\Z|\Z")
PAGE = """query ($first: Int!) {machines(first: $first) {
  totalCount pageInfo {hasNextPage} edges {node {
    path name plant {name} line {name} type {name}
    series {id unit labels {text} metric {name} latest {time value text quality status}}
  }}
}}"""


@asynccontextmanager
async def watched(server: TestServer, url: str, **settings: Any) -> AsyncIterator[tuple[Asker, Path]]:
    """A service whose server logs every statement of its database."""
    if server.log is None:
        pytest.skip("the log of this server is not ours to read")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        await connection.execute(SQL("ALTER DATABASE {} SET log_statement = 'all'").format(Identifier(name)))
    async with open_database(url) as database, asking(database, **settings) as asker:
        await fill(asker)
        yield asker, server.log


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


class Log:
    """What the server was told between two marks."""

    def __init__(self, asker: Asker, path: Path) -> None:
        self._asker = asker
        self._path = path
        self._marks = 0

    async def statements(self, query: str, **variables: object) -> list[str]:
        """The statements that answer a question, transactions aside."""
        begins = await self._mark()
        await self._asker.answer(query, **variables)
        ends = await self._mark()
        between = self._path.read_text(encoding="utf-8", errors="replace").split(begins)[1].split(ends)[0]
        found = [match[1] for match in LOGGED.finditer(between)]
        return [text for text in found[:-1] if not PLUMBING.match(text)]

    async def _mark(self) -> str:
        self._marks += 1
        mark = f"mark {id(self)} {self._marks} ends"
        async with self._asker.house.database.begin() as transaction:
            await transaction.execute(sa.text(f"/* {mark} */ SELECT 1"))
        for _ in range(200):
            if mark in self._path.read_text(encoding="utf-8", errors="replace"):
                return mark
            await asyncio.sleep(0.02)
        raise TimeoutError("the server's log does not show what it was told")


async def test_a_page_of_200_machines_costs_the_statements_of_one(server: TestServer, database_url: str) -> None:
    async with watched(server, database_url) as (asker, path):
        log = Log(asker, path)
        one = await log.statements(PAGE, first=1)
        many = await log.statements(PAGE, first=MACHINES)
        assert len(one) == len(many) <= 8, [text[:200] for text in many]
        assert sum(text.startswith("SELECT latest.") for text in many) == 1
        edges = (await asker.data(PAGE, first=MACHINES))["machines"]["edges"]
        assert len(edges) == MACHINES
        assert all(series["latest"] for edge in edges for series in edge["node"]["series"])


async def test_curves_of_50_series_and_three_aliases_cost_the_statements_of_one(
    server: TestServer, database_url: str
) -> None:
    async with watched(server, database_url) as (asker, path):
        log, asked = Log(asker, path), within(BASE - 30 * SECOND, BASE + 2 * MINUTE)
        edges = (await asker.data(PAGE, first=MACHINES))["machines"]["edges"]
        ids = [series["id"] for edge in edges for series in edge["node"]["series"] if series["labels"] == []]
        fields = {
            "plot": "plot(range: $range, points: 2) {times values quality}",
            "buckets": 'buckets(range: $range, every: "PT1M") {starts count average coverage}',
            "readings": "readings(range: $range, first: 5) {times values}",
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
            assert counts[0] <= 3
        both = "query ($ids: [ID!]!, $range: Range!) {series(ids: $ids) {metric {name} machine {path} %s}}"
        everything = await log.statements(both % " ".join(fields.values()), ids=ids[:50], range=asked)
        assert len(everything) <= 8, [text[:200] for text in everything]


async def test_calendar_steps_in_any_number_of_zones_cost_the_statements_of_one(
    server: TestServer, database_url: str
) -> None:
    query = """query ($first: Int!, $range: Range!, $by: CalendarStep!, $fill: Fill!) {
      machines(first: $first) {edges {node {series {buckets(range: $range, by: $by, fill: $fill) {starts average}}}}}
    }"""
    async with watched(server, database_url) as (asker, path):
        zones = ("Europe/Berlin", "Asia/Kathmandu", "America/Detroit")
        lines = [f"  - {{code: p{number}, time_zone: {zone}}}" for number, zone in enumerate(zones)]
        await asker.house.model.apply("plants:\n" + "\n".join(lines), "zones.yaml")
        log, counts = Log(asker, path), []
        # The last values stand in the hour before; further back each start is looked for by itself.
        hour = within(BASE + 61 * MINUTE, BASE + DAY)
        for by, fill, asked in (("DAY", "NONE", within(BASE - DAY, BASE + DAY)), ("HOUR", "PREVIOUS", hour)):
            for first in (1, MACHINES):
                counts.append(len(await log.statements(query, first=first, range=asked, by=by, fill=fill)))
        assert counts[0] == counts[1] <= 6
        assert counts[2] == counts[3] == counts[0] + 1, "and one for what was before the range"


async def test_what_is_refused_reads_nothing(server: TestServer, database_url: str) -> None:
    async with watched(server, database_url, query_rows=1_000) as (asker, path):
        log, asked = Log(asker, path), within(BASE - DAY, BASE + DAY)
        for query in (
            "{machines {edges {node {nonsense}}}}",
            "{" + " ".join(f"a{at}: plants {{totalCount}}" for at in range(200)) + "}",
            "query A {plants {totalCount}} query B {plants {totalCount}}",
            "{machines(first: 0) {totalCount}}",
        ):
            assert await log.statements(query) == []
        curve = "query ($range: Range!) {machines(first: 200) {edges {node {series {%s}}}}}"
        for field in (
            'buckets(range: $range, every: "PT1S") {count}',
            "plot(range: $range, points: 0) {times}",
            "plot(range: $range, points: 800) {times}",
            "readings(range: $range, first: 10001) {times}",
            "readings(range: $range, first: 100) {times}",
        ):
            found = await log.statements(curve % field, range=asked)
            assert found, "the series were found"
            assert not any("readings" in text for text in found), field
        found = await log.statements(curve.replace("200", "1") % "plot(range: $range) {times}", range=asked)
        assert sum("readings" in text for text in found) == 1


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
