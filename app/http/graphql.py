"""GraphQL over HTTP: POST, GET for queries, and GraphiQL for browsers."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.errors import BadInput
from app.http import graphiql
from app.http.access import viewer_of
from app.http.answers import json_answer
from app.http.service import service_of

GRAPHQL_JSON = "application/graphql-response+json"
_SHAPE = 'Send {"query": "{ plants { edges { node { code } } } }", "variables": {}} as application/json.'


class Asked(msgspec.Struct):
    """A GraphQL request; keys that are not known are left alone, as the specification has it."""

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815 - the specification's name
    extensions: dict[str, Any] | None = None


async def graphql(request: Request) -> Response:
    """A browser that navigates here gets GraphiQL; everybody else an answer."""
    asks = request.method in ("GET", "HEAD")
    if asks and "query" not in request.query_params and "text/html" in request.headers.get("accept", ""):
        return graphiql.page(request)
    service, viewer = service_of(request), await viewer_of(request)
    if asks:
        asked = _from_url(request)
    else:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return json_answer(_wrong(f"The content type {kind[:60]!r} is not application/json."), 415)
        async with service.bodies.read(request) as body:
            asked = _decoded(body)
    answer = await service.answers.answer(
        viewer, asked.query, asked.variables, asked.operationName, may_change=not asks
    )
    media_type = _media_type(request.headers.get("accept", ""))
    status = 400 if media_type == GRAPHQL_JSON and not answer.asked else 200
    return Response(answer.body, status, media_type=f"{media_type}; charset=utf-8", headers={"Vary": "Accept"})


def routes() -> list[BaseRoute]:
    return [Route("/graphql", graphql, methods=["GET", "POST"])]


def _from_url(request: Request) -> Asked:
    try:
        variables = msgspec.json.decode(request.query_params.get("variables") or "null", type=dict[str, Any] | None)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadInput(
            f"The variables are not a JSON object: {error}.", "Write variables={...}, URL-encoded."
        ) from error
    return Asked(request.query_params.get("query", ""), variables, request.query_params.get("operationName"))


def _decoded(body: bytes) -> Asked:
    try:
        return msgspec.json.decode(body, type=Asked)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadInput(f"The body is not a GraphQL request: {error}.", _SHAPE) from error


def _media_type(accept: str) -> str:
    """The newer media type for those who name it before the older one; the older for everybody else."""
    kinds = [kind.partition(";")[0].strip().lower() for kind in accept.split(",")]
    for kind in kinds:
        if kind in (GRAPHQL_JSON, "application/json"):
            return kind
    return "application/json"


def _wrong(message: str) -> dict[str, object]:
    return {"errors": [{"message": message, "extensions": {"code": "BAD_USER_INPUT", "hint": _SHAPE}}]}
