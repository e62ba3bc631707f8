"""A code on every error, and a hint where a sentence helps; what an asker cannot mend hides behind an id in the log."""

import uuid
from collections.abc import Iterator, Mapping

from graphql import ExecutionResult, GraphQLError
from strawberry.extensions import SchemaExtension

from app.errors import LinegraphError
from app.observe import Observer

BAD_INPUT = "BAD_USER_INPUT"
INTERNAL = "INTERNAL_SERVER_ERROR"


class ErrorCodes(SchemaExtension):
    """Gives every error its code and hint, and hides what an asker cannot mend behind an id that stands in the log."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._numbers: dict[int, str] = {}

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
        number = self._number(cause, error)
        hint = f"Tell the operator the id {number}; the service's log has the cause beside it."
        return _with(error, f"Internal error {number}.", {"code": INTERNAL, "id": number, "hint": hint})

    def _number(self, cause: Exception, error: GraphQLError) -> str:
        """A loader fails once for all of its keys: the log says so once."""
        number = self._numbers.get(id(cause))
        if number is None:
            number = self._numbers[id(cause)] = uuid.uuid4().hex[:12]
            self._observer.failed("query", cause, id=number, path=error.path)
        return number


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
