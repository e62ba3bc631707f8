"""The printed promise: committed as the code says it, and in keeping with the contract that it grows towards."""

from pathlib import Path

import graphql
import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLNonNull, GraphQLObjectType

from schema.answering import printed_schema

COMMITTED = Path(__file__).parents[2] / "schema" / "schema.graphql"
CONTRACT = Path(__file__).parents[3] / "shared" / "schema.graphql"
REQUIRED_FOR_NOW = {"Series.buckets(every)"}
"""Arguments that the contract lets be left out once there is another way to say the same."""

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType


def test_the_committed_schema_is_what_the_code_says() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == printed_schema(), "run make format"


def test_the_printed_schema_is_valid_and_everything_an_asker_cannot_guess_is_described() -> None:
    schema = graphql.build_schema(printed_schema())
    assert graphql.validate_schema(schema) == []
    own = [kind for name, kind in schema.type_map.items() if not name.startswith("__")]
    plain = ("Connection", "Edge")
    built_in = graphql.is_specified_scalar_type
    silent = [k.name for k in own if not k.description and not k.name.endswith(plain) and not built_in(k)]
    assert silent == []


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
