"""The page on dashboards is true: its page is drawn by a browser, its clients ask the service, its types hold."""

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.domain.access import Role
from app.http.listening import taken_address
from app.main import application, open_service
from app.sources.demo_plant.plant import model_text
from app.store.database import Database
from tests import environments
from tests.asker import STILL, columns
from tests.doors import house_of, open_client, token_for
from tests.environments import run
from tests.javascript import Clients, Missing
from tests.pages import block, blocks

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("engine", ["postgresql"])]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LINES = 20


class Served(NamedTuple):
    """A service with the demo's machines and a few readings: where it listens, and a token that may read."""

    url: str
    token: str

    def here(self, text: str) -> str:
        """An example as somebody would adapt it."""
        return text.replace("http://127.0.0.1:8000", self.url).replace("Bearer TOKEN", f"Bearer {self.token}")


@pytest.fixture
async def served(database: Database) -> AsyncIterator[Served]:
    house, told = house_of(database, **STILL), asyncio.Event()
    await house.model.apply(model_text(), "demo.yaml")
    now = int(time.time()) * 1_000_000
    warm = [(now - number * 60_000_000, 20.0 + number % 3) for number in range(60)]
    made = [(now - 4 * 3_600_000_000, 10), (now - 2 * 3_600_000_000, 25), (now - 1_000_000, 40)]
    async with open_client(house) as client:
        sent = [columns("demo/press/press-3", "temperature", warm), columns("demo/press/press-3", "parts", made)]
        assert (await client.post("/api/v1/readings", json={"series": sent})).status_code == 200
    token = (await token_for(house, Role.VIEWER))["Authorization"].removeprefix("Bearer ")

    def page(request: Request) -> Response:
        # As a proxy would have it: the page and Linegraph at one address, and the token beyond the browser's reach.
        html = block("dashboards", "html")
        return HTMLResponse(html.replace('"Content-Type"', f'"Authorization": "Bearer {token}", "Content-Type"'))

    async with taken_address("127.0.0.1", 0) as address, open_service(house) as service:
        app = application(service)
        app.router.routes.insert(0, Route("/press.html", page))
        serving = asyncio.create_task(address.serve(app, told.set, lambda: None))
        await told.wait()
        try:
            yield Served(address.url, token)
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


@pytest.fixture(scope="module")
def programs(pytestconfig: pytest.Config) -> Path:
    """Those of an environment with the clients written in Python."""
    assert pytestconfig.cache is not None
    try:
        return environments.install(pytestconfig.cache.mkdir("python_clients"))
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
async def test_the_page_without_a_library_is_drawn(served: Served, tmp_path: Path) -> None:
    html = block("dashboards", "html")
    assert len(re.findall(r"^.", html.partition("const query")[2], re.MULTILINE)) <= LINES
    command = [
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", f"--user-data-dir={tmp_path}", "--virtual-time-budget=3000"),
        *("--enable-logging=stderr", "--dump-dom", f"{served.url}/press.html"),
    ]
    drawn = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=True)
    assert [line for line in drawn.stderr.splitlines() if "CONSOLE" in line] == []
    assert "<output>20 Cel</output>" in drawn.stdout
    [path] = re.findall(r'<path d="(M[^"]+)"', drawn.stdout)
    places = [tuple(map(float, each.split())) for each in re.split("[ML]", path)[1:]]
    assert len(places) == 60
    assert (places[0][0], places[-1]) == (0, (800, 195))
    assert {y for _, y in places} == {5, 100, 195}


async def test_apollo_shows_what_was_made(clients: Clients, served: Served) -> None:
    example = clients.folder / "example.mjs"
    text = block("dashboards", "js")
    assert len(re.findall(r"^.", text, re.MULTILINE)) <= LINES
    example.write_text(served.here(text))
    process = await asyncio.create_subprocess_exec(
        clients.node, str(example), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        said = [(await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip() for _ in range(8)]
    finally:
        process.kill()
        await process.wait()
    assert said[:4] == ["Blank loader press 0", "Draw press 0", "Trim press 30", "Pierce press 0"]


async def test_types_for_typescript_hold(clients: Clients, served: Served, tmp_path: Path) -> None:
    (tmp_path / "codegen.json").write_text(block("dashboards", "json"))
    (tmp_path / "page.graphql").write_text(block("dashboards", "graphql"))
    program = block("dashboards", "ts")
    (tmp_path / "program.ts").write_text(program)
    (tmp_path / "wrong.ts").write_text(program.replace("page.machine?.series ?? []", "page.machine.series"))
    (tmp_path / "unknown.ts").write_text(program.replace('=== "FINAL"', '=== "OVER"'))
    found = await clients.run(
        "codegen.mjs", URL=f"{served.url}/graphql", TOKEN=served.token, FOLDER=str(tmp_path),
        PROGRAMS="program.ts,wrong.ts,unknown.ts",
    )  # fmt: skip
    assert found.keys() == {"wrong.ts", "unknown.ts"}
    assert found["wrong.ts"][0].startswith("'page.machine' is possibly 'null'")
    assert "have no overlap" in found["unknown.ts"][0]


async def test_gql_prints_a_line_of_machines(programs: Path, served: Served, tmp_path: Path) -> None:
    text = block("dashboards", "python")
    assert len(re.findall(r"^.", text, re.MULTILINE)) <= LINES
    (tmp_path / "line.py").write_text(served.here(text), "utf-8")
    said = (await run(programs / "python", "line.py", folder=tmp_path)).splitlines()
    [trim] = [line for line in said if line.startswith("Trim press ")]
    assert re.fullmatch(r"Trim press {11} *[▁▂▃▄▅▆▇█]{4,6} 20\.0 Cel", trim)


async def test_ariadne_makes_a_client_with_types(programs: Path, served: Served, tmp_path: Path) -> None:
    (tmp_path / "page.graphql").write_text(block("dashboards", "graphql"))
    (tmp_path / "pyproject.toml").write_text(served.here(block("dashboards", "toml")))
    [example] = blocks("dashboards", "python typed")
    (tmp_path / "ask.py").write_text(served.here(example))
    await run(programs / "ariadne-codegen", folder=tmp_path)
    said = (await run(programs / "python", "ask.py", folder=tmp_path)).splitlines()
    assert [line.split()[0] for line in said] == ["pace", "parts", "temperature"]
    assert "PROVISIONAL" in said[-1]
