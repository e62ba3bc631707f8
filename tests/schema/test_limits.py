"""Limits: what is counted, in which words it is refused, and what a repeated query no longer costs."""

from typing import Any

import graphql
import pytest
import strawberry
from strawberry.extensions import AddValidationRules
from strawberry.types import ExecutionResult

from schema.documents import DocumentCache, extensions
from schema.limits import QueryLimits
from schema.unread import refusal_unread
from schema.weight import limit_rule

pytestmark = pytest.mark.anyio


@strawberry.type
class Machine:
    name: str

    @strawberry.field
    def line(self) -> "Line":
        return Line(name="press")

    @strawberry.field
    def metric(self, name: str = "temperature", labels: list[str] | None = None) -> str:
        return name


@strawberry.type
class Line:
    name: str

    @strawberry.field
    def machines(self) -> list[Machine]:
        return [Machine(name="press-1")]


@strawberry.type
class Query:
    @strawberry.field
    def line(self) -> Line:
        return Line(name="press")

    @strawberry.field
    def machine(self, path: str = "") -> Machine:
        return Machine(name=path)


def limits_of(**given: int) -> QueryLimits:
    """No limit but the given ones."""
    return QueryLimits(**{**dict.fromkeys(QueryLimits.__slots__, 10**9), **given})


def schema_with(limits: QueryLimits, documents: DocumentCache | None = None) -> strawberry.Schema:
    return strawberry.Schema(Query, extensions=extensions(limits, documents))


def refusals(result: ExecutionResult) -> dict[str, tuple[str, str | None]]:
    assert result.data is None
    return {
        error.message: ((error.extensions or {})["code"], (error.extensions or {}).get("hint"))
        for error in result.errors or []
    }


async def test_the_standard_rules_do_not_run_on_what_the_limits_refuse() -> None:
    found = refusals(await schema_with(QueryLimits(depth=2)).execute("{line {machines {nonsense {more}}}}"))
    assert list(found) == ["The query is more than 2 fields deep."]


def counted(limits: QueryLimits, text: str) -> list[str]:
    schema = schema_with(limits)._schema
    return [error.message for error in graphql.validate(schema, graphql.parse(text), [limit_rule(limits)])]


@pytest.mark.parametrize(
    ("limit", "amount", "text"),
    [
        ("depth", 3, "{line {machines {name}}}"),
        ("depth", 3, "{line {... on Line {...F}}} fragment F on Line {machines {name}}"),
        ("depth", 3, "{line {...F name}} fragment F on Line {...G} fragment G on Line {machines {name}}"),
        ("aliases", 4, "{a: line {...F} b: line {...F}} fragment F on Line {c: name}"),
        ("fields", 5, "{line {...F ...F}} fragment F on Line {...G name} fragment G on Line {name @skip(if: true)}"),
        (
            "fields",
            5,
            "query A {line {...F}} query B {line {...F}} fragment F on Line {name} fragment U on Line {name}",
        ),
        ("fields", 4, "{...F} fragment F on Query {line {name}} fragment F on Query {line {name}}"),
        ("fields", 3, "{__schema {types {name}}}"),
        ("introspection", 3, "{__schema {types {name}} line {name} __typename}"),
        ("introspection", 5, "{...A} fragment A on Query {__schema {...B ...B}} fragment B on __Schema {types {name}}"),
        ("introspection", 0, "{line {...F}} fragment F on Line {name}"),
        ("directives", 3, "query ($x: String @a) @b {line {...F}} fragment F on Line {name @c}"),
        ("directives", 4, "{line {...F @a ...F @a}} fragment F on Line {... @b {name}}"),
        ("overlaps", 3, "{line {name ...F ... {name}}} fragment F on Line {name}"),
        ("overlaps", 1, "{line {...F ...G}} fragment F on Line {name} fragment G on Line {machines {name}}"),
        ("overlaps", 2, "{line {name} ...F} fragment F on Query {line {name}}"),
        ("overlaps", 0, "{a: line {name} b: line {name}}"),
    ],
)
def test_each_limit_counts_fragments_wherever_they_are_spread(limit: str, amount: int, text: str) -> None:
    assert counted(limits_of(**{limit: amount}), text) == []
    if amount:
        assert len(counted(limits_of(**{limit: amount - 1}), text)) == 1


def lexed(text: str) -> int:
    """graphql-core's own count of tokens, comments included."""
    location = graphql.parse(text).loc
    assert location is not None
    token, count = location.start_token.next, 0
    while token is not None and token.kind is not graphql.TokenKind.EOF:
        token, count = token.next, count + 1
    return count


READ = [
    ('{a: line {b: name}}  # c: d "', {"aliases": 2, "fields": 2, "depth": 2}),
    ("{a: #\nline {name name}}", {"aliases": 1, "fields": 3, "depth": 2, "overlaps": 1}),
    ('query ($x: String = ": @") {machine(path: $x) {name}}', {"fields": 2, "depth": 2}),
    ('{machine(path: """ a: @b \\""" { """) {name}}', {"fields": 2, "depth": 2}),
    (
        '{machine(path: "\\" a: {", and: -1.5e-3) {m: metric(name: "", labels: ["y:", """""", $x, [1]])}}',
        {"aliases": 1, "fields": 2, "depth": 2, "items": 4},
    ),
    (
        "{...F, ... on Query {line {name}} ... @x {line {name}}} fragment F on Query {line @x(a: {b: 1}) {name}}",
        {"fields": 6, "depth": 2, "directives": 2, "spreads": 3, "definitions": 2},
    ),
    (
        "query ($a: [Int] = [1 2 3]) {line {...F name}} query B {name}",
        {"fields": 3, "depth": 2, "spreads": 1, "items": 3, "definitions": 2},
    ),
]


@pytest.mark.parametrize(("text", "amounts"), READ)
def test_the_count_before_parsing_is_exact_and_tokens_agree_with_the_lexer(text: str, amounts: dict[str, int]) -> None:
    nothing = dict.fromkeys(
        ("depth", "aliases", "fields", "directives", "spreads", "definitions", "overlaps", "items"), 0
    )
    exact = nothing | {"definitions": 1} | amounts
    tokens = {"tokens": lexed(text), "characters": len(text), "depth": 100}
    for name, amount in exact.items():
        assert refusal_unread(text, limits_of(**{**tokens, name: amount})) is None, name
        if amount:
            assert refusal_unread(text, limits_of(**{**tokens, name: amount - 1})) is not None, name
    refusal = refusal_unread(text, limits_of(tokens=tokens["tokens"] - 1))
    assert refusal is not None
    assert f"more than {tokens['tokens'] - 1} tokens" in refusal.message


async def test_introspection_and_a_dashboard_of_60_charts_pass() -> None:
    schema = schema_with(QueryLimits())
    introspection = graphql.get_introspection_query(
        descriptions=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
    assert (await schema.execute(introspection)).errors is None
    chart = 'c%d: machine(path: "demo/press/press-%d") {...Chart line {name machines {name metric(name: "x")}}}'
    charts = " ".join(chart % (number, number) for number in range(60))
    result = await schema.execute(f"query Page {{{charts}}} fragment Chart on Machine {{name metric}}")
    assert result.errors is None
    assert result.data is not None
    assert result.data["c59"]["line"]["machines"] == [{"name": "press-1", "metric": "x"}]


async def test_a_repeated_query_is_neither_parsed_nor_validated_again() -> None:
    documents = DocumentCache()
    schema = schema_with(QueryLimits(), documents)
    answers = [await schema.execute("query ($p: String!) {machine(path: $p) {name}}", {"p": p}) for p in "abc"]
    assert [answer.data for answer in answers] == [{"machine": {"name": p}} for p in "abc"]
    assert (documents.hits, documents.misses, len(documents)) == (2, 1, 1)


async def test_refused_documents_are_not_kept_and_stay_refused() -> None:
    documents = DocumentCache()
    schema = schema_with(QueryLimits(), documents)
    for text in ("{line {nonsense}}", "{line", "{" * 500):
        first, second = await schema.execute(text), await schema.execute(text)
        assert refusals(first) == refusals(second) != {}
    assert (documents.hits, len(documents)) == (0, 0)


async def test_rules_of_other_extensions_hold_and_keep_their_documents_apart() -> None:
    class NoNames(graphql.ValidationRule):
        def enter_field(self, node: graphql.FieldNode, *_: Any) -> None:
            if node.name.value == "name":
                self.report_error(graphql.GraphQLError("No names.", extensions={"code": "FORBIDDEN"}))

    documents = DocumentCache()
    shared = extensions(QueryLimits(), documents)
    strict = strawberry.Schema(Query, extensions=[lambda: AddValidationRules([NoNames]), *shared])
    assert (await strawberry.Schema(Query, extensions=shared).execute("{line {name}}")).errors is None
    assert refusals(await strict.execute("{line {name}}")) == {"No names.": ("FORBIDDEN", None)}
    assert documents.hits == 0


async def test_the_cache_is_bounded_by_number_and_by_size() -> None:
    documents = DocumentCache(documents=3, characters=100, longest=60)
    schema = schema_with(QueryLimits(), documents)
    padded = ["{line {name}}" + " " * spaces for spaces in (0, 1, 2, 3)]
    for text in padded:
        await schema.execute(text)
    assert (len(documents), documents.characters) == (3, sum(map(len, padded[1:])))
    await schema.execute(padded[0] + " " * 40)
    assert documents.characters <= 100
    assert len(documents) == 3
    await schema.execute(padded[0] + " " * 60)
    assert documents.characters <= 100
    await schema.execute(padded[1])
    assert documents.hits == 0


@pytest.mark.parametrize("operation_name", [None, "Page"])
async def test_a_syntax_error_is_coded_and_located(operation_name: str | None) -> None:
    result = await schema_with(QueryLimits()).execute("query Page {line {name}", operation_name=operation_name)
    assert refusals(result) == {"Syntax Error: Expected Name, found <EOF>.": ("GRAPHQL_PARSE_FAILED", None)}
    assert result.errors is not None
    assert result.errors[0].locations == [graphql.SourceLocation(1, 24)]


async def test_standard_validation_errors_are_coded() -> None:
    found = refusals(await schema_with(QueryLimits()).execute("{line {nam}}"))
    assert list(found.values()) == [("GRAPHQL_VALIDATION_FAILED", None)]


@pytest.mark.parametrize("text", ["subscription {", "subscription {nonsense}", "subscription {" + "{" * 200])
async def test_a_refused_subscription_is_answered_and_not_raised(text: str) -> None:
    schema = strawberry.Schema(Query, extensions=extensions(QueryLimits()))
    stream = await schema.subscribe(text)
    results = [result async for result in stream]
    assert len(results) == 1
    assert results[0].errors
    assert all((error.extensions or {})["code"].startswith("GRAPHQL_") for error in results[0].errors)


def test_execution_without_a_loop_is_limited_too() -> None:
    assert "fields deep" in next(iter(refusals(schema_with(QueryLimits(depth=1)).execute_sync("{line {name}}"))))
