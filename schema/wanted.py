"""What is asked of many objects at once: a field of them, what answers for it, and where the answers belong."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from graphql import GraphQLField, GraphQLObjectType

from schema.lasting import is_of_catalog

MANY: Final = "many"
"""In `strawberry.field(metadata=...)`, for a field without arguments: the `Many` that answers for it."""


class Many(NamedTuple):
    """What answers for many parents at once: `prepare` makes of them, and of what is selected, what `ask` takes."""

    prepare: Callable[[Sequence[Any], Any], Any]
    ask: Callable[[Any, Any], Awaitable[Any]]


@dataclass(slots=True, eq=False)
class Wanted:
    """One field of many objects of a kind, and the objects; with what was prepared for asking for it again."""

    kind: GraphQLObjectType
    field: GraphQLField
    details: Any
    path: Any
    sources: list[Any]
    prepared: Any = None

    @property
    def is_of_catalog(self) -> bool:
        return is_of_catalog(self.field)


class Hole(NamedTuple):
    """What tells of more than the catalog, the name that it has in answers, and the rows that it is in."""

    wanted: Wanted
    name: str
    rows: list[dict[str, Any]]
