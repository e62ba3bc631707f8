"""Who is asking: tokens in headers as GraphQL and InfluxDB clients send them, and doors that open on loopback only."""

import base64
import re

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.domain.access import Viewer
from app.errors import Forbidden, Unauthenticated
from app.http.service import service_of

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_LOOPBACK_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


async def viewer_of(connection: HTTPConnection) -> Viewer:
    """Who asks; Unauthenticated where nobody known does."""
    return await service_of(connection).viewer(token_of(connection))


async def writer_of(connection: HTTPConnection) -> Viewer:
    """Who brings readings; Unauthenticated where nobody known does, Forbidden where they may only read."""
    try:
        viewer = await viewer_of(connection)
    except Unauthenticated as error:
        hint = "Send Authorization: Bearer TOKEN; `linegraph token create NAME --role writer` makes one."
        raise Unauthenticated(error.message, hint) from error
    viewer.must_write()
    return viewer


def token_of(connection: HTTPConnection) -> str | None:
    """`Bearer T` or `Token T`; version 1 clients of InfluxDB send it as the password, in Basic, as `p=` or `Token U:T`.

    A colon is in no token.
    """
    scheme, _, value = connection.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "token":
            return value.strip().rpartition(":")[2]
        case "basic":
            try:
                return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
            except ValueError:  # no base64, no ASCII, or no UTF-8 inside
                return None
    return connection.query_params.get("p")


class LoopbackOnly:
    """For `demo`, which signs nobody in: a page of another site must not reach it through the visitor's browser.

    The Host must be this machine's (DNS rebinding), and an Origin, where a browser sends one, the same as the Host.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _from_here(scope):
            message = "The demo answers this machine only."
            hint = "Open it at http://127.0.0.1; for others run `linegraph serve`, which asks for tokens."
            refusal = {"code": Forbidden.code, "message": f"{message} {hint}", "error": message, "hint": hint}
            await JSONResponse(refusal, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _from_here(scope: Scope) -> bool:
    headers = HTTPConnection(scope).headers
    host, origin = headers.get("host", ""), headers.get("origin")
    if not _LOOPBACK_HOST.fullmatch(host):
        return False
    return origin is None or origin in (f"http://{host}", f"https://{host}")
