"""GraphQL over HTTP: POST, GET for queries, and GraphiQL for browsers."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from app.errors import BadInput, TooLarge, TooSlow
from app.http import graphiql
from app.http.access import viewer_of
from app.http.answers import GRAPHQL
from app.http.leaving import unless_left
from app.http.media import GRAPHQL_JSON, HTML, JSON, accepted, answer_type, must_be_json, preferred
from app.http.pieces import PIECE, hand_on
from app.http.service import Answer, service_of
from app.observe import Observer

LARGEST = 1 << 19
"""Bytes of a body or an address: room for the longest query and variables that are taken."""

PATIENCE = 10.0
"""Seconds that a client may take for a piece of a large answer, as others may wait for its memory."""

_SHAPE = 'Send {"query": "{ plants { edges { node { code } } } }", "variables": {}} as application/json.'
_ONE_BY_ONE = "Batches are not taken: send one object, with all that is wanted in one query, or several requests."


class Asked(msgspec.Struct):
    """A GraphQL request; keys that are not known are left alone, as the specification has it."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815 - the specification's name
    extensions: dict[str, Any] | None = None


async def graphql(request: Request) -> Response:
    """A browser that navigates here gets GraphiQL; everybody else an answer."""
    asks = request.method in ("GET", "HEAD")
    if asks and not {"query", "extensions"} & set(request.query_params) and _wants_page(request):
        return graphiql.page(request)
    service, viewer = service_of(request), await viewer_of(request)
    media = answer_type(request)
    if asks:
        asked = _from_url(request)
    else:
        must_be_json(request, _SHAPE)
        async with service.bodies.read(request, LARGEST) as body:
            asked = _decoded(body)
    answering = service.answers.answer(
        viewer, asked.query, asked.variables, asked.operationName, asked.extensions, may_change=not asks
    )
    answer = await unless_left(request, answering)
    if answer is None:
        return Response(None, 499)  # nobody reads it; proxies know the number
    status = 400 if media == GRAPHQL_JSON and not answer.asked else 200
    headers = {"Vary": "Accept, Authorization"} | (_kept(answer) if asks else {})
    if "ETag" in headers and headers["ETag"] in _known(request):
        answer.sent()
        return Response(None, 304, headers)
    media = f"{media}; charset=utf-8"
    if len(answer.body) > PIECE:
        return _Large(answer, service.observer, status, headers, media)
    answer.sent()
    return Response(answer.body, status, headers, media)


class _Large(Response):
    """An answer of many pieces, whose memory counts until the client has it, or has left, or is given up."""

    def __init__(self, answer: Answer, observer: Observer, status: int, headers: Mapping[str, str], media: str) -> None:
        super().__init__(answer.body, status, headers, media)
        self._answer = answer
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await hand_on(self._answer.body, send, PATIENCE)
            await send({"type": "http.response.body"})
        except TooSlow as error:
            self._observer.cut_off("graphql", error)
        finally:
            self._answer.sent()


def routes() -> list[BaseRoute]:
    return [Route(GRAPHQL, graphql, methods=["GET", "POST"])]


def _wants_page(request: Request) -> bool:
    return preferred(accepted(request), (JSON, GRAPHQL_JSON, HTML)) == HTML


def _from_url(request: Request) -> Asked:
    if len(request.scope["query_string"]) > LARGEST:
        raise TooLarge(f"The address is longer than {LARGEST:,} bytes.", "Send long queries and variables by POST.")
    try:
        given = parse_qs(request.scope["query_string"].decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise BadInput("The address is not URL-encoded UTF-8.", "Write ?query=... in UTF-8, URL-encoded.") from error
    return Asked(
        _once(given, "query"),
        _object(given, "variables"),
        _once(given, "operationName"),
        _object(given, "extensions"),
    )


def _once(given: Mapping[str, Sequence[str]], name: str) -> str | None:
    """What stands between might take another of several than we do."""
    values = given.get(name, [None])
    if len(values) > 1:
        raise BadInput(f"The address has {name} more than once.", "Write it once.")
    return values[0]


def _object(given: Mapping[str, Sequence[str]], name: str) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(_once(given, name) or "null", type=dict[str, Any] | None)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadInput(f"The {name} are not a JSON object: {error}.", f"Write {name}={{...}}, URL-encoded.") from error


def _decoded(body: bytes) -> Asked:
    try:
        return msgspec.json.decode(body, type=Asked)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        hint = _ONE_BY_ONE if body.lstrip().startswith(b"[") else _SHAPE
        raise BadInput(f"The body is not a GraphQL request: {error}.", hint) from error


def _kept(answer: Answer) -> dict[str, str]:
    """A browser may keep what it got by GET, and asks each time whether it is still the same."""
    if not answer.asked:
        return {"Cache-Control": "no-store"}
    tag = hashlib.blake2b(answer.body, digest_size=16).hexdigest()
    return {"Cache-Control": "private, no-cache", "ETag": f'W/"{tag}"'}


def _known(request: Request) -> set[str]:
    return {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
