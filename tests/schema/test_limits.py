"""Limits: what is refused, how quickly, in which words, and what a repeated query no longer costs."""

from time import perf_counter
from typing import Any

import graphql
import pytest
import strawberry
from strawberry.extensions import AddValidationRules
from strawberry.types import ExecutionResult

from schema.documents import DocumentCache, extensions
from schema.limits import QueryLimits, limit_rule, refusal_unread

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


def fragments(levels: int, body: str, last: str) -> str:
    """`body` is a fragment's selection, with `%` where the next fragment's name goes."""
    inner = "".join(f"fragment F{i} on Query {{{body.replace('%', f'F{i + 1}')}}} " for i in range(levels))
    return "{...F0} " + inner + f"fragment F{levels} on Query {{{last}}}"


BOMBS = {
    "fragments doubled 28 times": (fragments(28, "...% ...%", "machine {name}"), "2,000 fields"),
    "empty fragments doubled 28 times": (fragments(28, "...% ...%", ""), "100,000 characters"),
    "fragments doubled under fields": (fragments(18, "line {...%} line {...%}", "machine {name}"), "2,000 fields"),
    "10,000 aliases": ("{" + " ".join(f"a{i}:b" for i in range(10_000)) + "}", "10,000 tokens"),
    "3,000 aliases": ("{" + " ".join(f"a{i}:line" for i in range(3_000)) + "}", "100 aliases"),
    "10,000 directives": ("{line {name" + " @x" * 10_000 + "}}", "10,000 tokens"),
    "4,900 directives": ("{line {name" + " @x" * 4_900 + "}}", "50 directives"),
    "50 levels of a cycle of types": (
        "{line " + "{machines {line " * 25 + "{name}" + "}}" * 25 + "}",
        "20 fields deep",
    ),
    "100,000 braces": ("{" * 100_000, "100 brackets"),
    "100,000 nested fields": ("{a" * 100_000, "100,000 characters"),
    "100,000 square brackets": ("{machine(path: " + "[" * 90_000, "100 brackets"),
    "1,900 times one field": ("{" + " ".join(["line {name}"] * 900) + "}", "10,000 pairs"),
    "a megabyte of comments": ("{line {name}}" + "#\n" * 500_000, "100,000 characters"),
    "45,000 comments": ("{line {name}}" + "#\n" * 45_000, "10,000 tokens"),
    "45,000 unclosed strings": ('"\n' * 45_000, "10,000 tokens"),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_bombs_are_refused_at_once_with_the_limit_and_a_hint(name: str) -> None:
    text, limit = BOMBS[name]
    schema = schema_with(QueryLimits())
    await schema.execute("{line {name}}")
    took = []
    for _ in range(3):  # the best of three: the machine may be busy with something else
        began = perf_counter()
        result = await schema.execute(text)
        took.append(perf_counter() - began)
    found = refusals(result)
    assert any(limit in message for message in found), found
    assert all(code.startswith("GRAPHQL_") and hint for code, hint in found.values()), found
    assert min(took) < 0.05


@pytest.mark.parametrize(
    "text",
    [
        "{...A} fragment A on Query {line {name} ...B} fragment B on Query {...A}",
        "{...A} fragment A on Query {...A}",
        "{...F0}" + "".join(f"fragment F{i} on Query {{{' '.join(f'...F{j}' for j in range(20))}}}" for i in range(20)),
    ],
)
async def test_fragment_cycles_end_in_the_standard_error(text: str) -> None:
    began = perf_counter()
    found = refusals(await schema_with(QueryLimits()).execute(text))
    assert perf_counter() - began < 0.5
    assert all(code == "GRAPHQL_VALIDATION_FAILED" for code, _ in found.values())
    assert any("within itself" in message for message in found)


async def test_a_chain_of_fragments_longer_than_pythons_stack_is_refused() -> None:
    found = refusals(await schema_with(QueryLimits()).execute(fragments(1_500, "...%", "line {name}")))
    assert {code for code, _ in found.values()} <= {"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}


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


@pytest.mark.parametrize(
    ("text", "aliases"),
    [
        ('{a: line {b: name}}  # c: d "', 2),
        ('query ($x: String = ": @") {machine(path: $x) {name}}', 0),
        ('{machine(path: """ a: @b \\""" { """) {name}}', 0),
        ('{machine(path: "\\" a: {", and: -1.5e-3) {m: metric(name: "", labels: ["y:", """"""])}}', 1),
        ("{...F, ... on Query {line {name}}} fragment F on Query {line {name}}", 0),
    ],
)
def test_the_count_before_parsing_agrees_with_the_lexer(text: str, aliases: int) -> None:
    exact = {"aliases": aliases, "directives": 0, "tokens": lexed(text)}
    assert refusal_unread(text, limits_of(**exact)) is None
    for limit in ("aliases", "tokens"):
        if exact[limit]:
            refusal = refusal_unread(text, limits_of(**{limit: exact[limit] - 1}))
            assert refusal is not None
            assert f"more than {exact[limit] - 1} {limit}" in refusal.message


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
