"""Documents on their way to execution: parsed and validated once, within the limits, and remembered."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial

import graphql
from graphql import ASTValidationRule, DocumentNode, GraphQLError, OperationDefinitionNode
from strawberry import Schema
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types import ExecutionContext

from schema.limits import PARSE_FAILED, VALIDATION_FAILED, QueryLimits
from schema.listed import ListedDocuments
from schema.unread import refusal_of_given, refusal_unread
from schema.weight import limit_rule

MOST_ERRORS = 20
"""Each may cost a search for names that are alike."""

Question = tuple[Schema, tuple[type[ASTValidationRule], ...], str]


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

    A hook that raised would end a web socket, so a text that cannot be parsed, or in which it is not clear what to
    run, is stood in for by an empty operation and its errors go out the way validation errors do.
    """

    def __init__(
        self,
        limits: QueryLimits,
        rule: type[ASTValidationRule],
        documents: DocumentCache,
        listed: ListedDocuments | None,
    ) -> None:
        self.limits, self.rule, self.documents, self.listed = limits, rule, documents, listed
        self.question: Question | None = None

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        if refusal := refusal_of_given(context.variables, self.limits):
            context.pre_execution_errors = [refusal]
            context.graphql_document = _stand_in(context)
        elif context.graphql_document is None and context.query:
            self.question = (context.schema, context.validation_rules, context.query)
            known = self.documents.find(self.question)
            context.pre_execution_errors = [] if known else None
            document = known or self._read(context, context.query)
            context.graphql_document = self._chosen(context, document)
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
        if refusal is None and self.listed is not None:
            refusal = self.listed.refusal(text)
        if refusal is None:
            try:
                return graphql.parse(text)
            except GraphQLError as error:
                refusal = error
        context.pre_execution_errors = coded([refusal], PARSE_FAILED)
        return _stand_in(context)

    def _chosen(self, context: ExecutionContext, document: DocumentNode) -> DocumentNode:
        """Strawberry would run the first of several operations; the specification wants the asker to choose."""
        wanted = context.operation_name  # before the context has a document, this is the name that was asked for
        if refusal := refusal_unclear(document, wanted):
            context.pre_execution_errors = coded([refusal], VALIDATION_FAILED)
            return _stand_in(context)
        return document

    def _check(self, context: ExecutionContext, document: DocumentNode) -> list[GraphQLError]:
        schema = context.schema._schema
        rules = (*context.validation_rules, MaybeNullValidationRule, OneOfInputValidationRule)
        errors = graphql.validate(schema, document, (self.rule,)) or graphql.validate(
            schema, document, rules, MOST_ERRORS, hide_suggestions=self.limits.introspection == 0
        )
        return coded(errors, VALIDATION_FAILED)


def extensions(
    limits: QueryLimits, documents: DocumentCache | None = None, listed: ListedDocuments | None = None
) -> list[Callable[[], SchemaExtension]]:
    """For `strawberry.Schema(extensions=...)`: rule and cache are made once, here, and serve every request.

    Where there is a list, nothing else runs, over whichever transport it comes.
    """
    cache = DocumentCache() if documents is None else documents
    return [partial(QueryGate, limits, limit_rule(limits), cache, listed)]


def refusal_unclear(document: DocumentNode, wanted: str | None) -> GraphQLError | None:
    """Refuses a document where the name of an operation is needed and not given, or given and not there."""
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    names = [each.name.value for each in operations if each.name]
    if (wanted in names) if wanted else len(operations) == 1:
        return None
    message = f"There is no operation {wanted[:60]!r}." if wanted else "It is not clear which operation to run."
    hint = f"Set operationName to one of: {', '.join(names[:10])}." if names else "Write one operation."
    return GraphQLError(message, extensions={"hint": hint})


def coded(errors: list[GraphQLError], code: str) -> list[GraphQLError]:
    """The same errors, each with a code; one that has its own keeps it."""
    for error in errors:
        error.extensions = {"code": code, **(error.extensions or {})}
    return errors


def _stand_in(context: ExecutionContext) -> DocumentNode:
    """An operation of a kind and name that Strawberry's checks between parsing and validation let through."""
    name = graphql.NameNode(value=context.operation_name) if context.operation_name else None
    kind = graphql.OperationType(next(iter(context.allowed_operations)).value)
    empty = graphql.SelectionSetNode(selections=())
    return DocumentNode(definitions=(OperationDefinitionNode(operation=kind, name=name, selection_set=empty),))
