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
    NotAllowed,
    NotFound,
    TooLarge,
    TooSlow,
    Unauthenticated,
)
from app.http.service import service_of

_STATUSES: Mapping[type[LinegraphError], int] = {
    BadInput: 400,
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
    service_of(request).observer.failed("request", error, id=number, path=request.url.path)
    message = f"Internal error {number}."
    extensions = {"code": "INTERNAL_SERVER_ERROR", "id": number}
    errors = [{"message": message, "extensions": extensions}]
    return json_answer({"code": extensions["code"], "message": message, "errors": errors}, 500)


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


async def unserved(request: Request, error: Exception) -> Response:
    """An address or a method that no door has, with the way to those that there are."""
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path[:200]
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "GET, HEAD")
        hint = f"Send {' or '.join(sorted(allowed.split(', ')))}."
        return await refused(request, NotAllowed(f"{path} does not answer {request.method}.", hint, allowed))
    return await refused(request, NotFound(f"There is no {path}.", _way_from(path)))


def _way_from(path: str) -> str:
    if path in ("/query", "/api/v2/query"):
        return "InfluxQL and Flux are not answered here: questions go to /graphql."
    if path == "/api" or path.startswith("/api/"):
        return "Readings go to /api/v2/write (line protocol) or /api/v1/readings (JSON), questions to /graphql."
    return "Questions go to /graphql, readings to /api/v2/write or /api/v1/readings; the README tells of all doors."
