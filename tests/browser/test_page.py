"""The page around the curves: names that would be markup, tokens, trouble, keyboards, phones, and no scripts at all."""

import json

import anyio
import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Shown
from tests.browser.known import END, HOSTILE, HOUR
from tests.browser.test_curves import address, span_of
from tests.browser.watching import CURVE, Watched, open_watched
from tests.holdings import BASE

pytestmark = pytest.mark.anyio

_FOCUSED = """() => {
  const element = document.activeElement, { outlineStyle, outlineWidth } = getComputedStyle(element);
  const name = element === document.body ? "" : element.id || element.textContent;
  return [name, outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
}"""
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


async def swipe(page: Page, x: int, to: int) -> None:
    """A finger on the first chart, which Playwright itself does not move."""
    box = await page.locator(".u-over").first.bounding_box()
    assert box is not None
    session = await page.context.new_cdp_session(page)
    for kind, at in (("touchStart", x), ("touchMove", (x + to) // 2), ("touchMove", to), ("touchEnd", None)):
        points = [] if at is None else [{"x": at, "y": box["y"] + 20}]
        await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


async def test_names_are_text_whatever_they_say(watched: Watched, shown: Shown) -> None:
    await watched.open(shown.demo)
    page = watched.page
    assert page.url == f"{shown.demo}/?machine=d/l/m&last=PT8H", "the first machine is shown"
    assert await page.locator("#tree summary").all_inner_texts() == ["Detroit", "l", "Plant <b>one</b>", "Line & one"]
    await page.get_by_role("link", name=HOSTILE, exact=True).click()
    await page.get_by_role("heading", name=HOSTILE, exact=True).wait_for()
    assert await page.locator(".panel h3").all_inner_texts() == ["<i>Level</i>", "Parts", "Status"]
    assert await watched.text("#place") == "Plant <b>one</b> / Line & one"
    assert await page.title() == f"{HOSTILE} - Linegraph"
    assert await page.locator("main :is(b, u, img, script)").count() == 0
    refused = (
        """() => { try { document.body.innerHTML = "<b>x</b>"; return "written"; } catch (e) { return e.name; } }"""
    )
    assert await page.evaluate(refused) == "TypeError", "no script can turn text into markup"
    watched.expected = ("TrustedHTML", "inline")
    assert watched.hosts == {"127.0.0.1"}


async def test_machines_are_found_and_links_keep_the_range(watched: Watched, shown: Shown) -> None:
    await watched.open(address(shown))
    page = watched.page
    here = page.get_by_role("link", name=HOSTILE, exact=True)
    assert await here.get_attribute("aria-current") == "page"
    await page.get_by_label("Find a machine").fill("  plant IDLE ")
    await expect(page.locator("#found")).to_have_text("1 found")
    assert await page.locator("#tree a:visible").all_inner_texts() == ["Idle one"]
    assert await page.locator("#tree summary:visible").all_inner_texts() == ["Plant <b>one</b>", "Line & one"]
    there = await page.get_by_role("link", name="Idle one").get_attribute("href")
    assert there is not None
    assert "from=2026-03-02T08:00:00.000Z" in there
    await page.keyboard.press("Enter")
    await page.get_by_text("This machine has sent no readings yet.").wait_for()
    assert page.url == shown.demo + there
    await page.get_by_label("Find a machine").fill("nothing of that name")
    await expect(page.locator("#found")).to_have_text("No machine is called so.")
    await page.go_back()
    await page.get_by_role("heading", name="Parts").wait_for()
    await expect(page.locator("#machine-name")).to_have_text(HOSTILE)


async def test_a_keyboard_reaches_everything_and_sees_where_it_is(watched: Watched, shown: Shown) -> None:
    await watched.open(address(shown))
    page = watched.page
    assert await page.evaluate("document.activeElement.id") == "curves", "keys work at once"
    await page.get_by_role("link", name="Linegraph").focus()
    seen = []
    for _ in range(26):
        await page.keyboard.press("Tab")
        name, outlined = await page.evaluate(_FOCUSED)
        if name == "":
            break
        assert outlined, name
        seen.append(name)
    wanted = ["GraphiQL", "search", "Far one", HOSTILE, "1 h", "1 y", "earlier", "wider", "home", "curves"]
    assert [each for each in seen if each in wanted] == wanted
    unnamed = """[...document.querySelectorAll("button, a, input, [role]")].filter((e) => e.checkVisibility()
        && !e.textContent.trim() && !e.getAttribute("aria-label") && !e.labels?.length && e.role !== "status"
        && !e.querySelector("*")).length"""
    assert await page.evaluate(unnamed) == 0


@pytest.mark.alone  # a busy browser takes a tap after a swipe for the swipe's end
async def test_a_phone_shows_it_without_scrolling_sideways(browser: Browser, shown: Shown) -> None:
    async with open_watched(browser, **PHONE) as watched:
        page = watched.page
        await watched.open(shown.demo)
        await expect(page.get_by_role("link", name=HOSTILE, exact=True), "first the list").to_be_visible()
        await page.get_by_role("link", name=HOSTILE, exact=True).tap()
        await page.get_by_role("heading", name="Parts").wait_for()
        await expect(page.locator("#list")).to_be_hidden()
        await watched.open(address(shown))
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        drawn = await watched.drawn("<i>Level</i>")
        assert drawn.width > 360
        assert len(drawn.columns(CURVE)) > 0.8 * drawn.width
        for button in await page.locator(".tools button").all():
            box = await button.bounding_box()
            assert box is not None
            assert box["height"] >= 38
            assert 0 <= box["x"] <= box["x"] + box["width"] <= 360
        await swipe(page, 300, 100)
        with anyio.fail_after(8):  # a slow finger rests on its way, and what it has reached then is asked for as well
            while span_of(watched.asked[-1])[0] - BASE <= 4 * HOUR:
                await page.wait_for_timeout(20)
        start, end = span_of(watched.asked[-1])
        assert start - BASE == end - END, "curves follow the finger"
        await page.get_by_role("button", name="Machines").tap()
        await expect(page.get_by_role("link", name="Idle one")).to_be_visible()
        assert watched.trouble == []


async def test_a_closed_service_asks_for_a_token(watched: Watched, shown: Shown) -> None:
    watched.expected = ("401 (Unauthorized)",)
    page = watched.page
    await watched.open(address(shown).replace(shown.demo, shown.closed))
    assert await watched.text("#door-reason") == "This service shows its data to those who have a token."
    await page.keyboard.type("lg_wrong")
    await page.keyboard.press("Enter")
    await page.get_by_text("The token is not known, or was revoked.").wait_for()
    await expect(page.locator("#list")).to_be_hidden()
    await page.get_by_label("API token").fill(shown.viewer)
    await page.get_by_role("button", name="Show the plants").click()
    await page.get_by_role("heading", name="Parts").wait_for()
    # This service allows few rows to a request: curves are shown all the same, only coarser and without their marks.
    await expect(page.locator("#curves")).to_contain_text("quality and finality are not told here")
    assert [each["marks"] for each in watched.asked[-2:]] == [True, False]
    assert await page.evaluate("Object.values(sessionStorage)") == [shown.viewer]
    assert await page.evaluate("localStorage.length + document.cookie.length") == 0
    assert shown.viewer not in page.url
    await page.get_by_role("button", name="Forget token").click()
    await page.locator("#door").wait_for()
    await expect(page.locator(".panel")).to_have_count(0)
    assert await page.evaluate("sessionStorage.length") == 0


async def test_nothing_yet_says_how_to_begin_and_looks_again(watched: Watched, shown: Shown) -> None:
    await watched.page.clock.install()
    await watched.open(shown.empty)
    command = await watched.text("#blank pre")
    assert command.startswith(f'curl "{shown.empty}/api/v2/write" \\\n')
    line = command.split("--data-binary ")[1].strip('"')
    assert (await watched.page.request.post(f"{shown.empty}/api/v2/write", data=line)).status == 204
    await watched.page.clock.fast_forward(5_000)
    await watched.page.get_by_role("heading", name="robot-3").wait_for()
    await expect(watched.page.locator(".panel .value")).to_have_text("21.5")
    await expect(watched.page.locator("#blank")).to_be_hidden()


async def test_more_plants_than_one_page_of_them_are_all_listed(watched: Watched, shown: Shown) -> None:
    lines = [f"temperature,plant=p{number:03},line=l,machine=m value=1" for number in range(501)]
    assert (await watched.page.request.post(f"{shown.empty}/api/v2/write", data="\n".join(lines))).status == 204
    await watched.open(f"{shown.empty}/?machine=p500/l/m&last=PT1H")
    assert await watched.page.locator("#tree a").count() in (501, 502)
    assert [each["chosen"] for each in watched.asked] == [True, False]
    assert await watched.page.locator("#tree a:visible").all_inner_texts() == ["m"], (
        "only the line that is shown is open"
    )


async def test_a_service_that_is_gone_is_told_and_asked_again(watched: Watched, shown: Shown) -> None:
    watched.expected = ("net::ERR_INTERNET_DISCONNECTED",)
    page = watched.page
    await watched.open(address(shown))
    await page.context.set_offline(True)
    await page.get_by_role("button", name="Zoom in").click()
    await page.get_by_text("The service does not answer. This page asks again by itself.").wait_for()
    await expect(page.locator("#notice")).to_contain_text("What is shown is of ")
    await expect(page.locator("#live")).to_have_text("no answer")
    assert await page.locator(".panel canvas").count() == 3, "what was known stays"
    await page.context.set_offline(False)
    await page.locator("#notice").wait_for(state="hidden")
    assert watched.asked[-1]["range"] == {"from": "2026-03-02T10:00:00.000Z", "to": "2026-03-02T14:00:00.000Z"}


async def test_what_is_not_there_is_told(watched: Watched, shown: Shown) -> None:
    await watched.open(f"{shown.demo}/?machine=p/l/nope")
    assert "There is no machine p/l/nope, or this token does not see it." in await watched.text("#blank")
    await watched.open(f"{shown.demo}/?machine=p/l/oven&from=yesterday&last=P1Y")
    assert watched.asked[-1]["range"] == {"last": "PT8H"}, "what makes no sense is left alone"
    assert await watched.page.locator(".panel .note").count() == 3
    await watched.page.get_by_role("button", name="Go there").nth(1).click()
    await watched.page.get_by_text("from readings").first.wait_for()
    assert json.dumps(watched.asked[-1]["range"]).count("2026-03-02T") == 2


async def test_a_browser_without_a_language_shows_it_all_the_same(watched: Watched, shown: Shown) -> None:
    script = 'Object.defineProperty(Navigator.prototype, "language", { get: () => "en-US@posix", configurable: true })'
    await watched.page.add_init_script(script)
    await watched.open(address(shown))
    assert len((await watched.drawn("<i>Level</i>")).columns(CURVE)) > 500


async def test_a_browser_without_scripts_is_told_what_to_do(browser: Browser, shown: Shown) -> None:
    async with open_watched(browser, java_script_enabled=False) as watched:
        await watched.page.goto(shown.demo)
        assert (await watched.text("body")).split("\n")[:2] == ["Linegraph", "This page draws with JavaScript"]
        assert "POST a query to /graphql" in await watched.text("noscript")
        assert not await watched.page.locator("#list, #door, #machine, #blank").locator("visible=true").count()
        assert watched.trouble == []
