"""GraphiQL: headers, files and examples, and the page drawn by a real browser that may reach nothing else."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import graphql
import httpx
import orjson
import pytest
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.graphiql import CONTENT_SECURITY_POLICY, STATIC, examples, page, routes

pytestmark = pytest.mark.anyio

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SDL = Path(__file__).parents[2] / "schema" / "schema.graphql"


@strawberry.type
class Machine:
    path: str


@strawberry.type
class Query:
    @strawberry.field
    def machine(self, path: str) -> Machine:
        return Machine(path=path)


class Asked(NamedTuple):
    method: str
    path: str
    host: str
    authorization: str


class Diary:
    """What reached the server, in order."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.entries: list[Asked] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            sent = request.headers
            self.entries.append(
                Asked(request.method, request.url.path, sent.get("host", ""), sent.get("authorization", ""))
            )
        await self.app(scope, receive, send)


def service() -> Diary:
    schema = strawberry.Schema(Query)

    async def answer(request: Request) -> Response:
        asked: dict[str, Any] = orjson.loads(await request.body())
        result = await schema.execute(asked["query"], asked.get("variables"))
        errors = [error.formatted for error in result.errors or []]
        body = {"data": result.data, **({"errors": errors} if errors else {})}
        return Response(orjson.dumps(body), media_type="application/json")

    doors = [Route("/graphql", page, methods=["GET"]), Route("/graphql", answer, methods=["POST"]), *routes()]
    return Diary(Starlette(routes=doors))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(service())
    async with httpx.AsyncClient(transport=transport, base_url="http://linegraph.test") as client:
        yield client


async def test_the_page_may_load_nothing_from_elsewhere_and_may_not_be_framed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/graphql", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "default-src 'none'; script-src 'self'; " in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "http:" not in answer.text
    assert "https:" not in answer.text
    assert answer.text.count("<script") == answer.text.count("<script src=") == 4


async def test_every_file_that_the_page_names_is_served_typed_and_kept(client: httpx.AsyncClient) -> None:
    text = (await client.get("/graphql")).text
    named = [part.partition('"')[0] for part in text.split('="') if part.startswith("/static/")]
    assert len(named) == 7
    for path in named:
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"].startswith(("text/javascript", "text/css", "image/svg+xml"))
        lasting = "immutable" in answer.headers["cache-control"]
        assert lasting is path.startswith("/static/vendor/")
        again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.parametrize("path", ["/static/", "/static/nothing.js", "/static/%2e%2e/graphiql.py", "/static/vendor"])
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


def test_vendored_code_comes_with_its_licence_and_without_source_maps() -> None:
    folders = [folder for folder in (STATIC / "vendor").iterdir() if folder.name.startswith(("graphiql-", "react-"))]
    assert len(folders) == 3
    for folder in folders:
        assert "MIT License" in (folder / "LICENSE").read_text(encoding="utf-8")
        for file in folder.iterdir():
            assert file.suffix != ".map"
            assert "sourceMappingURL" not in file.read_text(encoding="utf-8")


async def test_examples_are_named_titled_and_parse(client: httpx.AsyncClient) -> None:
    saved = examples()
    assert [example.name for example in saved][:3] == ["plant", "metrics", "latest"]
    assert len(saved) == len({example.title for example in saved}) >= 17
    assert [example.name for example in saved][9:11] == ["days", "units"], "ten comes after nine"
    for example in saved:
        assert example.document.startswith(f"# {example.title}\n")
        assert len(example.title) <= 40, "it is to fit into the list"
        assert max(map(len, example.document.splitlines())) <= 58, "nobody is to scroll sideways"
        graphql.parse(example.document)
    answer = await client.get("/static/examples.json")
    assert answer.json() == [example._asdict() for example in saved]


async def test_browsers_find_an_icon_where_they_look_for_one(client: httpx.AsyncClient) -> None:
    answer = await client.get("/favicon.ico", follow_redirects=True)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.text.startswith("<svg ")


def test_examples_are_valid_against_the_printed_schema() -> None:
    schema = graphql.build_schema(SDL.read_text(encoding="utf-8"), assume_valid=True)
    for example in examples():
        assert graphql.validate(schema, graphql.parse(example.document)) == [], example.name


def test_every_part_of_the_schema_has_an_example() -> None:
    schema = graphql.build_schema(SDL.read_text(encoding="utf-8"))
    shown: set[str] = set()

    class Looking(graphql.Visitor):
        def place(self) -> str:
            parent, asked = types.get_parent_type(), types.get_field_def()
            fields = parent.fields if isinstance(parent, graphql.GraphQLObjectType) else {}
            return next((f"{parent}.{name}" for name, field in fields.items() if field is asked), "")

        def enter_field(self, *_: Any) -> None:
            shown.add(self.place())

        def enter_argument(self, node: graphql.ArgumentNode, *_: Any) -> None:
            shown.add(f"{self.place()}({node.name.value})")

    for example in examples():
        types = graphql.TypeInfo(schema)
        graphql.visit(graphql.parse(example.document), graphql.TypeInfoVisitor(types, Looking()))
    there = {
        place
        for kind in schema.type_map.values()
        if isinstance(kind, graphql.GraphQLObjectType) and kind.name[:2] != "__" and kind is not schema.mutation_type
        for name, field in kind.fields.items()
        for place in (f"{kind.name}.{name}", *(f"{kind.name}.{name}({argument})" for argument in field.args))
    }
    assert sorted(there - shown) == []


@pytest.fixture
def served() -> Iterator[tuple[Diary, str]]:
    """The service on a free port of this machine."""
    diary = service()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(diary, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            deadline = time.monotonic() + 10
            while not server.started and time.monotonic() < deadline:
                time.sleep(0.02)
            assert httpx.get(f"{address}/graphql").status_code == 200
            diary.entries.clear()
            yield diary, address
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
def test_a_browser_draws_graphiql_from_this_server_alone(served: tuple[Diary, str], tmp_path: Path) -> None:
    diary, address = served
    command = [
        str(CHROMIUM),
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update", "--lang=en-US"),
        *(f"--user-data-dir={tmp_path}", "--window-size=1280,800", "--virtual-time-budget=8000"),
        *("--enable-logging=stderr", "--dump-dom", f"{address}/graphql#buckets"),
    ]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    console = [line for line in drawn.stderr.splitlines() if "CONSOLE" in line]
    assert console == []
    assert 'class="graphiql-container"' in drawn.stdout
    assert drawn.stdout.count("<option") == len(examples()) + 1
    assert "Figures of every hour" in drawn.stdout.partition('class="graphiql-container"')[2]
    assert {entry.host for entry in diary.entries} == {address.removeprefix("http://")}
    assert {entry.path for entry in diary.entries} >= {"/graphql", "/static/examples.json", "/static/graphiql.js"}
    assert [entry.authorization for entry in diary.entries if entry.method == "POST"] == [""]
