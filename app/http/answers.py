"""Errors as HTTP answers: which status each has, and the shapes that clients expect."""

import uuid
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from app.errors import (
    BadInput,
    Busy,
    Forbidden,
    LinegraphError,
    MediaNotGiven,
    MediaNotTaken,
    NotAllowed,
    NotFound,
    PersistedQueryNotFound,
    TooLarge,
    TooSlow,
    Unauthenticated,
)
from app.http.media import GRAPHQL_JSON, JSON, accepted, preferred
from app.http.service import service_of

GRAPHQL = "/graphql"

_STATUSES: Mapping[type[LinegraphError], int] = {
    MediaNotGiven: 406,
    MediaNotTaken: 415,
    BadInput: 400,
    PersistedQueryNotFound: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    NotAllowed: 405,
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
    if isinstance(error, NotAllowed):
        return {"Allow": error.allowed}
    return {}


def handlers() -> dict[Any, ExceptionHandler]:
    """Who answers which error, at every door."""
    return {LinegraphError: refused, HTTPException: unserved, Exception: failed}


def json_answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A body of JSON."""
    return Response(orjson.dumps(content), status, headers, "application/json")


async def failed(request: Request, error: Exception) -> Response:
    """What nobody foresaw: the cause stands in the log, under the number that the asker is told."""
    number = uuid.uuid4().hex[:12]
    service_of(request).observer.failed("request", error, id=number, path=request.scope["path"])
    message, code = f"Internal error {number}.", "INTERNAL_SERVER_ERROR"
    if request.scope["path"] == GRAPHQL:
        return _graphql_answer(request, message, {"code": code, "id": number}, 500)
    return json_answer({"code": code, "message": message, "error": message}, 500)


async def refused(request: Request, error: Exception) -> Response:
    """An error of ours in the shape of its door: GraphQL's errors under /graphql, InfluxDB's elsewhere."""
    if not isinstance(error, LinegraphError):
        raise error
    status, headers = status_of(error), headers_of(error)
    if request.scope["path"] == GRAPHQL:
        extensions = {"code": error.code} | ({"hint": error.hint} if error.hint else {})
        return _graphql_answer(request, error.message, extensions, status, headers)
    return json_answer({"code": error.code, "message": str(error), "error": str(error)}, status, headers)


async def unserved(request: Request, error: Exception) -> Response:
    """An address or a method that no door has, with the way to those that there are."""
    if not isinstance(error, HTTPException):
        raise error
    path = request.scope["path"][:200]
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "GET, HEAD")
        hint = f"Send {' or '.join(sorted(allowed.split(', ')))}."
        return await refused(request, NotAllowed(f"{path} does not answer {request.method}.", hint, allowed))
    return await refused(request, NotFound(f"There is no {path}.", _way_from(path)))


def _graphql_answer(
    request: Request,
    message: str,
    extensions: Mapping[str, str],
    status: int,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error of the request itself, in the media type that its asker likes, or else in the older one."""
    media = preferred(accepted(request), (JSON, GRAPHQL_JSON)) or JSON
    # The older media type has 200 for every answer to a request of the right shape, and its clients wait for that.
    if media == JSON and extensions["code"] == PersistedQueryNotFound.code:
        status = 200
    body = orjson.dumps({"errors": [{"message": message, "extensions": extensions}]})
    kept = {"Vary": "Accept, Authorization", "Cache-Control": "no-store"}
    return Response(body, status, {**kept, **(headers or {})}, f"{media}; charset=utf-8")


def _way_from(path: str) -> str:
    if path in ("/query", "/api/v2/query"):
        return "InfluxQL and Flux are not answered here: questions go to /graphql."
    if path == "/api" or path.startswith("/api/"):
        return (
            "Readings go to /api/v2/write (line protocol) or /api/v1/readings (JSON), questions to /graphql;"
            " /api/v1/export gives readings by the million."
        )
    return "Questions go to /graphql, readings to /api/v2/write or /api/v1/readings; the README tells of all doors."
