"""The dashboard: the page at `/`, drawn from files of the package, and the documents that it asks."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.http.graphiql import STATIC, PackagedFiles

FOLDER: Final = STATIC / "dashboard"

# Nothing inline, nothing from elsewhere, and no script may turn text into markup: names come from whoever writes.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def documents() -> list[str]:
    """What the page asks of `/graphql`, as it sends it."""
    return [file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.graphql"))]


def routes() -> list[BaseRoute]:
    """The page alone: its files are served with all others under /static."""
    files = PackagedFiles(directory=FOLDER)

    async def page(request: Request) -> Response:
        response = await files.get_response("index.html", request.scope)
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return [Route("/", page, methods=["GET"])]
