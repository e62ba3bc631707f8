"""What a query may cost before anything is resolved: counted once, refused before the standard rules see it."""

import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from graphlib import CycleError, TopologicalSorter
from math import comb
from typing import Any, Final, NamedTuple

import graphql
from graphql import ASTValidationRule, DocumentNode, FragmentDefinitionNode, GraphQLError, OperationDefinitionNode
from strawberry import Schema
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document
from strawberry.types import ExecutionContext

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"

Executable = OperationDefinitionNode | FragmentDefinitionNode
Question = tuple[Schema, tuple[type[ASTValidationRule], ...], str]

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


class DocumentCache:
    """Documents that were parsed and found valid, the least used dropped first; `hits` and `misses` are for metrics.

    A parsed document takes 100 to 280 bytes a character: the total is bounded as well as the number of entries.
    """

    def __init__(self, documents: int = 500, characters: int = 500_000, longest: int = 20_000) -> None:
        self.hits = self.misses = self.characters = 0
        self._documents, self._characters, self._longest = documents, characters, longest
        self._kept: OrderedDict[Question, DocumentNode] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, question: Question) -> DocumentNode | None:
        document = self._kept.get(question)
        if document is None:
            self.misses += 1
        else:
            self.hits += 1
            self._kept.move_to_end(question)
        return document

    def keep(self, question: Question, document: DocumentNode) -> None:
        length = len(question[2])
        if length > self._longest or question in self._kept:
            return
        self._kept[question] = document
        self.characters += length
        while len(self._kept) > self._documents or self.characters > self._characters:
            (*_, dropped), _ = self._kept.popitem(last=False)
            self.characters -= len(dropped)


class QueryGate(SchemaExtension):
    """Parses and validates in Strawberry's place: limits first, the standard rules only within them.

    A hook that raised would end a web socket, so a text that cannot be parsed is stood in for by an empty operation
    and its errors go out the way validation errors do.
    """

    def __init__(self, limits: QueryLimits, rule: type[ASTValidationRule], documents: DocumentCache) -> None:
        self.limits, self.rule, self.documents = limits, rule, documents
        self.question: Question | None = None

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        if context.graphql_document is None and context.query:
            self.question = (context.schema, context.validation_rules, context.query)
            known = self.documents.find(self.question)
            context.pre_execution_errors = [] if known else None
            context.graphql_document = known or self._read(context, context.query)
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        if context.pre_execution_errors is None and context.graphql_document is not None:
            context.pre_execution_errors = self._check(context, context.graphql_document)
            if self.question and not context.pre_execution_errors:
                self.documents.keep(self.question, context.graphql_document)
        yield

    def _read(self, context: ExecutionContext, text: str) -> DocumentNode:
        refusal = refusal_unread(text, self.limits)
        if refusal is None:
            try:
                return graphql.parse(text)
            except GraphQLError as error:
                refusal = error
        context.pre_execution_errors = coded([refusal], PARSE_FAILED)
        return _stand_in(context)

    def _check(self, context: ExecutionContext, document: DocumentNode) -> list[GraphQLError]:
        schema = context.schema._schema
        errors = graphql.validate(schema, document, (self.rule, graphql.NoFragmentCyclesRule))
        return coded(errors or validate_document(schema, document, context.validation_rules), VALIDATION_FAILED)


def extensions(limits: QueryLimits, documents: DocumentCache | None = None) -> list[Callable[[], SchemaExtension]]:
    """For `strawberry.Schema(extensions=...)`: rule and cache are made once, here, and serve every request."""
    return [partial(QueryGate, limits, limit_rule(limits), DocumentCache() if documents is None else documents)]


def coded(errors: list[GraphQLError], code: str) -> list[GraphQLError]:
    """The same errors, each with a code; one that has its own keeps it."""
    for error in errors:
        error.extensions = {"code": code, **(error.extensions or {})}
    return errors


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


def _stand_in(context: ExecutionContext) -> DocumentNode:
    """An operation of a kind and name that Strawberry's checks between parsing and validation let through."""
    name = graphql.NameNode(value=context.operation_name) if context.operation_name else None
    kind = graphql.OperationType(next(iter(context.allowed_operations)).value)
    empty = graphql.SelectionSetNode(selections=())
    return DocumentNode(definitions=(OperationDefinitionNode(operation=kind, name=name, selection_set=empty),))
