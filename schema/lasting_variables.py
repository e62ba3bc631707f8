"""Which variables decide what a request asks of the catalog: those that only fields of readings look at do not."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import graphql
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
)

from schema.lasting import is_of_catalog

Fragments = Mapping[str, FragmentDefinitionNode]


def catalog_variables(schema: GraphQLSchema, asked: OperationDefinitionNode, fragments: Fragments) -> frozenset[str]:
    """Their names; of a document that was found valid."""
    return frozenset(_below(schema, schema.get_root_type(asked.operation), asked, fragments))


def _below(schema: GraphQLSchema, kind: Any, holder: Any, fragments: Fragments) -> Iterator[str]:
    """Of the directives of whatever holds a selection, and of the selection."""
    yield from _named_in(holder.directives or ())
    for each in holder.selection_set.selections if holder.selection_set else ():
        yield from _of_selection(schema, kind, each, fragments)


def _of_selection(schema: GraphQLSchema, kind: Any, selection: SelectionNode, fragments: Fragments) -> Iterator[str]:
    if isinstance(selection, FieldNode):
        field = schema.get_field(kind, selection.name.value)
        if field is not None and is_of_catalog(field):
            yield from _named_in(selection.arguments or ())
            yield from _below(schema, graphql.get_named_type(field.type), selection, fragments)
        else:
            yield from _named_in(selection.directives or ())
    elif isinstance(selection, InlineFragmentNode):
        named = selection.type_condition
        yield from _below(schema, schema.get_type(named.name.value) if named else kind, selection, fragments)
    elif isinstance(selection, FragmentSpreadNode):
        yield from _named_in(selection.directives or ())
        fragment = fragments[selection.name.value]
        yield from _below(schema, schema.get_type(fragment.type_condition.name.value), fragment, fragments)


def _named_in(nodes: Iterable[Node]) -> Iterator[str]:
    noting = _Noting()
    for node in nodes:
        graphql.visit(node, noting)
    yield from noting.names


class _Noting(graphql.Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_variable(self, node: graphql.VariableNode, *_: Any) -> None:
        self.names.append(node.name.value)
