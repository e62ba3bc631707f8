"""A page of a real browser: what it asks, what goes wrong in it, and which pixels it has drawn."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Browser, ConsoleMessage, Page, Request

CURVE, DARK_CURVE = (0x1F, 0x5F, 0xD0), (0x6E, 0xA4, 0xFF)
BAD_TICK, UNCERTAIN_TICK, REVISED_TICK = (0xC6, 0x2A, 0x17), (0xB0, 0x6A, 0x00), (0x84, 0x34, 0xC9)

_PIXELS = """(panel) => {
  const canvas = panel.querySelector("canvas"), over = panel.querySelector(".u-over").getBoundingClientRect();
  const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
  const [left, top, width, height] = [over.left - box.left, over.top - box.top, over.width, over.height]
    .map((each) => Math.round(each * ratio));
  const { data } = canvas.getContext("2d").getImageData(left, top, width, height);
  let text = "";
  for (let at = 0; at < data.length; at += 32768) text += String.fromCharCode(...data.subarray(at, at + 32768));
  return { width, height, data: btoa(text) };
}"""


class Drawn(NamedTuple):
    """The pixels of a chart's plot area as (height, width, colour)."""

    pixels: NDArray[np.int64]

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    def of(self, colour: tuple[int, int, int], near: int = 40) -> NDArray[np.bool_]:
        """Where the colour is drawn; (height, width)."""
        found: NDArray[np.bool_] = np.abs(self.pixels[:, :, :3] - np.array(colour)).max(axis=2) <= near
        return found

    def columns(self, colour: tuple[int, int, int]) -> list[int]:
        """The columns in which it is drawn."""
        return np.flatnonzero(self.of(colour).any(axis=0)).tolist()


@dataclass
class Watched:
    """`asked` are the variables of all questions to /graphql; `trouble` what the console or a foreign host has seen."""

    page: Page
    hosts: set[str] = field(default_factory=set)
    asked: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    @property
    def trouble(self) -> list[str]:
        foreign = sorted(self.hosts - {"127.0.0.1"})
        return foreign + [each for each in self.said if not any(known in each for known in self.expected)]

    async def open(self, address: str) -> None:
        """Returns when the page has come to rest."""
        await self.page.goto(address)
        await self.rest()

    async def rest(self) -> None:
        """Returns when the page shows what was asked for last."""
        await self.page.locator("#main[aria-busy=false]").wait_for()

    async def drawn(self, panel: str) -> Drawn:
        """What the chart of a name shows."""
        section = self.page.locator(".panel", has=self.page.get_by_role("heading", name=panel, exact=True))
        await section.locator("canvas").wait_for()
        found = await section.evaluate(_PIXELS)
        pixels = np.frombuffer(base64.b64decode(found["data"]), np.uint8).astype(np.int64)
        return Drawn(pixels.reshape(found["height"], found["width"], 4))

    async def text(self, selector: str) -> str:
        return await self.page.locator(selector).inner_text()

    def note_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        self.hosts.add(parts.hostname or parts.scheme)
        if request.method == "POST" and parts.path == "/graphql":
            self.asked.append(json.loads(request.post_data or "{}")["variables"])

    def note_console(self, message: ConsoleMessage) -> None:
        self.said.append(f"{message.type}: {message.text}")


@asynccontextmanager
async def open_watched(browser: Browser, **options: Any) -> AsyncIterator[Watched]:
    """A page in a context of its own; `options` are the context's."""
    context = await browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    try:
        page = await context.new_page()
        page.set_default_timeout(8_000)
        watched = Watched(page)
        page.on("request", watched.note_request)
        page.on("console", watched.note_console)
        page.on("pageerror", lambda error: watched.said.append(f"thrown: {error}"))
        page.on("dialog", lambda dialog: watched.said.append(f"dialog: {dialog.message}"))
        yield watched
    finally:
        await context.close()
