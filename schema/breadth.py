"""Lists of objects, completed a field at a time for all of them: one by one, each field of each costs 20 µs."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from itertools import chain
from math import isfinite
from operator import attrgetter
from types import NoneType
from typing import Any, cast

import graphql
import numpy as np
from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo, OperationType
from graphql.execution.values import get_argument_values
from strawberry.schema.schema_converter import get_arguments
from strawberry.types.field import StrawberryField

from schema.passing import ColumnPassing
from schema.texts import Texts, is_in_columns, objects_of
from schema.wanted import MANY, Hole, Wanted

_AS_IT_IS: dict[graphql.GraphQLNamedType, type] = {
    graphql.GraphQLString: str,
    graphql.GraphQLID: str,
    graphql.GraphQLBoolean: bool,
}
_REPEATED = (Enum, datetime, timedelta, NoneType)
"""Of these there are few different ones in a column: each is written once."""


class _NotThisWay(Exception):
    """The plain executor completes this list: something in it is wrong or of a kind that is not known here."""


class BreadthFirst(ColumnPassing):
    """For `strawberry.Schema(execution_context_class=...)`: the same answers as from the plain executor, sooner.

    Whatever goes wrong on the way, the list is completed again by the plain executor, which says what and where; keys
    that loaders have answered, also with an error, are not read a second time. Mutations, whose fields may not be
    asked twice, and lists of interfaces and unions are left to it from the start. `holes` are what was answered that
    tells of more than the catalog; None where not all of that is known.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.holes: list[Hole] | None = []

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
                return await self._column(return_type.of_type, field_details_list, info, path, result, False)
            except Exception:
                self.holes = None
                again = plainly()
                return await again if self.is_awaitable(again) else again

        return completed()

    async def _column(
        self, declared: Any, details: Any, info: GraphQLResolveInfo[Any], path: Any, values: Sequence[Any], inside: bool
    ) -> list[Any]:
        """What became of one field of many objects, completed; `inside` of what tells of more than the catalog."""
        kind = graphql.get_nullable_type(declared)
        if is_in_columns(values):
            fields = self._selected(kind, details)
            written = objects_of(values, declared, {name: field for name, (field, _) in fields.items()})
            if written is None:
                raise _NotThisWay
            return written
        if graphql.is_leaf_type(kind):
            return self._leaves(declared, values)
        _check_nulls(declared, values)
        if graphql.is_list_type(kind):
            return await self._lists(kind, details, info, path, values, inside)
        if isinstance(kind, GraphQLObjectType):
            return await self._objects(kind, details, info, path, values, inside)
        raise _NotThisWay

    def _leaves(self, declared: Any, values: Sequence[Any]) -> list[Any]:
        _check_nulls(declared, values)
        kind = graphql.get_nullable_type(declared)
        kinds, complete = set(map(type, values)), self.complete_leaf_value
        if kinds == {_AS_IT_IS.get(kind)}:
            return list(values)
        if kind is graphql.GraphQLFloat and kinds <= {float, NoneType}:
            if all(value is None or isfinite(value) for value in values):
                return list(values)
        elif all(issubclass(each, _REPEATED) for each in kinds):
            written = {value: None if value is None else complete(kind, value) for value in set(values)}
            return [written[value] for value in values]
        return [None if value is None else complete(kind, value) for value in values]

    async def _lists(
        self, kind: Any, details: Any, info: GraphQLResolveInfo[Any], path: Any, values: Sequence[Any], inside: bool
    ) -> list[Any]:
        """All lists as one, which is cut again; columns of numbers go through whole."""
        if any(isinstance(value, np.ndarray) for value in values):
            complete = super().complete_list_value
            return [None if value is None else complete(kind, details, info, path, value, None) for value in values]
        if not all(value is None or isinstance(value, list | tuple) for value in values):
            raise _NotThisWay
        items = await self._column(
            kind.of_type, details, info, path, list(chain.from_iterable(value or () for value in values)), inside
        )
        answer, at = [], 0
        for value in values:
            answer.append(None if value is None else items[at : at + len(value)])
            at += len(value or ())
        return answer

    async def _objects(
        self,
        kind: GraphQLObjectType,
        details: Any,
        info: GraphQLResolveInfo[Any],
        path: Any,
        values: Sequence[Any],
        inside: bool,
    ) -> list[Any]:
        """A dict each; one that is there many times is completed once."""
        different = {id(value): value for value in values if value is not None}
        sources = list(different.values())
        if kind.is_type_of and not all(kind.is_type_of(source, info) is True for source in sources):
            raise _NotThisWay
        wanted = {
            name: Wanted(kind, field, each, path, sources)
            for name, (field, each) in self._selected(kind, details).items()
        }
        columns = await self.columns(list(wanted.values()), inside)
        parts = [column.fragments() if isinstance(column, Texts) else column for column in columns]
        rows = zip(*parts, strict=True) if parts else (() for _ in sources)
        done = dict(zip(different, (dict(zip(wanted, row, strict=True)) for row in rows), strict=True))
        if self.holes is not None and not inside:
            filled = list(done.values())
            self.holes += [Hole(each, name, filled) for name, each in wanted.items() if not each.is_of_catalog]
        return [None if value is None else done[id(value)] for value in values]

    def _selected(self, kind: GraphQLObjectType, details: Any) -> dict[str, tuple[GraphQLField, Any]]:
        """The fields that are asked for, by the names that they have in the answer."""
        fields, deferred, _ = self.collect_subfields(kind, details)
        if deferred:
            raise _NotThisWay
        return {
            name: (field, each)
            for name, each in fields.items()
            if (field := self.schema.get_field(kind, each[0].node.name.value)) is not None
        }

    async def columns(self, wanted: Sequence[Wanted], inside: bool) -> list[list[Any]]:
        """The answers of several fields, completed. Every resolver is called before anything is awaited, so that
        loaders gather the keys of all fields."""
        columns: list[Any] = []
        waiting: list[Coroutine[Any, Any, list[Any]]] = []
        asked: list[tuple[GraphQLResolveInfo[Any], Any]] = []
        try:
            for each in wanted:
                nodes = [details.node for details in each.details]
                info = self.build_resolve_info(each.field, nodes, each.kind, each.path)
                asked.append((info, self._resolved(each, info)))
            for each, (info, values) in zip(wanted, asked, strict=True):
                if graphql.is_leaf_type(graphql.get_nullable_type(each.field.type)) and not _waits(values):
                    columns.append(self._leaves(each.field.type, values))
                else:
                    waiting.append(self._awaited(each, info, values, inside or not each.is_of_catalog))
                    columns.append(None)
        except BaseException:
            _close(waiting)
            for _, values in asked:
                _close(values if isinstance(values, list) else [values])
            raise
        found = iter(await asyncio.gather(*waiting, return_exceptions=True))
        columns = [next(found) if column is None else column for column in columns]
        for column in columns:
            if isinstance(column, BaseException):
                raise column
        return columns

    async def _awaited(
        self, wanted: Wanted, info: GraphQLResolveInfo[Any], values: list[Any] | Awaitable[Any], inside: bool
    ) -> list[Any]:
        if not isinstance(values, list):
            return await self._column(wanted.field.type, wanted.details, info, wanted.path, await values, inside)
        if all(map(asyncio.isfuture, values)):
            # A loader answers all at once: after the first, the others are there.
            values = [await each for each in values]
        elif _waits(values):
            places = [place for place, value in enumerate(values) if self.is_awaitable(value)]
            found = await asyncio.gather(*(values[place] for place in places), return_exceptions=True)
            for place, value in zip(places, found, strict=True):
                if isinstance(value, BaseException):
                    raise value
                values[place] = value
        return await self._column(wanted.field.type, wanted.details, info, wanted.path, values, inside)

    def _resolved(self, wanted: Wanted, info: GraphQLResolveInfo[Any]) -> list[Any] | Awaitable[Any]:
        """The resolver's answers; arguments are converted once."""
        field, details, sources = wanted.field, wanted.details[0], wanted.sources
        declared: StrawberryField | None = field.extensions.get("strawberry-definition")
        if declared is not None and declared.is_basic_field:
            return list(map(attrgetter(declared.python_name), sources))
        schema = self.schema._strawberry_schema  # type: ignore[attr-defined]
        if declared is not None and (many := declared.metadata.get(MANY)) is not None:
            own = schema.config.info_class(_raw_info=info, _field=declared)
            if wanted.prepared is None:
                wanted.prepared = many.prepare(sources, own)
            return cast("Awaitable[Any]", many.ask(wanted.prepared, own))
        arguments = {}
        if field.args or details.node.arguments:
            arguments = get_argument_values(
                field, details.node, self.variable_values, details.fragment_variable_values, self.hide_suggestions
            )
        resolve: Callable[..., Any] = field.resolve or self.field_resolver
        if declared is None or declared.extensions or declared.base_resolver is None:
            return [resolve(source, info, **arguments) for source in sources]
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
        function = cast("Callable[..., Any]", declared.base_resolver.wrapped_func)
        return [function(**{**named, root.name: source}) for source in sources]


def _is_list_of_objects(declared: Any, result: Any) -> bool:
    kind = graphql.get_nullable_type(declared)
    return isinstance(result, list) and bool(result) and isinstance(kind, GraphQLObjectType)


def _waits(values: Any) -> bool:
    """By their types, of which there are few."""
    return not isinstance(values, list) or any(hasattr(kind, "__await__") for kind in set(map(type, values)))


def _check_nulls(declared: Any, values: Sequence[Any]) -> None:
    if graphql.is_non_null_type(declared) and any(value is None for value in values):
        raise _NotThisWay


def _close(unasked: Iterable[Any]) -> None:
    for each in unasked:
        if asyncio.iscoroutine(each):
            each.close()
