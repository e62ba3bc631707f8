"""Columns of numbers through execution in one piece, and out as JSON: a numpy array is the marker, lists stay lists."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import graphql
import numpy as np
import orjson
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

Member = TypeVar("Member")

_INT: Final = np.iinfo(np.int32)


class ColumnPassing(StrawberryGraphQLCoreExecutionContext):
    """For `strawberry.Schema(execution_context_class=...)`: a list field may answer a one-dimensional numpy array.

    What the type allows goes through whole, so the answer holds the array and is for `encode`, not for json; under an
    enum, whole numbers are the places of its members. What the type does not allow (NaN under `[Float!]`, a number
    beyond 32 bits under `[Int]`) is completed one by one as any list is, and fails there with the item's path: a field
    that promises no nulls never gets one from NaN.
    """

    def complete_list_value(
        self,
        return_type: graphql.GraphQLList[graphql.GraphQLOutputType],
        field_details_list: Any,
        info: graphql.GraphQLResolveInfo[Any],
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        if isinstance(result, np.ndarray):
            if fits(result, return_type.of_type):
                # The encoder refuses other byte orders and strides; a copy is made only of those.
                return np.ascontiguousarray(result, dtype=result.dtype.newbyteorder("="))
            if (members := members_of(result, return_type.of_type, str)) is not None:
                return members
            result = result.tolist()
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)


@dataclass(frozen=True, slots=True)
class Written:
    """Data that is JSON already."""

    text: bytes


def as_json(value: object) -> bytes:
    """With arrays in it; NaN and infinity become null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def encode(result: Mapping[str, object]) -> bytes:
    """A formatted GraphQL result as JSON."""
    data = result.get("data")
    if not isinstance(data, Written):
        return as_json(result)
    others = orjson.dumps({name: value for name, value in result.items() if name != "data"})
    return b"".join((b'{"data":', data.text, b"," if len(others) > 2 else b"", others[1:]))


def members_of(
    column: np.ndarray[Any, Any], item: graphql.GraphQLOutputType, write: Callable[[str], Member]
) -> list[Member] | None:
    """The names that stand for these places, written so, where the items are of an enum that has them all."""
    named = graphql.get_nullable_type(item)
    if not isinstance(named, graphql.GraphQLEnumType) or column.ndim != 1 or column.dtype.kind not in "iu":
        return None
    names = list(map(write, named.values))
    if column.size and not 0 <= column.min() <= column.max() < len(names):
        return None
    return [names[place] for place in column.tolist()]


def fits(column: np.ndarray[Any, Any], item: graphql.GraphQLOutputType) -> bool:
    kind = column.dtype.kind
    if column.ndim != 1 or kind not in "iuf" or column.dtype.itemsize > 8:
        return False
    named = graphql.get_nullable_type(item)
    if named is graphql.GraphQLFloat:
        return not graphql.is_non_null_type(item) or bool(np.isfinite(column).all())
    if named is graphql.GraphQLInt and kind in "iu":
        return column.size == 0 or bool(column.min() >= _INT.min and column.max() <= _INT.max)
    return False
