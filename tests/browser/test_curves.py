"""Curves as pixels: each is where known readings put it, and so is every mark."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import numpy as np
import pytest
from playwright.async_api import Browser, expect

from app.domain.instants import MINUTE, instant, microseconds
from tests.browser.conftest import Shown
from tests.browser.known import BAD, END, GAP, HOUR, LOW, PROVISIONAL, REVISED, UNCERTAIN, level
from tests.browser.watching import (
    BAD_TICK,
    CURVE,
    DARK_CURVE,
    REVISED_TICK,
    UNCERTAIN_TICK,
    Drawn,
    Watched,
    open_watched,
)
from tests.holdings import BASE
from tests.http.test_leaving import readings_held

pytestmark = pytest.mark.anyio

LEVEL = "<i>Level</i>"


def address(shown: Shown, start: int = BASE, end: int = END, path: str = "p/l/oven") -> str:
    return f"{shown.demo}/?machine={path}&from={instant(start):%Y-%m-%dT%H:%M:%SZ}&to={instant(end):%Y-%m-%dT%H:%M:%SZ}"


def time_at(drawn: Drawn, column: float) -> float:
    """Microseconds in the middle of a column, over the whole eight hours."""
    return BASE + (column + 0.5) / drawn.width * (END - BASE)


def column_at(drawn: Drawn, time: int) -> float:
    return (time - BASE) / (END - BASE) * drawn.width


def span_of(asked: dict[str, Any]) -> tuple[int, int]:
    """The range of a question, in microseconds."""
    start, end = (microseconds(datetime.fromisoformat(asked["range"][name])) for name in ("from", "to"))
    return start, end


def assert_follows_level(drawn: Drawn, colour: tuple[int, int, int]) -> None:
    """Every column of the curve lies where the triangle is, on one scale for all of them."""
    curve = drawn.of(colour)
    columns = drawn.columns(colour)
    rows = np.array([np.flatnonzero(curve[:, column]).mean() for column in columns])
    wanted = np.array([level(time_at(drawn, column)) for column in columns])
    # The corners are rounded by the width of the line, and one reading was made lower on purpose.
    straight = (np.abs(wanted - LOW) > 2) & (np.abs(wanted - 80) > 2)
    slope, offset = np.polyfit(wanted[straight], rows[straight], 1)
    assert slope < -0.8, "60 degrees fill the chart, and more is higher"
    assert np.abs(slope * wanted + offset - rows)[straight].max() < 2
    silent = [column_at(drawn, each) for each in GAP]
    # Bad readings have no values: ten minutes of them are a gap as well.
    bad = [column_at(drawn, BAD[0] - MINUTE), column_at(drawn, BAD[1])]
    drawn_at = set(columns)
    for column in range(4, drawn.width - 4):
        if any(start + 2 < column < end - 3 for start, end in (silent, bad)):
            assert column not in drawn_at, "nothing is drawn where nothing was read"
        elif not any(start - 3 < column < end + 3 for start, end in (silent, bad)) and column < drawn.width - 5:
            assert column in drawn_at, time_at(drawn, column)


def assert_covers(drawn: Drawn, colour: tuple[int, int, int], start: int, end: int, slack: float) -> None:
    """Exactly from one time to another, but for the width of a bucket."""
    columns = drawn.columns(colour)
    assert columns, "it is drawn"
    assert columns == list(range(columns[0], columns[-1] + 1)), "in one piece"
    assert abs(columns[0] - column_at(drawn, start)) <= slack
    assert abs(columns[-1] + 1 - column_at(drawn, end)) <= slack


async def test_curves_and_marks_are_where_known_readings_put_them(watched: Watched, shown: Shown) -> None:
    await watched.open(address(shown))
    drawn = await watched.drawn(LEVEL)
    assert_follows_level(drawn, CURVE)
    assert len(watched.asked) == 1, "one question for the tree and all curves"
    [asked] = watched.asked
    assert asked["points"] == drawn.width, "as many points as there are pixels"
    assert span_of(asked) == (BASE, END)
    assert asked["every"] == "PT2M"

    two = column_at(drawn, BASE + 3 * MINUTE)  # a bucket, and a pixel
    assert_covers(drawn, BAD_TICK, *BAD, slack=two)
    assert_covers(drawn, UNCERTAIN_TICK, *UNCERTAIN, slack=two)
    assert_covers(drawn, REVISED_TICK, REVISED, REVISED + 15 * MINUTE, slack=two)
    at_bottom = np.flatnonzero(drawn.of(BAD_TICK).any(axis=1))
    assert at_bottom.max() == len(drawn.pixels) - 1
    assert np.flatnonzero(drawn.of(REVISED_TICK).any(axis=1)).min() == 0

    ground = drawn.pixels[12, :, 3]  # shaded where the canvas is not empty; grid lines are single columns
    edge = round(column_at(drawn, PROVISIONAL))
    assert (ground[edge + 2 :] > 0).all()
    assert (ground[:edge] > 0).mean() < 0.1

    facts = await watched.page.locator(".panel .facts").all_inner_texts()
    assert [each.split(" · ") for each in facts] == [
        ["20 to 80", "10 bad", "10 uncertain", "from readings", "provisional from 14:00 on", "revised in parts"],
        ["+478 since 08:00", "from readings", "provisional from 14:00 on"],
        ["from readings", "provisional from 14:00 on"],
    ]
    label = await watched.page.locator(".chart").first.get_attribute("aria-label")
    assert label is not None
    assert label.startswith(f"{LEVEL}: 21, 20 to 80, 10 bad, ")


async def test_counters_and_states_are_drawn_as_such(watched: Watched, shown: Shown) -> None:
    await watched.open(address(shown))
    status = await watched.drawn("Status")
    curve = status.of(CURVE)
    levels = [
        int(np.flatnonzero(curve[:, round(column_at(status, BASE + hour * HOUR + HOUR // 2))]).mean())
        for hour in range(8)
    ]
    assert levels[0] == levels[3] == levels[6] > levels[1] == levels[4] == levels[7] > levels[2] == levels[5]
    steps = [column_at(status, BASE + hour * HOUR) for hour in range(1, 8)]
    for step in steps:
        tall = [int(curve[:, column].sum()) for column in range(round(step) - 2, round(step) + 4)]
        assert max(tall) > 10, "a step is upright"
    parts = (await watched.drawn("Parts")).of(CURVE)
    reset = round(column_at(status, BASE + 300 * MINUTE))
    assert max(int(parts[:, column].sum()) for column in range(reset - 3, reset + 3)) > 50, "the counter falls there"
    assert [await each.inner_text() for each in await watched.page.locator(".panel .value").all()] == [
        "21", "179", "run",
    ]  # fmt: skip


async def test_a_dense_screen_gets_more_points_and_no_more_than_there_may_be(browser: Browser, shown: Shown) -> None:
    for ratio, width in ((2, 1000), (3, 1720)):
        view = {"width": width, "height": 300}
        async with open_watched(browser, viewport=view, device_scale_factor=ratio) as watched:
            await watched.open(address(shown))
            assert len(watched.asked) == 1
            assert watched.asked[0]["points"] == (4_000 if ratio == 3 else (await watched.drawn(LEVEL)).width)
            assert watched.trouble == []


async def test_dragging_keys_and_wheel_ask_for_the_right_range(watched: Watched, shown: Shown) -> None:
    await watched.open(address(shown))
    page, drawn = watched.page, await watched.drawn(LEVEL)
    pixel = (END - BASE) / drawn.width
    box = await page.locator(".u-over").first.bounding_box()
    assert box is not None
    x = [box["x"] + (hours * HOUR) / (END - BASE) * box["width"] for hours in (1, 2)]
    await page.mouse.move(x[0], box["y"] + 30)
    await page.mouse.down()
    await page.mouse.move(x[1], box["y"] + 40, steps=5)
    async with page.expect_response("**/graphql"):
        await page.mouse.up()
    start, end = span_of(watched.asked[-1])
    assert abs(start - (BASE + HOUR)) <= 1.5 * pixel
    assert abs(end - (BASE + 2 * HOUR)) <= 1.5 * pixel
    assert watched.asked[-1]["points"] == drawn.width
    in_address = {name: value for name, [value] in parse_qs(urlsplit(page.url).query).items()}
    assert in_address == {"machine": "p/l/oven", **watched.asked[-1]["range"]}

    async with page.expect_response("**/graphql"):
        await page.go_back()
    assert span_of(watched.asked[-1]) == (BASE, END)

    await page.locator("#curves").focus()
    middle, width = (BASE + END) / 2, END - BASE
    for key, wanted in (
        ("+", (middle - width / 4, middle + width / 4)),
        ("ArrowLeft", (middle - 3 * width / 8, middle + width / 8)),
        ("-", (middle - 5 * width / 8, middle + 3 * width / 8)),
        ("ArrowRight", (middle - 3 * width / 8, middle + 5 * width / 8)),
    ):
        async with page.expect_response("**/graphql"):
            await page.keyboard.press(key)
        assert np.allclose(span_of(watched.asked[-1]), wanted, atol=2_000), key

    await page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 30)
    await page.keyboard.down("Control")
    async with page.expect_response("**/graphql"):
        await page.mouse.wheel(0, -100)
    await page.keyboard.up("Control")
    (near, far), (before, after) = span_of(watched.asked[-1]), wanted
    assert 0.5 < (far - near) / (after - before) < 0.6
    assert abs(near + (far - near) / 4 - (before + (after - before) / 4)) < 2 * pixel, "around the pointer"
    asked = len(watched.asked)
    await page.mouse.wheel(0, 200)
    await page.wait_for_timeout(300)
    assert len(watched.asked) == asked, "the wheel alone scrolls"

    async with page.expect_response("**/graphql"):
        await page.mouse.dblclick(box["x"] + 100, box["y"] + 30)
    assert watched.asked[-1]["range"] == {"last": "PT8H"}
    async with page.expect_response("**/graphql"):
        await page.get_by_role("button", name="7 d").click()
    assert watched.asked[-1]["range"] == {"last": "P7D"}
    assert watched.asked[-1]["every"] == "PT1H"
    await expect(page.locator("button[aria-pressed=true]")).to_have_text("7 d")


async def test_questions_that_are_outdated_are_given_up(watched: Watched, shown: Shown) -> None:
    await watched.open(address(shown))
    page, given_up = watched.page, list[str | None]()
    page.on("requestfailed", lambda request: given_up.append(request.failure))
    async with readings_held(shown.database):
        for name in ("1 h", "8 h", "24 h", "30 d"):
            await page.get_by_role("button", name=name, exact=True).click()
            await page.wait_for_timeout(50)
        assert await page.locator("#main[aria-busy=true]").count() == 1
    await watched.rest()
    assert [each["range"]["last"] for each in watched.asked[1:]] == ["PT1H", "PT8H", "P1D", "P30D"]
    assert given_up == ["net::ERR_ABORTED"] * 3


async def test_a_page_asks_again_when_it_has_become_wider_and_not_when_it_is_narrower(
    watched: Watched, shown: Shown
) -> None:
    await watched.open(address(shown))
    [asked] = watched.asked
    for width in (1_000, 1_280):
        await watched.page.set_viewport_size({"width": width, "height": 900})
        await watched.page.wait_for_timeout(600)
        assert watched.asked == [asked]
    async with watched.page.expect_request("**/graphql"):
        await watched.page.set_viewport_size({"width": 1_500, "height": 900})
    assert [each["points"] for each in watched.asked] == [asked["points"], asked["points"] + 220]


async def test_the_crosshair_tells_every_series_at_once(watched: Watched, shown: Shown) -> None:
    await watched.open(address(shown))
    page = watched.page
    box = await page.locator(".u-over").first.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] * 5.5 / 8, box["y"] + 30)
    await expect(page.locator(".panel .value")).to_have_text(["50", "30", "<u>fault</u>"])
    await expect(page.locator(".panel .time")).to_have_text(["13:30:00"] * 3)
    await page.mouse.move(box["x"] + box["width"] * 2.25 / 8, box["y"] + 30)
    await expect(page.locator(".panel .value").first).to_have_text("gap")
    await page.mouse.move(10, 10)
    await expect(page.locator(".panel .value")).to_have_text(["21", "179", "run"])
    await page.locator("#curves").focus()
    await page.keyboard.press("Shift+ArrowRight")
    await expect(page.locator(".panel .time").nth(1)).to_have_text("12:00:00")


async def test_dark_colours_are_others_and_come_without_a_new_question(watched: Watched, shown: Shown) -> None:
    await watched.open(address(shown))
    light = await watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
    await watched.page.emulate_media(color_scheme="dark")
    await watched.page.wait_for_timeout(200)
    drawn = await watched.drawn(LEVEL)
    assert_follows_level(drawn, DARK_CURVE)
    assert drawn.columns(CURVE) == []
    dark = await watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (light, dark) == ("rgb(244, 246, 248)", "rgb(16, 21, 27)")
    assert len(watched.asked) == 1


async def test_times_are_those_of_the_plant(watched: Watched, shown: Shown) -> None:
    await watched.open(address(shown, path="d/l/m"))
    assert await watched.text(".when") == "2 Mar 2026, 03:00–11:00 America/Detroit fixed range"
    assert await watched.page.locator(".panel .time").all_inner_texts() == ["2 Mar 2026, 10:59:00"]


async def ask_again(watched: Watched) -> None:
    """Five seconds later by the page's clock, which it only begins to count when it has drawn the last answer."""
    before = len(watched.asked)
    with anyio.fail_after(8):
        while len(watched.asked) == before:
            await watched.page.clock.fast_forward(5_000)
            await watched.page.wait_for_timeout(50)


async def test_a_live_range_ends_at_now_and_asks_again(watched: Watched, shown: Shown) -> None:
    await watched.page.clock.install()
    await watched.open(f"{shown.demo}/?machine=d/l/live&last=PT1H")
    assert "This machine has sent no readings yet." in await watched.text("#no-series")
    for _ in range(2):
        await ask_again(watched)
    assert [each["range"] for each in watched.asked] == [{"last": "PT1H"}] * 3
    assert [each["tree"] for each in watched.asked] == [True, False, False]
    now = int(datetime.now(UTC).timestamp() // 60)
    body = {"plant": "d", "line": "l", "machine": "live", "metric": "level"}
    columns = [{**body, "times": [(now - 5) * 60_000, (now - 4) * 60_000], "values": [7, 8]}]
    sent = await watched.page.request.post(f"{shown.demo}/api/v1/readings", data=json.dumps({"series": columns}))
    assert sent.ok
    await ask_again(watched)
    await watched.page.get_by_text("7 to 8").wait_for()
