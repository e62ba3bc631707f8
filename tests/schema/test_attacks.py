"""Attacks: whatever is made to cost much is refused in single-digit milliseconds, by every way in, with nothing run."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from os import cpu_count, getloadavg
from statistics import median
from time import process_time
from typing import Any, TypeVar
from urllib.parse import urlencode

import graphql
import httpx
import pytest
from strawberry.types import ExecutionResult

from app.observe import Observer
from app.store.database import Database
from schema.answering import LinegraphSchema, build_schema
from schema.documents import DocumentCache
from schema.limits import QueryLimits
from tests.asker import asking

pytestmark = [pytest.mark.anyio, pytest.mark.alone]

Answered = TypeVar("Answered")

AT_MOST = 10.0
"""Milliseconds, on a machine that does nothing else."""

LONGEST_ADDRESS = 60_000
"""What the client can write."""


def fragments(levels: int, body: str, last: str) -> str:
    """`body` is a fragment's selection, with `%` where the next fragment's name goes."""
    inner = "".join(f"fragment F{i} on Query {{{body.replace('%', f'F{i + 1}')}}} " for i in range(levels))
    return "{...F0} " + inner + f"fragment F{levels} on Query {{{last}}}"


def circles(number: int) -> str:
    """Fragments that all spread each other and themselves."""
    spreads = " ".join(f"...F{i}" for i in range(number))
    return "{...F0} " + " ".join(f"fragment F{i} on Query {{{spreads}}}" for i in range(number))


QUERIES = {
    "50 levels of a cycle of types": ("{line " + "{machines {line " * 25 + "{name}" + "}}" * 26, "20 fields deep"),
    "25 levels through fragments": (fragments(13, "line {machines {...%}}", "metrics {name}"), "20 fields deep"),
    "100,000 braces": ("{" * 100_000, "100 brackets"),
    "100,000 nested fields": ("{a" * 100_000, "100,000 characters"),
    "100,000 square brackets": ("{machine(path: " + "[" * 90_000, "100 brackets"),
    "nested objects": ("{machines(filter: " + "{plant: " * 200 + "}" * 200 + ") {totalCount}}", "100 brackets"),
    "1,000 aliases": ("{" + " ".join(f"a{i}: metrics" for i in range(1_000)) + "}", "100 aliases"),
    "10,000 aliases": ("{" + " ".join(f"a{i}:b" for i in range(10_000)) + "}", "5,000 tokens"),
    "two fragments in a circle": ("{...A} fragment A on Query {...B} fragment B on Query {...A}", "via 'B'"),
    "a fragment within itself": (
        "{...A} fragment A on Query {metrics {name} ...A}",
        "spread fragment 'A' within itself",
    ),
    "a circle that nothing spreads": (
        "{metrics {name}} fragment A on Query {...A}",
        "spread fragment 'A' within itself",
    ),
    "20 fragments in circles": (circles(20), "within itself"),
    "60 fragments in circles": (circles(60), "5,000 tokens"),
    "fragments doubled 28 times": (fragments(28, "...% ...%", "metrics {name}"), "2,000 fields"),
    "empty fragments doubled 28 times": (fragments(28, "...% ...%", ""), "100,000 characters"),
    "fragments doubled under fields": (fragments(18, "line {...%} line {...%}", "metrics {name}"), "2,000 fields"),
    "a chain of 600 fragments": (fragments(600, "...%", "metrics {name}"), "500 fragments"),
    "300 operations": (" ".join(f"query Q{i} {{metrics {{name}}}}" for i in range(300)), "200 operations"),
    "4,000 directives": ("{metrics {name" + " @x" * 2_000 + "}}", "50 directives"),
    "10,000 directives": ("{metrics {name" + " @x" * 10_000 + "}}", "5,000 tokens"),
    "900 times one field": ("{" + " ".join(["metrics {name}"] * 900) + "}", "10,000 pairs"),
    "3,000 fields": ("{" + " ".join(f"f{i}" for i in range(3_000)) + "}", "2,000 fields"),
    "1,001 entries in a list": ("{nodes(ids: [" + '"cGxhbnQ6MQ" ' * 1_001 + "]) {id}}", "list of more than 1,000"),
    "100,000 entries in a list": ("{nodes(ids: [" + "1," * 100_000 + "]) {id}}", "100,000 characters"),
    "a megabyte of comments": ("{metrics {name}}" + "#\n" * 500_000, "100,000 characters"),
    "45,000 comments": ("{metrics {name}}" + "#\n" * 45_000, "5,000 tokens"),
    "45,000 unclosed strings": ('"\n' * 45_000, "5,000 tokens"),
    "45 times the schema": (
        "{" + " ".join(f"a{i}: __schema {{types {{kind name description fields {{name}}}}}}" for i in range(45)) + "}",
        "300 fields of the schema",
    ),
}
IDS = "query ($ids: [ID!]!) {series(ids: $ids) {id}}"
VARIABLES: dict[str, tuple[str, dict[str, Any], str]] = {
    "1,001 ids": (IDS, {"ids": ["c2VyaWVzOjE"] * 1_001}, "list of more than 1,000"),
    "30,000 ids": (IDS, {"ids": ["c2VyaWVzOjE"] * 30_000}, "list of more than 1,000"),
    "1,001 metrics": (
        'query ($m: [String!]) {machine(path: "a/b/c") {series(metrics: $m) {id}}}',
        {"m": ["m"] * 1_001},
        "list of more than 1,000",
    ),
    "lists of lists": (IDS, {"ids": [["a"] * 900] * 90}, "more than 5,000 values"),
    "keys of an object": (IDS, {"ids": {f"k{i}": 1 for i in range(1_001)}}, "list of more than 1,000"),
    "a long text": (
        "query ($s: String) {machines(filter: {search: $s}) {totalCount}}",
        {"s": "x" * 100_001},
        "100,000",
    ),
    "a long key": (IDS, {"x" * 100_001: 1}, "100,000 characters"),
    "a variable that nothing uses": ("{metrics {name}}", {"unused": [0] * 1_001}, "list of more than 1,000"),
}


async def timed(ask: Callable[[], Awaitable[Answered]]) -> tuple[Answered, float]:
    """What was answered, and how many milliseconds of this process it took: the median of five.

    Processes that share a core slow each other down, so on a busy machine a millisecond is longer.
    """
    took = []
    for _ in range(5):
        began = process_time()
        answer = await ask()
        took.append(process_time() - began)
    return answer, median(took) * 1_000 / max(1, getloadavg()[0] / (cpu_count() or 1))


def schema_of(limits: QueryLimits) -> LinegraphSchema:
    return build_schema(limits, DocumentCache(), Observer())


def told(result: ExecutionResult) -> dict[str, tuple[str, bool]]:
    """Message, code, and whether there is a hint."""
    assert result.data is None
    extensions = [error.extensions or {} for error in result.errors or []]
    return {
        error.message: (given["code"], bool(given.get("hint")))
        for error, given in zip(result.errors or [], extensions, strict=True)
    }


@pytest.mark.parametrize("name", [*QUERIES, *VARIABLES])
async def test_an_attack_is_refused_in_milliseconds_with_limit_and_hint(name: str) -> None:
    text, variables, limit = VARIABLES[name] if name in VARIABLES else (QUERIES[name][0], None, QUERIES[name][1])
    schema = schema_of(QueryLimits())
    # Without a context: whatever ran would fail in another way.
    result, took = await timed(lambda: schema.execute(text, variables))
    found = told(result)
    assert any(limit in message for message in found), found
    codes = {"BAD_USER_INPUT"} if variables else {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
    assert all(code in codes and hint for code, hint in found.values()), found
    assert took < AT_MOST


async def test_by_get_and_by_post_it_is_the_same(client: httpx.AsyncClient) -> None:
    attacks: dict[str, tuple[str, dict[str, Any], str]] = {
        name: (text, {}, limit) for name, (text, limit) in QUERIES.items()
    } | VARIABLES
    slow = {}
    for name, (text, variables, limit) in attacks.items():
        asked = {"query": text, "variables": json.dumps(variables)}
        requests = [client.build_request("POST", "/graphql", json={"query": text, "variables": variables})]
        if len(urlencode(asked)) < LONGEST_ADDRESS:
            requests.append(client.build_request("GET", "/graphql", params=asked))
        for request in requests:
            response, took = await timed(partial(client.send, request))
            assert response.status_code in (200, 413), (name, response.text[:200])
            answer = response.json()
            assert "data" not in answer, name
            if response.status_code == 413:
                assert answer["errors"][0]["extensions"]["code"] == "TOO_LARGE"
            else:
                assert any(limit in error["message"] for error in answer["errors"]), (name, answer)
            assert all(error["extensions"]["hint"] for error in answer["errors"]), name
            if took >= AT_MOST:
                slow[name, request.method] = took
    assert not slow


async def test_bodies_larger_than_any_query_and_batches_are_refused(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    large = json.dumps({"query": IDS, "variables": {"ids": ["c2VyaWVzOjE"] * 100_000}})
    batch = json.dumps([{"query": "{metrics {name}}"}] * 10_000)
    short = json.dumps([{"query": "{metrics {name}}"}] * 2)
    for body, status, code, word in (
        (large, 413, "TOO_LARGE", "524,288 bytes"),
        (batch, 400, "BAD_USER_INPUT", "Batches"),
        (short, 400, "BAD_USER_INPUT", "Batches"),
    ):
        response, took = await timed(partial(client.post, "/graphql", content=body, headers=headers))
        assert response.status_code == status
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == code
        assert word in error["message"] + error["extensions"]["hint"]
        assert took < AT_MOST


SCHEMA = {
    "__schema": "{__schema {types {name}}}",
    "__type": '{__type(name: "Plant") {fields {name}}}',
    "aliased": "{a: __schema {queryType {name}}}",
    "in fragments": "{...A} fragment A on Query {... {...B}} fragment B on Query {__schema {...C}}"
    " fragment C on __Schema {types {name}}",
    "in a fragment that nothing spreads": "{metrics {name}} fragment A on Query {__schema {types {name}}}",
}
MISSPELT: dict[str, tuple[str, dict[str, Any]]] = {
    "a field": ("{plants {totalCoun}}", {}),
    "a type": ("{node(id: 1) {... on Plan {id}}}", {}),
    "an argument": ('{plant(cod: "x") {code}}', {}),
    "an input field": ("{machines(filter: {plan: null}) {totalCount}}", {}),
    "a member": ('{series(ids: []) {buckets(range: {last: "P1D"}, fill: NUL) {tier}}}', {}),
    "an input field in a variable": (
        "query ($f: MachineFilter) {machines(filter: $f) {totalCount}}",
        {"f": {"plan": 1}},
    ),
    "a member in a variable": (
        'query ($f: Fill!) {series(ids: []) {buckets(range: {last: "P1D"}, fill: $f) {tier}}}',
        {"f": "NUL"},
    ),
}


async def test_the_schema_is_shown_once_and_its_names_are_suggested() -> None:
    schema = schema_of(QueryLimits())
    full = graphql.get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
    )
    assert (await schema.execute(full)).errors is None
    for text, variables in MISSPELT.values():
        result = await schema.execute(text, variables)
        assert any("Did you mean" in error.message for error in result.errors or []), text


async def test_a_hidden_schema_is_neither_asked_for_nor_guessed(database: Database) -> None:
    async with asking(database, query_introspection=0) as asker:
        for text in SCHEMA.values():
            answer, took = await timed(partial(asker.answer, text))
            (error,) = answer["errors"]
            assert error["message"] == "The query asks for the schema, which is not shown here."
            assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
            assert "linegraph schema" in error["extensions"]["hint"]
            assert took < AT_MOST
        for text, variables in MISSPELT.values():
            answer = await asker.answer(text, **variables)
            assert "data" not in answer
            assert "Did you mean" not in str(answer), text
        assert await asker.data("{__typename metrics {__typename}}") == {"__typename": "Query", "metrics": []}
