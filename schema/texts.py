"""Objects that come as columns, written as JSON a column at a time: an object each would cost more than all else."""

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, Final, Protocol, TypeGuard

import graphql
import numpy as np
import orjson
from numpy.typing import NDArray
from strawberry.types.field import StrawberryField

from schema.passing import as_json, fits, members_of

_INSTANTS: Final = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


class InColumns(Protocol):
    """Objects as columns, one for each of their attributes, which hold those alone that are `there`."""

    @property
    def there(self) -> NDArray[np.bool_]: ...


def is_in_columns(values: object) -> TypeGuard[InColumns]:
    return hasattr(values, "there")


class Texts(list[bytes]):
    """Values that are JSON already."""

    def fragments(self) -> Iterator[orjson.Fragment]:
        """As parts of something that is yet to be encoded."""
        return map(orjson.Fragment, self)


def objects_of(
    columns: InColumns, declared: graphql.GraphQLOutputType, fields: Mapping[str, graphql.GraphQLField]
) -> Texts | None:
    """An object of that type each, with these fields under these names, and null for one that is not there. None where
    a field is more than an attribute that is a leaf, or a type does not allow what is in it."""
    kind, there = graphql.get_named_type(declared), columns.there
    if graphql.is_non_null_type(declared) and not there.all():
        return None
    members: dict[str, Sequence[bytes]] = {}
    for name, field in fields.items():
        declaration: StrawberryField | None = field.extensions.get("strawberry-definition")
        if field is graphql.TypeNameMetaFieldDef:
            members[name] = [orjson.dumps(kind.name)] * int(np.count_nonzero(there))
        elif declaration is None or not declaration.is_basic_field:
            return None
        elif (column := _leaves(getattr(columns, declaration.python_name), field.type)) is not None:
            members[name] = column
        else:
            return None
    pattern = "{" + ",".join(f'"{name}":%b' for name in members) + "}"
    written = map(pattern.encode().__mod__, zip(*members.values(), strict=True))
    return Texts(written if there.all() else (next(written) if each else b"null" for each in there.tolist()))


def _leaves(column: NDArray[Any] | Sequence[str | None], declared: graphql.GraphQLOutputType) -> list[bytes] | None:
    """Each as JSON: of a numpy array (datetime64 in UTC; under an enum, the places of its members) or of texts. None
    where the type does not allow one of them, or is not known here."""
    kind = graphql.get_nullable_type(declared)
    if not isinstance(column, np.ndarray):
        allowed = {str} if graphql.is_non_null_type(declared) else {str, NoneType}
        known = kind is graphql.GraphQLString and set(map(type, column)) <= allowed
        return _each(column) if known else None
    if column.dtype.kind == "M":
        is_instant = isinstance(kind, graphql.GraphQLScalarType) and kind.name == "DateTime"
        return _cut(orjson.dumps(column.tolist(), option=_INSTANTS)) if is_instant else None
    if (members := members_of(column, declared, orjson.dumps)) is not None:
        return members
    if not fits(column, declared) or np.isinf(column).any():
        return None
    return _cut(as_json(np.ascontiguousarray(column)))


def _each(values: Sequence[str | None]) -> list[bytes]:
    """Few different ones are each written once."""
    known = {value: orjson.dumps(value) for value in set(values)}
    return [known[value] for value in values]


def _cut(array: bytes) -> list[bytes]:
    """Neither instants nor numbers have a comma within."""
    return array[1:-1].split(b",") if len(array) > 2 else []
