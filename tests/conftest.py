"""Servers, databases and services for tests, on every engine that the machine has."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from app.main import House, application, open_service
from app.observe import Observer, start_logging
from app.settings import Settings
from app.store.database import Database, open_database
from tests.engines import ENGINES, Servers, TestServer, missing, new_database
from tests.javascript import Clients, Missing, install

_VERSIONS = pytest.StashKey[dict[str, str]]()
_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _logging() -> None:
    """As users have it: without it each traceback is drawn in colours, which takes a second."""
    start_logging("INFO")


@pytest.fixture(scope="session")
async def servers(anyio_backend: str) -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        yield Servers(stack)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The engine that a test runs on; tests that need a database run on each."""
    name = str(request.param)
    if reason := missing(name):
        pytest.skip(reason)
    return name


@pytest.fixture
async def server(servers: Servers, engine: str, request: pytest.FixtureRequest) -> TestServer:
    running = await servers.of(engine)
    request.config.stash.setdefault(_VERSIONS, {})[engine] = running.version
    return running


@pytest.fixture
async def empty_url(server: TestServer) -> AsyncIterator[str]:
    """The URL of a database in which nothing was made yet."""
    async with new_database(server, f"test_{next(_NUMBERS)}") as url:
        yield url


@pytest.fixture
async def database_url(servers: Servers, server: TestServer) -> AsyncIterator[str]:
    """The URL of a migrated database with an empty catalog."""
    template = await servers.template(server.engine)
    async with new_database(server, f"test_{next(_NUMBERS)}", template) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as database:
        yield database


@pytest.fixture
async def house(database: Database) -> House:
    """Everything that stands on the database, with the settings that users start with."""
    return House(database, Settings(), Observer())


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole service, without tokens, as in the demo."""
    async with open_service(house, loopback_only=True) as service:
        transport = httpx.ASGITransport(application(service), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            yield client


@pytest.fixture(scope="session")
def clients(pytestconfig: pytest.Config) -> Clients:
    """Clients written in JavaScript."""
    assert pytestconfig.cache is not None
    try:
        return install(pytestconfig.cache.mkdir("clients"))
    except Missing as missing:
        pytest.skip(str(missing))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process that runs tests for another tells it on which servers."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["versions"] = session.config.stash.get(_VERSIONS, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The other side of it."""
    node.config.stash.setdefault(_VERSIONS, {}).update(getattr(node, "workeroutput", {}).get("versions", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Which servers the tests ran on, and how many on each."""
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for name in ENGINES:
                if f"[{name}" in report.nodeid or f"-{name}" in report.nodeid:
                    counts[name, outcome] += 1
    versions = config.stash.get(_VERSIONS, {})
    terminalreporter.section("engines")
    for name in ENGINES:
        ran = ", ".join(f"{counts[name, outcome]} {outcome}" for outcome in ("passed", "failed", "skipped"))
        terminalreporter.line(f"{name}: {versions.get(name) or missing(name) or 'not asked for'}: {ran}")
