"""Lists of objects, completed a field at a time for all of them: one by one, each field of each costs 20 µs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import graphql
import numpy as np
from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo, OperationType
from graphql.execution.values import get_argument_values
from strawberry.schema.schema_converter import get_arguments
from strawberry.types.field import StrawberryField

from schema.passing import ColumnPassing

LEAST = 2
"""Objects in a list from which on it is worth it."""

_AS_IT_IS: dict[graphql.GraphQLNamedType, type] = {
    graphql.GraphQLString: str,
    graphql.GraphQLID: str,
    graphql.GraphQLBoolean: bool,
}


class _NotThisWay(Exception):
    """The plain executor completes this list: something in it is wrong or of a kind that is not known here."""


class BreadthFirst(ColumnPassing):
    """For `strawberry.Schema(execution_context_class=...)`: the same answers as from the plain executor, sooner.

    Whatever goes wrong on the way, the list is completed again by the plain executor, which says what and where; keys
    that loaders have answered, also with an error, are not read a second time. Mutations, whose fields may not be
    asked twice, and lists of interfaces and unions are left to it from the start.
    """

    def complete_list_value(
        self,
        return_type: graphql.GraphQLList[graphql.GraphQLOutputType],
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        def plainly() -> Any:
            return super(BreadthFirst, self).complete_list_value(
                return_type, field_details_list, info, path, result, position_context
            )

        if self.operation.operation is not OperationType.QUERY or not _is_list_of_objects(return_type.of_type, result):
            return plainly()

        async def completed() -> Any:
            try:
                return await self._column(return_type.of_type, field_details_list, info, path, result)
            except Exception:
                again = plainly()
                return await again if self.is_awaitable(again) else again

        return completed()

    async def _column(
        self, declared: Any, details: Any, info: GraphQLResolveInfo[Any], path: Any, values: Sequence[Any]
    ) -> list[Any]:
        """What became of one field of many objects, completed."""
        kind = graphql.get_nullable_type(declared)
        if kind is not declared and any(value is None for value in values):
            raise _NotThisWay
        if graphql.is_leaf_type(kind):
            return self._leaves(kind, values)
        if graphql.is_list_type(kind):
            return await self._lists(kind, details, info, path, values)
        if isinstance(kind, GraphQLObjectType):
            return await self._objects(kind, details, info, path, values)
        raise _NotThisWay

    def _leaves(self, kind: Any, values: Sequence[Any]) -> list[Any]:
        if set(map(type, values)) == {_AS_IT_IS.get(kind)}:
            return list(values)
        complete = self.complete_leaf_value
        return [None if value is None else complete(kind, value) for value in values]

    async def _lists(
        self, kind: Any, details: Any, info: GraphQLResolveInfo[Any], path: Any, values: Sequence[Any]
    ) -> list[Any]:
        """All lists as one, which is cut again; columns of numbers go through whole."""
        if any(isinstance(value, np.ndarray) for value in values):
            complete = super().complete_list_value
            return [None if value is None else complete(kind, details, info, path, value, None) for value in values]
        if not all(value is None or isinstance(value, list | tuple) for value in values):
            raise _NotThisWay
        items = await self._column(
            kind.of_type, details, info, path, list(chain.from_iterable(value or () for value in values))
        )
        answer, at = [], 0
        for value in values:
            answer.append(None if value is None else items[at : at + len(value)])
            at += len(value or ())
        return answer

    async def _objects(
        self, kind: GraphQLObjectType, details: Any, info: GraphQLResolveInfo[Any], path: Any, values: Sequence[Any]
    ) -> list[Any]:
        """A dict each; one that is there many times is completed once."""
        different = {id(value): value for value in values if value is not None}
        sources = list(different.values())
        if kind.is_type_of and not all(kind.is_type_of(source, info) is True for source in sources):
            raise _NotThisWay
        fields, deferred, _ = self.collect_subfields(kind, details)
        if deferred:
            raise _NotThisWay
        columns = await self._fields(kind, fields, path, sources)
        rows = zip(*columns.values(), strict=True) if columns else (() for _ in sources)
        done = dict(zip(different, (dict(zip(columns, row, strict=True)) for row in rows), strict=True))
        return [None if value is None else done[id(value)] for value in values]

    async def _fields(
        self, kind: GraphQLObjectType, fields: Any, path: Any, sources: Sequence[Any]
    ) -> dict[str, list[Any]]:
        """Every resolver is called before anything is awaited, so that loaders gather the keys of all fields."""
        columns: dict[str, Any] = {}
        waiting: dict[str, Awaitable[list[Any]]] = {}
        try:
            for name, details in fields.items():
                field = self.schema.get_field(kind, details[0].node.name.value)
                if field is None:
                    continue
                nodes = [each.node for each in details]
                info = self.build_resolve_info(field, nodes, kind, path)
                values = self._resolved(field, details[0], info, sources)
                columns[name] = None
                ready = not any(map(self.is_awaitable, values))
                if ready and graphql.is_leaf_type(graphql.get_named_type(field.type)):
                    columns[name] = await self._column(field.type, details, info, path, values)
                else:
                    waiting[name] = self._awaited(field, details, info, path, values)
        except BaseException:
            for each in waiting.values():
                each.close()  # type: ignore[attr-defined]
            raise
        found = await asyncio.gather(*waiting.values(), return_exceptions=True)
        for name, column in zip(waiting, found, strict=True):
            if isinstance(column, BaseException):
                raise column
            columns[name] = column
        return columns

    async def _awaited(
        self, field: GraphQLField, details: Any, info: GraphQLResolveInfo[Any], path: Any, values: list[Any]
    ) -> list[Any]:
        if all(map(asyncio.isfuture, values)):
            # A loader answers all at once: after the first, the others are there.
            return await self._column(field.type, details, info, path, [await each for each in values])
        places = [place for place, value in enumerate(values) if self.is_awaitable(value)]
        found = await asyncio.gather(*(values[place] for place in places), return_exceptions=True)
        for place, value in zip(places, found, strict=True):
            if isinstance(value, BaseException):
                raise value
            values[place] = value
        return await self._column(field.type, details, info, path, values)

    def _resolved(
        self, field: GraphQLField, details: Any, info: GraphQLResolveInfo[Any], sources: Sequence[Any]
    ) -> list[Any]:
        """The resolver's answers, awaitable or not; arguments are converted once."""
        declared: StrawberryField | None = field.extensions.get("strawberry-definition")
        if declared is not None and declared.is_basic_field:
            return list(map(attrgetter(declared.python_name), sources))
        arguments = {}
        if field.args or details.node.arguments:
            arguments = get_argument_values(
                field, details.node, self.variable_values, details.fragment_variable_values, self.hide_suggestions
            )
        resolve: Callable[..., Any] = field.resolve or self.field_resolver
        if declared is None or declared.extensions or declared.base_resolver is None:
            return [resolve(source, info, **arguments) for source in sources]
        schema = self.schema._strawberry_schema  # type: ignore[attr-defined]
        placed, named = get_arguments(
            field=declared,
            source=None,
            info=schema.config.info_class(_raw_info=info, _field=declared),
            kwargs=arguments,
            config=schema.config,
            scalar_registry=schema.schema_converter.scalar_registry,
        )
        root = declared.base_resolver.parent_parameter or declared.base_resolver.root_parameter
        if placed or root is None:
            return [resolve(source, info, **arguments) for source in sources]
        function = declared.base_resolver
        return [function(**{**named, root.name: source}) for source in sources]


def _is_list_of_objects(declared: Any, result: Any) -> bool:
    kind = graphql.get_nullable_type(declared)
    return isinstance(result, list) and len(result) >= LEAST and isinstance(kind, GraphQLObjectType)
