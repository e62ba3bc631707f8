"""What the doors open onto: made once in the lifespan, found in the state of every request."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import HTTPConnection

from app.domain.access import Viewer
from app.domain.model import SeriesId
from app.http.bodies import Bodies
from app.ingest.intake import Intake
from app.observe import Observer
from app.read.export import ExportReader


class Answer(Protocol):
    """A GraphQL answer as JSON; `asked` is false where the request itself was wrong. Its memory counts until `sent`."""

    @property
    def body(self) -> bytes: ...
    @property
    def asked(self) -> bool: ...
    @property
    def sent(self) -> Callable[[], None]: ...


class Answers(Protocol):
    """Whoever answers GraphQL."""

    async def answer(
        self,
        viewer: Viewer,
        query: str | None,
        variables: Mapping[str, object] | None,
        operation: str | None,
        extensions: Mapping[str, object] | None,
        *,
        may_change: bool,
    ) -> Answer: ...


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """`viewer` tells who holds a token; `ready` raises where the database cannot be used; `series_id` reads the id of a
    series as GraphQL answers it, BadInput for any other text."""

    version: str
    viewer: Callable[[str | None], Awaitable[Viewer]]
    ready: Callable[[], Awaitable[None]]
    intake: Intake
    answers: Answers
    exports: ExportReader
    series_id: Callable[[str], SeriesId]
    bodies: Bodies
    observer: Observer
    loopback_only: bool


def service_of(connection: HTTPConnection) -> Service:
    """The service behind a request."""
    service = connection.app.state.service
    if not isinstance(service, Service):
        raise TypeError("the lifespan has not opened the service")
    return service
