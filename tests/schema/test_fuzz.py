"""Bad input: queries and mutations over the whole schema, made by chance, find nothing but answers and coded refusals.

`FUZZ=100 FUZZ_SEED=7 pytest tests/schema/test_fuzz.py` looks 25 times as long, and elsewhere.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from time import perf_counter
from typing import Any

import graphql
import pytest

from app.domain.instants import SECOND, microseconds
from app.store.database import Database
from tests.asker import Asker, asking, columns, unmapped
from tests.schema.generated import SCHEMA, START, documents, node_id, values

pytestmark = pytest.mark.anyio

ROUNDS, SEED = int(os.environ.get("FUZZ", "4")), int(os.environ.get("FUZZ_SEED", "1"))
CODES = {"BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "FORBIDDEN"}
AT_MOST = timedelta(seconds=10)
"""For one request, which the service stops itself."""

FOUND = [
    'mutation {overruleCounterEvent(series: "c2VyaWVzOjI", time: "9999-12-31T23:59:59.999999Z", verdict: REPLACED)}',
]
"""Documents that broke something once."""


@cache
def made() -> list[str]:
    """The same documents for each engine, each once."""
    return list(dict.fromkeys([*FOUND, *documents(ROUNDS, SEED)]))


async def plant(asker: Asker) -> None:
    """Ids 1 of plant, line and machine; a gauge, a counter that is reset, a state with labels, and an unmapped tag."""
    await asker.define("temperature", unit="Cel", interval=timedelta(seconds=1))
    await asker.define("parts", kind="COUNTER")
    await asker.define("status", kind="STATE")
    await asker.house.model.apply("kpis: [{name: ratio, formula: parts / count(temperature)}]", "kpis.yaml")
    base, path = microseconds(START), "works/press/robot"
    times = [base + at * SECOND for at in range(90)]
    await asker.send(
        columns(
            path,
            "temperature",
            [(time, at / 3, (0, 0x40000000, 0x80000000)[at % 7 == 3]) for at, time in enumerate(times)],
        ),
        columns(path, "parts", [(time, at % 20) for at, time in enumerate(times)]),
        columns(path, "status", [(time, ("idle", "run")[at % 2]) for at, time in enumerate(times)]),
        unmapped("tag", [(time, -at) for at, time in enumerate(times)]),
    )
    await asker.advance(base + 60 * SECOND)


def selected(document: graphql.DocumentNode) -> set[str]:
    """The fields that a document selects, as Type.field."""
    types, found = graphql.TypeInfo(SCHEMA), set()

    class Fields(graphql.Visitor):
        def enter_field(self, node: graphql.FieldNode, *_: object) -> None:
            found.add(f"{types.get_parent_type()}.{node.name.value}")

    graphql.visit(document, graphql.TypeInfoVisitor(types, Fields()))
    return found


def every_field() -> set[str]:
    kinds = [kind for kind in SCHEMA.type_map.values() if isinstance(kind, graphql.GraphQLObjectType)]
    return {f"{kind}.{name}" for kind in kinds if not kind.name.startswith("__") for name in kind.fields}


async def test_whatever_is_asked_is_answered_or_refused_with_a_code(
    database: Database, record_property: Callable[[str, object], None]
) -> None:
    reached, told, slowest = 0, 0, 0.0
    refused, fields = Counter[str](), set[str]()
    async with asking(database, query_timeout=AT_MOST) as asker:
        await plant(asker)
        for text in made():
            began = perf_counter()
            response = await asker.client.post("/graphql", json={"query": text})
            slowest = max(slowest, perf_counter() - began)
            assert response.status_code == 200, f"{response.status_code} {response.text}\n{text}"
            answer = json.loads(response.content, parse_constant=never)
            for error in answer.get("errors", []):
                assert error["extensions"]["code"] in CODES, f"{error}\n{text}"
                assert error["message"], text
                refused[error["extensions"]["code"]] += 1
            assert answer.keys() <= {"data", "errors", "extensions"}, text
            if "data" in answer:
                reached += 1
                told += holds_something(answer["data"])
                fields |= selected(graphql.parse(text))
    share, whole = reached / len(made()), every_field()
    record_property(
        "fuzz",
        f"{share:.0%} of {len(made())} documents reached resolvers, and {told / len(made()):.0%} got more than nulls;"
        f" {len(fields & whole)} of {len(whole)} fields;"
        f" slowest {slowest * 1_000:.0f} ms; refusals: {dict(refused)}",
    )
    assert share >= 0.8
    assert told >= len(made()) / 2
    assert len(fields & whole) >= 0.8 * len(whole), whole - fields
    assert slowest < AT_MOST.total_seconds()


TAKES = {
    "[ID!]!": "series(ids: $x) {id}",
    "ID!": "node(id: $x) {id}",
    "String": "machines(filter: {search: $x}) {totalCount}",
    "MachineFilter": "machines(filter: $x) {totalCount}",
    "Int": "plants(first: $x) {totalCount}",
    "[String!]": 'machine(path: "works/press/robot") {series(metrics: $x) {id}}',
    "Range!": 'series(ids: ["c2VyaWVzOjE"]) {readings(range: $x) {times}}',
    "Duration": 'series(ids: ["c2VyaWVzOjE"]) {buckets(range: {last: "PT1H"}, every: $x) {count}}',
    "Fill!": 'series(ids: ["c2VyaWVzOjE"]) {buckets(range: {last: "PT1H"}, every: "PT1M", fill: $x) {count}}',
}
"""A question for each type that a variable may have."""


async def test_any_json_is_taken_or_refused_as_a_variable_of_any_type(asker: Asker) -> None:
    await plant(asker)
    for kind, selection in TAKES.items():
        for value in values(12, SEED):
            answer = await asker.answer(f"query ($x: {kind}) {{{selection}}}", x=value)
            codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
            assert codes <= {"BAD_USER_INPUT"}, (kind, value, answer)


def holds_something(answer: object) -> bool:
    """Whether there is anything but nulls and empty lists in it."""
    if isinstance(answer, dict):
        return any(map(holds_something, answer.values()))
    return any(map(holds_something, answer)) if isinstance(answer, list) else answer is not None


def never(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


async def test_the_plant_is_the_one_that_documents_ask_for(asker: Asker) -> None:
    await plant(asker)
    kinds = {"plant": "Plant", "line": "Line", "machine": "Machine", "series": "Series"}
    ids = [node_id(f"{kind}:1") for kind in kinds]
    data = await asker.data("query ($ids: [ID!]!) {nodes(ids: $ids) {__typename}}", ids=ids)
    assert [node["__typename"] for node in data["nodes"]] == list(kinds.values())
