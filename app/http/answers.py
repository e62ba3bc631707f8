"""Errors as HTTP answers: which status each has, and the shapes that clients expect."""

import uuid
from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.errors import (
    BadInput,
    Busy,
    Forbidden,
    LinegraphError,
    TooLarge,
    TooSlow,
    Unauthenticated,
)
from app.http.service import service_of

_STATUSES: Mapping[type[LinegraphError], int] = {
    BadInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    TooSlow: 408,
    TooLarge: 413,
    Busy: 503,
}


def status_of(error: LinegraphError) -> int:
    """The status of an error; 500 for what no asker can mend."""
    return next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), 500)


def headers_of(error: LinegraphError) -> dict[str, str]:
    """What the status needs beside it."""
    if isinstance(error, Busy):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    return {}


def json_answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A body of JSON."""
    return Response(orjson.dumps(content), status, headers, "application/json")


async def failed(request: Request, error: Exception) -> Response:
    """What nobody foresaw: the cause stands in the log, under the number that the asker is told."""
    number = uuid.uuid4().hex[:12]
    service_of(request).observer.failed("request", error, id=number, path=request.url.path)
    message = f"Internal error {number}."
    extensions = {"code": "INTERNAL_SERVER_ERROR", "id": number}
    return json_answer({"message": message, "errors": [{"message": message, "extensions": extensions}]}, 500)


async def refused(request: Request, error: Exception) -> Response:
    """An error of ours in the shape of its door: GraphQL's errors under /graphql, InfluxDB's elsewhere."""
    if not isinstance(error, LinegraphError):
        raise error
    extensions = {"code": error.code} | ({"hint": error.hint} if error.hint else {})
    if request.url.path == "/graphql":
        content: object = {"errors": [{"message": error.message, "extensions": extensions}]}
    else:
        content = {"code": error.code, "message": str(error), "error": str(error)}
    return json_answer(content, status_of(error), headers_of(error))
