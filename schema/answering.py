"""The schema put together, and one request answered with it."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import strawberry
from strawberry.exceptions import MissingQueryError
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from app.change.counters import CounterChange
from app.domain.access import Viewer
from app.errors import BadInput, NotAllowed, TooSlow
from app.observe import Observer
from app.read.asking import Asking, RequestReader
from schema.catalog import LineNode, MachineNode, PlantNode
from schema.context import Context
from schema.cost import Cost
from schema.counters import Mutation
from schema.documents import DocumentCache, extensions
from schema.error_codes import ErrorCodes
from schema.glossary import explain
from schema.hiding import Unsuggesting
from schema.limits import QueryLimits
from schema.listed import ListedDocuments
from schema.outlines import Outlined, Outlines
from schema.passing import encode
from schema.persisted import Standing, document_of, named_digest
from schema.query import Query
from schema.scalars import SCALARS
from schema.series import SeriesNode


class LinegraphSchema(strawberry.Schema):
    """Errors are noticed where they are given their codes, not a second time by Strawberry's own log."""

    def process_errors(self, *_: Any, **__: Any) -> None: ...


def build_schema(
    limits: QueryLimits, documents: DocumentCache, observer: Observer, listed: ListedDocuments | None = None
) -> LinegraphSchema:
    """A schema with caches of its own; made once for a service. Where documents are `listed`, only they are run."""
    schema = LinegraphSchema(
        query=Query,
        mutation=Mutation,
        types=[PlantNode, LineNode, MachineNode, SeriesNode],
        config=StrawberryConfig(scalar_map=SCALARS),
        execution_context_class=Outlined if limits.introspection else Unsuggesting,
        extensions=[lambda: ErrorCodes(observer), *extensions(limits, documents, listed)],
    )
    explain(schema._schema)
    return schema


def printed_schema() -> str:
    """The promise to clients, as it is committed in `schema/schema.graphql`."""
    return build_schema(QueryLimits(), DocumentCache(), Observer()).as_str() + "\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """The body as JSON. `asked` is false where nothing could be run: the request itself was wrong. `sent` is to be
    called when the client has it: until then its memory counts, and others may wait for it."""

    body: bytes
    asked: bool
    sent: Callable[[], None]


class Answerer:
    """Answers GraphQL requests, each with loaders, a budget and a `now` of its own."""

    def __init__(
        self,
        schema: LinegraphSchema,
        standing: Standing,
        reader: RequestReader,
        changes: CounterChange,
        *,
        seconds: float,
    ) -> None:
        self._schema = schema
        self._standing = standing
        self._reader = reader
        self._changes = changes
        self._seconds = seconds
        self._outlines = Outlines()

    async def answer(
        self,
        viewer: Viewer,
        query: str | None,
        variables: Mapping[str, object] | None,
        operation: str | None,
        extensions: Mapping[str, object] | None,
        *,
        may_change: bool,
    ) -> Answer:
        """`may_change` is false where the transport must be safe to repeat (GET): only queries run then.

        PersistedQueryNotFound where the query is a hash alone that is not known.
        """
        viewer.must_read()
        digest = named_digest(extensions)
        document = document_of(query, digest, self._standing)
        kinds = {OperationType.QUERY, OperationType.MUTATION} if may_change else {OperationType.QUERY}
        asking = self._reader.asking(viewer, datetime.now(UTC))
        cost = Cost(asking)
        with ExitStack() as held:
            held.callback(asking.moment.over)
            result = await self._executed(asking, document, variables, operation, kinds)
            errors = [error.formatted for error in result.errors or []]
            asked = result.data is not None or any("path" in error for error in errors)
            if asked and digest and document:  # what cannot be run is not worth remembering
                self._standing.learn(digest, document, viewer.name)
            body: dict[str, object] = {"data": result.data} if asked else {}
            if errors:
                body["errors"] = errors
            if may_change:  # what comes by GET is kept, and must be the same as long as nothing has changed
                body |= cost.shown()
            return Answer(encode(body), asked, held.pop_all().close)

    async def _executed(
        self,
        asking: Asking,
        document: str | None,
        variables: Mapping[str, object] | None,
        operation: str | None,
        kinds: set[OperationType],
    ) -> ExecutionResult:
        context = Context(asking, self._changes, variables or {}, self._outlines)
        try:
            async with asking.asked(), asyncio.timeout(self._seconds):
                return await self._schema.execute(
                    document,
                    variable_values=dict(variables) if variables is not None else None,
                    context_value=context,
                    operation_name=operation or None,
                    allowed_operation_types=kinds,
                )
        except MissingQueryError as error:
            raise BadInput(
                "The query is empty.", 'Send {"query": "{ plants { edges { node { code } } } }"}.'
            ) from error
        except InvalidOperationTypeError as error:
            hint = "Send queries by GET or POST, and mutations by POST."
            if error.operation_type is OperationType.MUTATION:
                raise NotAllowed("A mutation cannot be sent by GET.", hint, "POST") from error
            raise BadInput(f"A {error.operation_type.value} cannot be sent this way.", hint) from error
        except TimeoutError as error:
            raise TooSlow(
                f"The request took longer than {self._seconds:g} s and was stopped.",
                "Ask for a shorter range, or for less at once.",
            ) from error
        finally:
            context.loaders.forget()
