"""The printed promise: committed as the code says it, and in keeping with the contract that it grows towards."""

import re
from pathlib import Path

import graphql
import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLNonNull, GraphQLObjectType

from schema.answering import printed_schema
from schema.glossary import EVERYWHERE, HERE

COMMITTED = Path(__file__).parents[2] / "schema" / "schema.graphql"
PROMISED = Path(__file__).with_name("promised.graphql")
CONTRACT = Path(__file__).parents[3] / "shared" / "schema.graphql"
REQUIRED_FOR_NOW = {"Series.buckets(every)"}
"""Arguments that the contract lets be left out once there is another way to say the same."""

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType


def test_the_committed_schema_is_what_the_code_says() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == printed_schema(), "run make format"


def places(schema: graphql.GraphQLSchema) -> dict[str, str | None]:
    """The description of every type, value, field and argument of ours."""
    found: dict[str, str | None] = {}
    for name, kind in schema.type_map.items():
        if name.startswith("__") or graphql.is_specified_scalar_type(kind):
            continue
        found[name] = kind.description
        if isinstance(kind, GraphQLEnumType):
            found |= {f"{name}.{value}": meant.description for value, meant in kind.values.items()}
        fields = kind.fields if isinstance(kind, Composite) else {}
        for field, its in fields.items():
            found[f"{name}.{field}"] = its.description
            arguments = its.args.items() if isinstance(its, graphql.GraphQLField) else ()
            found |= {f"{name}.{field}({argument})": taken.description for argument, taken in arguments}
    return found


def test_the_printed_schema_is_valid_and_everything_in_it_is_described() -> None:
    schema = graphql.build_schema(printed_schema())
    assert graphql.validate_schema(schema) == []
    described = places(schema)
    assert len(described) > 200
    assert [place for place, words in described.items() if not words] == []
    assert set(HERE) <= set(described), "what is explained is there"
    assert set(EVERYWHERE) <= {re.split(r"[.(]", place.rstrip(")"))[-1] for place in described}


def breaking(promised: str, printed: str) -> list[str]:
    """What a client of the one could not do with the other; see docs/deprecation.md."""
    old, new = graphql.build_schema(promised), graphql.build_schema(printed)
    defaults = graphql.DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE
    broken = [each.description for each in graphql.find_breaking_changes(old, new)]
    return broken + [each.description for each in graphql.find_dangerous_changes(old, new) if each.type is defaults]


def test_nothing_that_was_promised_is_broken() -> None:
    assert breaking(PROMISED.read_text(encoding="utf-8"), printed_schema()) == [], "see docs/deprecation.md"


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ("  unmappedReason: String\n", ""),
        ("  tier: String!\n", "  tier: String\n"),
        ("  PRODUCTION_DAY\n", ""),
        ("points: Int! = 800", "points: Int! = 801"),
        ("node(id: ID!): Node", "node(id: ID!, of: String!): Node"),
        ("  code: Int!\n", "  code: String!\n"),
        ("type Label ", "type Caption "),
    ],
)
def test_whatever_breaks_a_client_is_noticed(change: str, to: str) -> None:
    promised = PROMISED.read_text(encoding="utf-8")
    assert change in promised
    changed = promised.replace(change, to).replace("[Label!]", "[Caption!]" if "Caption" in to else "[Label!]")
    assert breaking(promised, changed)
    assert not breaking(promised, promised.replace("  tier: String!\n", "  tier: String!\n  more: Int\n"))


def test_what_goes_says_what_to_use_instead() -> None:
    for reason in re.findall(r"@deprecated(.*)", printed_schema()):
        assert re.search(r'reason: ".*\d+\.\d+.*"', reason), "see docs/deprecation.md"


NOT_YET = {"CalendarStep": {"SHIFT"}}
"""Values that appear when they work."""


def differences(ours: graphql.GraphQLSchema, contract: graphql.GraphQLSchema) -> list[str]:
    """Where something that stands in both is not the same."""
    found: list[str] = []
    for name in sorted(set(ours.type_map) & set(contract.type_map)):
        mine, theirs = ours.type_map[name], contract.type_map[name]
        if type(mine) is not type(theirs):
            found.append(f"{name} is of another kind")
        elif isinstance(mine, GraphQLEnumType) and isinstance(theirs, GraphQLEnumType):
            missing = set(theirs.values) - NOT_YET.get(name, set())
            found += [f"{name} lacks or adds a value"] if set(mine.values) != missing else []
        elif isinstance(mine, Composite) and isinstance(theirs, Composite):
            for field in sorted(set(mine.fields) & set(theirs.fields)):
                found += _field(f"{name}.{field}", mine.fields[field], theirs.fields[field])
        if isinstance(mine, GraphQLObjectType) and isinstance(theirs, GraphQLObjectType):
            missing = {each.name for each in theirs.interfaces} - {each.name for each in mine.interfaces}
            found += [f"{name} does not implement {other}" for other in sorted(missing)]
    return found


def _field(
    place: str,
    mine: graphql.GraphQLField | graphql.GraphQLInputField,
    theirs: graphql.GraphQLField | graphql.GraphQLInputField,
) -> list[str]:
    found = [] if str(mine.type) == str(theirs.type) else [f"{place}: {mine.type}, not {theirs.type}"]
    if not isinstance(mine, graphql.GraphQLField) or not isinstance(theirs, graphql.GraphQLField):
        return found
    for name in sorted(set(mine.args) | set(theirs.args)):
        where = f"{place}({name})"
        if name not in theirs.args:
            extra = mine.args[name]
            needed = isinstance(extra.type, GraphQLNonNull) and extra.default_value is graphql.Undefined
            found += [f"{where} is required and not in the contract"] if needed else []
        elif name in mine.args:
            kinds = {str(mine.args[name].type), str(theirs.args[name].type)}
            same = len(kinds) == 1 or (where in REQUIRED_FOR_NOW and len({kind.rstrip("!") for kind in kinds}) == 1)
            found += [] if same else [f"{where}: {mine.args[name].type}, not {theirs.args[name].type}"]
            if mine.args[name].default_value != theirs.args[name].default_value:
                found.append(f"{where} has another default")
    return found


def test_what_also_stands_in_the_contract_has_the_same_types() -> None:
    if not CONTRACT.exists():
        pytest.skip("the contract lies beside the project, and is not on this machine")
    contract = graphql.build_schema(CONTRACT.read_text(encoding="utf-8"))
    ours = graphql.build_schema(printed_schema())
    assert differences(ours, contract) == []
    assert len(set(ours.type_map) & set(contract.type_map)) > 25


def test_the_comparison_finds_differences() -> None:
    ours = graphql.build_schema("type Query {a(x: Int!): Int b: Int! c(y: Int!): Int} enum E {A}")
    contract = graphql.build_schema("type Query {a(x: Int): Int b: Int c: Int d: Int} enum E {A B}")
    assert differences(ours, contract) == [
        "E lacks or adds a value",
        "Query.a(x): Int!, not Int",
        "Query.b: Int!, not Int",
        "Query.c(y) is required and not in the contract",
    ]
