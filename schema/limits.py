"""What a query may cost before anything is resolved: counted once, refused before the standard rules see it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from graphlib import CycleError, TopologicalSorter
from math import comb
from typing import Any, Final, NamedTuple

import graphql
from graphql import ASTValidationRule, DocumentNode, FragmentDefinitionNode, GraphQLError, OperationDefinitionNode

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"

Executable = OperationDefinitionNode | FragmentDefinitionNode

# Possessive, and every alternative keeps what it has taken: one pass over any text, unclosed strings included.
_TOKEN: Final = re.compile(
    r'"""(?:[^"\\]++|\\"""|\\|"(?!""))*+(?:""")?'
    r'|"(?:[^"\\\r\n]++|\\.)*+"?'
    r"|\#[^\r\n]*+|[_A-Za-z][_A-Za-z0-9]*+|\.\.\.|[-+0-9][-+.0-9A-Za-z]*+"
    r"|[^\s,\ufeff]"
)
_WORDS: Final = {
    "depth": ("is more than {} fields deep", "Follow fewer links at once, and ask on from where you arrive."),
    "aliases": ("has more than {} aliases", "Ask for many things by list, or in several requests."),
    "fields": ("selects more than {} fields", "Select fewer fields, or ask in several requests."),
    "directives": ("has more than {} directives", "Leave out what is not wanted instead of skipping it."),
    "tokens": ("has more than {} tokens", "Pass long lists as variables, or ask in several requests."),
    "characters": ("is longer than {} characters", "Pass long values as variables, or ask in several requests."),
    "nesting": ("opens more than {} brackets within each other", "Nest less; pass deep values as variables."),
    "overlaps": ("repeats fields: more than {} pairs of one name at one place", "Select each field once."),
}


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The most that one document may ask for, over all of its operations, each fragment counted wherever it is spread.

    GraphiQL's introspection is 15 levels deep. `overlaps` are pairs of fields that answer to one name at one place:
    the standard rule on merging compares each pair, a few microseconds apiece, on the only event loop.
    """

    depth: int = 20
    aliases: int = 100
    fields: int = 2_000
    directives: int = 50
    tokens: int = 10_000
    characters: int = 100_000
    overlaps: int = 10_000


class Weight(NamedTuple):
    depth: int = 0
    aliases: int = 0
    fields: int = 0
    directives: int = 0
    characters: int = 0

    def beside(self, other: "Weight", level: int = 0) -> "Weight":
        """Both in one document, the other one `level` fields deep."""
        sums = (mine + its for mine, its in zip(self[1:], other[1:], strict=True))
        return Weight(max(self.depth, level + other.depth), *sums)


class Piece(NamedTuple):
    """An operation or a fragment by itself, and what it spreads at which depth."""

    own: Weight
    spreads: list[tuple[str, int]]

    def written_out(self, fragments: Mapping[str, Weight]) -> Weight:
        whole = self.own
        for name, level in self.spreads:
            whole = whole.beside(fragments.get(name, Weight()), level)
        return whole


def limit_rule(limits: QueryLimits) -> type[ASTValidationRule]:
    """A rule for `graphql.validate`; make it once, for caches tell rules apart by identity."""

    class QueryLimitRule(graphql.ValidationRule):
        def enter_document(self, node: DocumentNode, *_: Any) -> graphql.VisitorAction:
            for error in excess(node, limits):
                self.report_error(error)
            return graphql.SKIP

    return QueryLimitRule


def refusal_unread(text: str, limits: QueryLimits) -> GraphQLError | None:
    """Refuses what shows without parsing, which takes ten times as long; a colon outside of parentheses is an alias."""
    if len(text) > limits.characters:
        return _refusal("characters", limits.characters, PARSE_FAILED)
    nesting = 5 * limits.depth
    aliases = directives = level = parentheses = 0
    for tokens, match in enumerate(_TOKEN.finditer(text), start=1):
        mark = match[0]
        level += (mark in "([{") - (mark in ")]}")
        parentheses += (mark == "(") - (mark == ")")
        directives += mark == "@"
        aliases += mark == ":" and parentheses == 0
        if level > nesting:
            return _refusal("nesting", nesting, PARSE_FAILED)
        if tokens > limits.tokens:
            return _refusal("tokens", limits.tokens, PARSE_FAILED)
    return next(_overweight(Weight(aliases=aliases, directives=directives), limits), None)


def excess(document: DocumentNode, limits: QueryLimits) -> Iterator[GraphQLError]:
    """One error for each limit that the document exceeds; none where fragments form a cycle, which has its own rule."""
    definitions = [node for node in document.definitions if isinstance(node, Executable)]
    fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
    pieces = {id(node): _piece(node) for node in definitions}
    spreads = {name: [spread for spread, _ in pieces[id(node)].spreads] for name, node in fragments.items()}
    try:
        order = [name for name in TopologicalSorter(spreads).static_order() if name in fragments]
    except CycleError:
        return
    whole: dict[str, Weight] = {}
    for name in order:
        whole[name] = pieces[id(fragments[name])].written_out(whole)
    # A fragment that nothing spreads, or that shares its name, costs validation all the same.
    used = {id(fragments.get(name)) for piece in pieces.values() for name, _ in piece.spreads}
    roots = [node for node in definitions if id(node) not in used]
    total = reduce(Weight.beside, (pieces[id(node)].written_out(whole) for node in roots), Weight())
    errors = list(_overweight(total, limits))
    yield from errors
    # Counting the pairs writes fragments out, which is affordable only within the limits above.
    if not errors and sum(_overlaps(node, fragments, limits.overlaps) for node in roots) > limits.overlaps:
        yield _refusal("overlaps", limits.overlaps, VALIDATION_FAILED)


def _piece(definition: Executable) -> Piece:
    depth = aliases = fields = 0
    variables = definition.variable_definitions or ()
    directives = len(definition.directives or ()) + sum(len(variable.directives or ()) for variable in variables)
    spreads: list[tuple[str, int]] = []
    pending = [(definition.selection_set, 0)]
    while pending:
        selected, above = pending.pop()
        for node in selected.selections:
            directives += len(node.directives or ())
            if isinstance(node, graphql.FragmentSpreadNode):
                spreads.append((node.name.value, above))
            elif isinstance(node, graphql.InlineFragmentNode):
                pending.append((node.selection_set, above))
            elif isinstance(node, graphql.FieldNode):
                fields += 1
                aliases += node.alias is not None
                depth = max(depth, above + 1)
                if node.selection_set:
                    pending.append((node.selection_set, above + 1))
    characters = definition.loc.end - definition.loc.start if definition.loc else 0
    return Piece(Weight(depth, aliases, fields, directives, characters), spreads)


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


def _overweight(weight: Weight, limits: QueryLimits) -> Iterator[GraphQLError]:
    for what, amount in weight._asdict().items():
        if amount > getattr(limits, what):
            yield _refusal(what, getattr(limits, what), VALIDATION_FAILED)


def _refusal(what: str, limit: int, code: str) -> GraphQLError:
    message, hint = _WORDS[what]
    return GraphQLError(f"The query {message.format(f'{limit:,}')}.", extensions={"code": code, "hint": hint})
