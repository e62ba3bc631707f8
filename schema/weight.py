"""What a query weighs before anything is resolved: counted once a document, ahead of the standard rules."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import reduce
from graphlib import CycleError, TopologicalSorter
from math import comb
from typing import Any, Final, NamedTuple

import graphql
from graphql import ASTValidationRule, DocumentNode, FragmentDefinitionNode, GraphQLError, OperationDefinitionNode

from schema.limits import VALIDATION_FAILED, QueryLimits, refusal

Executable = OperationDefinitionNode | FragmentDefinitionNode

_OF_THE_SCHEMA: Final = ("__schema", "__type")


class Weight(NamedTuple):
    depth: int = 0
    aliases: int = 0
    fields: int = 0
    directives: int = 0
    introspection: int = 0
    characters: int = 0

    def beside(self, other: "Weight", level: int = 0, *, in_schema: bool = False) -> "Weight":
        """Both in one document, the other one `level` fields deep, within `__schema` or `__type` or not."""
        if in_schema:
            other = other._replace(introspection=other.fields)
        sums = (mine + its for mine, its in zip(self[1:], other[1:], strict=True))
        return Weight(max(self.depth, level + other.depth), *sums)


class Spread(NamedTuple):
    """A fragment that is spread so many fields deep, within `__schema` or `__type` or not."""

    name: str
    level: int
    in_schema: bool


class Piece(NamedTuple):
    """An operation or a fragment by itself, and what it spreads."""

    own: Weight
    spreads: list[Spread]

    def written_out(self, fragments: Mapping[str, Weight]) -> Weight:
        whole = self.own
        for spread in self.spreads:
            whole = whole.beside(fragments.get(spread.name, Weight()), spread.level, in_schema=spread.in_schema)
        return whole


def limit_rule(limits: QueryLimits) -> type[ASTValidationRule]:
    """A rule for `graphql.validate`; make it once, for caches tell rules apart by identity."""

    class QueryLimitRule(graphql.ValidationRule):
        def enter_document(self, node: DocumentNode, *_: Any) -> graphql.VisitorAction:
            for error in excess(node, limits):
                self.report_error(error)
            return graphql.SKIP

    return QueryLimitRule


def excess(document: DocumentNode, limits: QueryLimits) -> Iterator[GraphQLError]:
    """One error for each limit that the document exceeds, or one for fragments that spread each other in a circle."""
    definitions = [node for node in document.definitions if isinstance(node, Executable)]
    fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
    pieces = {id(node): _piece(node) for node in definitions}
    spreads = {name: [spread.name for spread in pieces[id(node)].spreads] for name, node in fragments.items()}
    try:
        order = [name for name in TopologicalSorter(spreads).static_order() if name in fragments]
    except CycleError as error:
        yield _circle(error.args[1])
        return
    whole: dict[str, Weight] = {}
    for name in order:
        whole[name] = pieces[id(fragments[name])].written_out(whole)
    # A fragment that nothing spreads, or that shares its name, costs validation all the same.
    used = {id(fragments.get(spread.name)) for piece in pieces.values() for spread in piece.spreads}
    roots = [node for node in definitions if id(node) not in used]
    total = reduce(Weight.beside, (pieces[id(node)].written_out(whole) for node in roots), Weight())
    errors = [refusal(what, limits) for what, amount in total._asdict().items() if amount > getattr(limits, what)]
    yield from errors
    # Counting the pairs writes fragments out, which is affordable only within the limits above.
    if not errors and sum(_overlaps(node, fragments, limits.overlaps) for node in roots) > limits.overlaps:
        yield refusal("overlaps", limits)


def _piece(definition: Executable) -> Piece:
    depth = aliases = fields = introspection = 0
    variables = definition.variable_definitions or ()
    directives = len(definition.directives or ()) + sum(len(variable.directives or ()) for variable in variables)
    spreads: list[Spread] = []
    pending = [(definition.selection_set, 0, False)]
    while pending:
        selected, above, in_schema = pending.pop()
        for node in selected.selections:
            directives += len(node.directives or ())
            if isinstance(node, graphql.FragmentSpreadNode):
                spreads.append(Spread(node.name.value, above, in_schema))
            elif isinstance(node, graphql.InlineFragmentNode):
                pending.append((node.selection_set, above, in_schema))
            elif isinstance(node, graphql.FieldNode):
                of_schema = in_schema or node.name.value in _OF_THE_SCHEMA
                fields += 1
                aliases += node.alias is not None
                introspection += of_schema
                depth = max(depth, above + 1)
                if node.selection_set:
                    pending.append((node.selection_set, above + 1, of_schema))
    characters = definition.loc.end - definition.loc.start if definition.loc else 0
    return Piece(Weight(depth, aliases, fields, directives, introspection, characters), spreads)


def _circle(names: list[str]) -> GraphQLError:
    """`names` is a way from a fragment back to itself; it may be as long as the query."""
    name, *through = names[:-1]
    via = f" via {', '.join(map(repr, through[:5]))}{', ...' if through[5:] else ''}" if through else ""
    hint = "Write out as many levels as are needed."
    return GraphQLError(
        f"Cannot spread fragment {name!r} within itself{via}.", extensions={"code": VALIDATION_FAILED, "hint": hint}
    )


def _overlaps(root: Executable, fragments: Mapping[str, FragmentDefinitionNode], limit: int) -> int:
    """Pairs of fields that answer to one name at one place, and of fragments spread there; stops past the limit."""
    pairs = 0
    places = [[root.selection_set]]
    while places and pairs <= limit:
        pending = places.pop()
        names: Counter[str] = Counter()
        within: defaultdict[str, list[graphql.SelectionSetNode]] = defaultdict(list)
        spread: set[str] = set()
        while pending:
            for node in pending.pop().selections:
                if isinstance(node, graphql.InlineFragmentNode):
                    pending.append(node.selection_set)
                elif isinstance(node, graphql.FragmentSpreadNode):
                    if node.name.value in fragments and node.name.value not in spread:
                        pending.append(fragments[node.name.value].selection_set)
                    spread.add(node.name.value)
                elif isinstance(node, graphql.FieldNode):
                    name = (node.alias or node.name).value
                    names[name] += 1
                    if node.selection_set:
                        within[name].append(node.selection_set)
        pairs += sum(comb(count, 2) for count in names.values()) + comb(len(spread), 2)
        places.extend(within.values())
    return pairs
