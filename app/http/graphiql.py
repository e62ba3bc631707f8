"""GraphiQL for people: the page, its files and the saved examples, all from the package, so that it works offline."""

import re
from pathlib import Path
from typing import Final, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC: Final = Path(__file__).parent / "static"

# GraphiQL and its editor set styles on elements, hence 'unsafe-inline' there and nowhere else.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_VERSIONED: Final = re.compile(r"vendor/[^/]+-\d[^/]*/")


class Example(NamedTuple):
    name: str
    title: str
    document: str


class PackagedFiles(StaticFiles):
    """Files of the package: kept for a year in a folder that names its version, asked for again elsewhere."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        lasting = _VERSIONED.match(path.replace("\\", "/"))
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if lasting else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def page(request: Request) -> Response:
    """What `GET /graphql` answers to a browser."""
    return FileResponse(
        STATIC / "graphiql.html",
        media_type="text/html; charset=utf-8",
        headers={
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
            "Vary": "Accept",
        },
    )


def examples() -> list[Example]:
    """The saved queries in the order of the numbers of their files; the title is the comment that opens each."""
    return [
        Example(file.stem.partition("-")[2], document.partition("\n")[0].lstrip("# "), document)
        for file in sorted((STATIC / "examples").glob("*.graphql"), key=_number)
        for document in [file.read_text(encoding="utf-8")]
    ]


def _number(file: Path) -> tuple[int, str]:
    return int(file.stem.partition("-")[0]), file.stem


def examples_json(request: Request) -> Response:
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    body = orjson.dumps([example._asdict() for example in examples()])
    return Response(body, media_type="application/json", headers=headers)


def routes() -> list[BaseRoute]:
    """Everything under /static, and the way to it for browsers that look elsewhere."""
    return [
        Route("/favicon.ico", lambda request: RedirectResponse("/static/favicon.svg", 308), methods=["GET"]),
        Route("/static/examples.json", examples_json, methods=["GET"]),
        Mount("/static", PackagedFiles(directory=STATIC), name="static"),
    ]
