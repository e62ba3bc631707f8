"""Objects that come as columns: the same JSON as from an object each, and none where a type does not allow it."""

import enum
import json
import math
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import graphql
import numpy as np
import orjson
import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.scalars import SCALARS
from schema.texts import is_in_columns, objects_of


@strawberry.enum
class Colour(enum.Enum):
    RED = 0
    BLUE = 1


@strawberry.type
class Thing:
    at: datetime
    value: float | None
    weight: float
    number: int
    text: str | None
    label: str
    colour: Colour

    @strawberry.field
    def computed(self) -> int:
        return 1


@strawberry.type
class Query:
    maybe: Thing | None
    sure: Thing


SCHEMA = strawberry.Schema(query=Query, config=StrawberryConfig(scalar_map=SCALARS))._schema
THING = cast("graphql.GraphQLObjectType", SCHEMA.get_type("Thing"))
MAYBE, SURE = (SCHEMA.query_type.fields[name].type for name in ("maybe", "sure"))  # type: ignore[union-attr]
COLUMNS: dict[str, Any] = {
    "at": np.array([0, 1_700_000_000_123_456], "M8[us]"),
    "value": np.array([1.5, math.nan]),
    "weight": np.array([1e300, -0.0]),
    "number": np.array([2**31 - 1, -7]),
    "text": [None, 'a "b", \u20ac\n'],
    "label": ["x,y", "x,y"],
    "colour": np.array([1, 0], np.uint32),
}
WRITTEN = [
    {"at": "1970-01-01T00:00:00Z", "value": 1.5, "weight": 1e300, "number": 2**31 - 1, "text": None, "label": "x,y",
     "colour": "BLUE"},
    {"at": "2023-11-14T22:13:20.123456Z", "value": None, "weight": -0.0, "number": -7, "text": 'a "b", \u20ac\n',
     "label": "x,y", "colour": "RED"},
]  # fmt: skip


def columns(there: list[bool], **changed: Any) -> Any:
    return SimpleNamespace(there=np.array(there, np.bool_), **COLUMNS | changed)


def fields(*names: str) -> dict[str, graphql.GraphQLField]:
    return {name: THING.fields[name] for name in names or COLUMNS}


def test_columns_are_the_objects_that_are_there() -> None:
    for there, expected in (
        ([True, True], WRITTEN),
        ([False, True, False, True], [None, WRITTEN[0], None, WRITTEN[1]]),
    ):
        found = objects_of(columns(there), MAYBE, fields())
        assert found is not None
        assert list(map(json.loads, found)) == expected
        assert json.loads(orjson.dumps(list(found.fragments()))) == expected
    assert list(map(json.loads, objects_of(columns([True, True]), SURE, fields()) or [])) == WRITTEN
    nothing = {name: column[:0] for name, column in COLUMNS.items()}
    assert objects_of(columns([False], **nothing), MAYBE, fields()) == [b"null"]
    assert objects_of(columns([], **nothing), SURE, fields()) == []


def test_names_and_types_are_those_of_the_question() -> None:
    asked = {"kind": graphql.TypeNameMetaFieldDef, "a": THING.fields["number"], "b": THING.fields["number"]}
    assert objects_of(columns([True, False, True]), MAYBE, asked) == [
        b'{"kind":"Thing","a":2147483647,"b":2147483647}',
        b"null",
        b'{"kind":"Thing","a":-7,"b":-7}',
    ]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("at", np.array([0.5, 1.0])),
        ("value", np.array([math.inf, 1.0])),
        ("value", COLUMNS["at"]),
        ("weight", np.array([math.nan, 1.0])),
        ("number", np.array([2**31, 0])),
        ("number", np.array([0.5, 1.0])),
        ("label", ["x", None]),
        ("text", ["x", 7]),
        ("colour", np.array([0, 2])),
        ("colour", ["RED", "BLUE"]),
    ],
)
def test_what_a_type_does_not_allow_is_not_written(name: str, column: Any) -> None:
    assert objects_of(columns([True, True], **{name: column}), MAYBE, fields(name)) is None


def test_what_is_more_than_an_attribute_is_not_written() -> None:
    assert objects_of(columns([True, True]), MAYBE, {"computed": THING.fields["computed"]}) is None
    assert objects_of(columns([True, False, True]), SURE, fields()) is None
    assert is_in_columns(columns([True]))
    assert not is_in_columns([Thing])
