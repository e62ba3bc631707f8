"""One browser, and one plant of known readings that it looks at, for all tests of the package."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, async_playwright

from app.domain.access import Role
from app.store.database import open_database
from tests.asker import STILL
from tests.browser.known import fill
from tests.browser.watching import Watched, open_watched
from tests.doors import house_of, listening
from tests.engines import Servers, new_database

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass(frozen=True, slots=True)
class Shown:
    """Addresses of one plant: without tokens, with tokens and few rows to a request, and of an empty service; a token
    that may read, and the plant's database."""

    demo: str
    closed: str
    empty: str
    viewer: str
    database: str


@pytest.fixture(scope="package")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        # Where the browser has no language, not every library of pages starts.
        arguments = ["--disable-background-networking", "--disable-component-update", "--disable-quic"]
        launched = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=arguments, env={"LANG": "en_US.UTF-8", "HOME": "/tmp"}
        )
        yield launched
        await launched.close()


@pytest.fixture(scope="package")
async def shown(servers: Servers, browser: Browser) -> AsyncIterator[Shown]:
    """On plain PostgreSQL alone: what the engines answer, other tests compare."""
    server, template = await servers.of("postgresql"), await servers.template("postgresql")
    async with AsyncExitStack() as stack:
        url, bare = [
            await stack.enter_async_context(new_database(server, name, template)) for name in ("shown", "shown_empty")
        ]
        database = await stack.enter_async_context(open_database(url))
        house = house_of(database, **STILL)
        few = house_of(database, query_rows=800, query_rows_by_role={}, **STILL)
        nothing = house_of(await stack.enter_async_context(open_database(bare)), **STILL)
        await fill(house)
        demo, closed, empty = [
            await stack.enter_async_context(listening(each, loopback_only=each is not few))
            for each in (house, few, nothing)
        ]
        yield Shown(demo, closed, empty, await house.access.create("screen", Role.VIEWER, None), url)


@pytest.fixture
async def watched(browser: Browser) -> AsyncIterator[Watched]:
    """A page of 1280 by 900 in light colours, watched for trouble until the test is over."""
    async with open_watched(browser) as watched:
        yield watched
        assert watched.trouble == []
