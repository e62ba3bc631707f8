"""A code on every error, and a hint where a sentence helps; what an asker cannot mend hides behind an id in the log."""

import uuid
from collections.abc import Iterator, Mapping

from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode
from strawberry.extensions import SchemaExtension

from app.errors import LinegraphError
from app.observe import Observer
from schema.limits import VALIDATION_FAILED

BAD_INPUT = "BAD_USER_INPUT"
INTERNAL = "INTERNAL_SERVER_ERROR"


class ErrorCodes(SchemaExtension):
    """Gives every error its code and hint, and hides what an asker cannot mend behind an id that stands in the log."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def on_validate(self) -> Iterator[None]:
        """Strawberry would run the first of several operations; the specification wants the asker to choose."""
        yield
        context = self.execution_context
        if context.graphql_document is None or context.pre_execution_errors:
            return
        operations = [
            each for each in context.graphql_document.definitions if isinstance(each, OperationDefinitionNode)
        ]
        names = [each.name.value for each in operations if each.name]
        wanted = context._provided_operation_name  # the public name answers the first operation's
        if (wanted is None and len(operations) != 1) or (wanted is not None and wanted not in names):
            message = f"There is no operation {wanted!r}." if wanted else "It is not clear which operation to run."
            hint = f"Set operationName to one of: {', '.join(names)}." if names else "Write one operation."
            context.pre_execution_errors = [GraphQLError(message, extensions={"code": VALIDATION_FAILED, "hint": hint})]

    def on_operation(self) -> Iterator[None]:
        yield
        result = self.execution_context.result
        if isinstance(result, ExecutionResult) and result.errors:
            result.errors = [self._coded(error) for error in result.errors]

    def _coded(self, error: GraphQLError) -> GraphQLError:
        cause = _root_cause(error)
        if isinstance(cause, LinegraphError):
            return _with(error, cause.message, {"code": cause.code} | ({"hint": cause.hint} if cause.hint else {}))
        if cause is None:
            return _with(error, error.message, {"code": BAD_INPUT, **(error.extensions or {})})
        number = uuid.uuid4().hex[:12]
        self._observer.failed("query", cause, id=number, path=error.path)
        hint = f"Tell the operator the id {number}; the service's log has the cause beside it."
        return _with(error, f"Internal error {number}.", {"code": INTERNAL, "id": number, "hint": hint})


def _root_cause(error: GraphQLError) -> Exception | None:
    """The error that is not GraphQL's own; None where the asker's words alone are wrong."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _with(error: GraphQLError, message: str, extra: Mapping[str, object]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=dict(extra),
    )
