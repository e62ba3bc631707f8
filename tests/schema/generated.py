"""Documents for the fuzz: what hypothesis-graphql makes of the whole schema, with names and ids of a small plant."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from zlib import crc32

import graphql
from graphql import (
    ArgumentNode,
    FieldNode,
    FloatValueNode,
    IntValueNode,
    NameNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import strategies as gql

START: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)
Made = TypeVar("Made")

ROUND: Final = 4
SCHEMA: Final = graphql.build_schema((Path(__file__).parents[2] / "schema" / "schema.graphql").read_text("utf-8"))

_KINDS = ("plant", "line", "machine", "series")


def node_id(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


_RANGES = [
    f'{{from: "{(START - timedelta(hours=1)).isoformat()}", to: "{(START + timedelta(hours=2)).isoformat()}"}}',
    f'{{from: "{START.isoformat()}", to: "{(START + timedelta(seconds=90)).isoformat()}"}}',
    f'{{from: "{(START - timedelta(days=40)).isoformat()}", to: "{(START + timedelta(days=40)).isoformat()}"}}',
    '{from: "1970-01-01T00:00:00Z", to: "2026-03-02T08:10:00Z"}',
    '{last: "P3650D"}',
    '{last: "PT1H"}',
]
_FITTING = {
    ("plant", "code"): '"works"',
    ("line", "path"): '"works/press"',
    ("machine", "path"): '"works/press/robot"',
    ("node", "id"): f'"{node_id("series:2")}"',
    ("kpi", "name"): '"ratio"',
    ("machines", "filter"): '{plant: "works", search: "o"}',
    ("", "metrics"): '["temperature", "parts"]',
    ("", "after"): "null",
}
_EDGES = [
    "0001-01-01T00:00:00Z", "1699-12-31T23:59:59Z", "1700-01-01T00:00:00Z", "2500-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z", "1970-01-01T00:00:00+14:00", "2026-03-29T02:30:00+01:00",
]  # fmt: skip


def _cursor(*place: str | int) -> str:
    return node_id("[" + ",".join(f'"{part}"' if isinstance(part, str) else str(part) for part in place) + "]")


def _mostly(usual: list[str], rest: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The usual ones nine times in ten."""
    return st.integers(0, 9).flatmap(lambda at: st.sampled_from(usual) if at else rest)


_IDS = _mostly(
    [node_id(f"{kind}:{number}") for kind in _KINDS for number in (1, 2)] + [node_id("series:3")] * 4,
    st.sampled_from([node_id(text) for text in ("series:99", "series:2147483648", "metric:1", "series:-1", "series:")])
    | st.text(max_size=8),
)
_TEXTS = _mostly(
    ["works", "works/press", "works/press/robot", "press", "robot", "temperature", "parts", "status", "tag", "", "%"]
    + [_cursor("a"), _cursor("works/press/a"), _cursor(3, 1), _cursor(1_772_438_400_000_000), _cursor(1, 1, 1)],
    st.text(max_size=12),
)
_WHOLE = st.integers(0, 9).flatmap(
    lambda at: (
        st.integers(1, 500) if at else st.sampled_from([-(2**31), -1, 0, 501, 4_000, 4_001, 10_000, 10_001, 2**31 - 1])
    )
)
_NUMBERS = st.floats(0, 100) | st.floats(allow_nan=False, allow_infinity=False)
_INSTANTS = _mostly([(START + timedelta(seconds=at)).isoformat() for at in (0, 20, 30, 60)], st.sampled_from(_EDGES))
_DURATIONS = _mostly(
    ["PT1S", "PT1M", "PT7M", "PT15M", "PT1H", "PT8H", "P1D", "P7D"],
    st.sampled_from(["PT0S", "PT0.0001S", "PT0.001S", "P8D", "-PT1M", "P3650D", "P999999999D", "P1W"]),
)
SCALARS: dict[str, st.SearchStrategy[ValueNode]] = {
    "ID": _IDS.map(lambda text: StringValueNode(value=text)),
    "String": _TEXTS.map(lambda text: StringValueNode(value=text)),
    "Int": _WHOLE.map(lambda number: IntValueNode(value=str(number))),
    "Float": _NUMBERS.map(lambda number: FloatValueNode(value=repr(number))),
    "DateTime": _INSTANTS.map(lambda text: StringValueNode(value=text)),
    "Duration": _DURATIONS.map(lambda text: StringValueNode(value=text)),
}


class _Sensible(graphql.Visitor):
    """Most ranges are put in order, most buckets get one step, most ids are of the kind that is asked for: at random
    nearly all would be refused alike. Half of the selections get all leaves, where chance picks one or two."""

    def __init__(self, types: graphql.TypeInfo) -> None:
        super().__init__()
        self._types = types

    def leave_argument(self, node: ArgumentNode, *_: object) -> ArgumentNode | None:
        dice = _dice(node)
        if node.name.value == "range" and isinstance(node.value, ObjectValueNode) and dice % 8:
            return ArgumentNode(name=node.name, value=graphql.parse_value(_RANGES[dice % len(_RANGES)]))
        if node.name.value in ("ids", "series") and dice % 8:
            return ArgumentNode(name=node.name, value=graphql.visit(node.value, _OfSeries()))
        return None

    def leave_field(self, node: FieldNode, *_: object) -> FieldNode | None:
        kind = graphql.get_named_type(self._types.get_type())
        dice = _dice(node)
        arguments = node.arguments or ()
        if dice % 8:
            arguments = tuple(_fitting(node.name.value, each) for each in arguments)
        if {"every", "by"} <= {each.name.value for each in arguments} and dice % 8:
            unset = "every" if dice % 3 == 0 else "by"
            arguments = tuple(_null(each) if each.name.value == unset else each for each in arguments)
        chosen = node.selection_set
        if chosen and isinstance(kind, graphql.GraphQLObjectType | graphql.GraphQLInterfaceType) and dice % 2:
            present = {(each.alias or each.name).value for each in chosen.selections if isinstance(each, FieldNode)}
            more = [FieldNode(name=NameNode(value=name)) for name in _leaves(kind) if name not in present]
            chosen = graphql.SelectionSetNode(selections=(*chosen.selections, *more))
        return FieldNode(
            alias=node.alias, name=node.name, directives=node.directives, arguments=arguments, selection_set=chosen
        )


class _OfSeries(graphql.Visitor):
    """Ids of series, where there were others."""

    def leave_string_value(self, node: StringValueNode, *_: object) -> StringValueNode:
        return StringValueNode(value=node_id(f"series:{_dice(node) % 4 + 1}"))


def _dice(node: graphql.Node) -> int:
    return crc32(graphql.print_ast(node).encode())


def _fitting(asked: str, argument: ArgumentNode) -> ArgumentNode:
    """The argument with what the plant has, where chance would seldom find it."""
    value = _FITTING.get((asked, argument.name.value)) or _FITTING.get(("", argument.name.value))
    return ArgumentNode(name=argument.name, value=graphql.parse_value(value)) if value else argument


def _null(argument: ArgumentNode) -> ArgumentNode:
    return ArgumentNode(name=argument.name, value=graphql.NullValueNode())


def _leaves(kind: graphql.GraphQLObjectType | graphql.GraphQLInterfaceType) -> list[str]:
    return [name for name, field in kind.fields.items() if graphql.is_leaf_type(graphql.get_named_type(field.type))]


def _printed(document: graphql.DocumentNode) -> str:
    types = graphql.TypeInfo(SCHEMA)
    return graphql.print_ast(graphql.visit(document, graphql.TypeInfoVisitor(types, _Sensible(types))))


def documents(rounds: int, start: int) -> list[str]:
    """Documents of each question and each change that can be asked, always the same ones for a start.

    Within a round hypothesis makes one document much like the one before it: short rounds differ more.
    """
    roots = [(gql.queries, SCHEMA.query_type), (gql.mutations, SCHEMA.mutation_type)]
    return [
        document
        for make, root in roots
        if root is not None
        for name in root.fields
        for at in range(rounds)
        for document in _made(
            make(SCHEMA, fields=[name], custom_scalars=SCALARS, print_ast=_printed), ROUND, start * 1_000 + at
        )
    ]


_ANYTHING: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers()
    | st.text(max_size=9)
    | _IDS
    | _INSTANTS
    | _DURATIONS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["from", "to", "last", "plant", "search", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def values(rounds: int, start: int) -> list[Any]:
    """Whatever JSON can say, more often what the schema has words for."""
    return [value for at in range(rounds) for value in _made(_ANYTHING, ROUND, start * 1_000 + at)]


def _made(strategy: st.SearchStrategy[Made], number: int, start: int) -> list[Made]:
    found: list[Made] = []

    @seed(start)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(made: Made) -> None:
        found.append(made)

    collect()
    return found
