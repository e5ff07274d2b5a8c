"""The frame around every page: rail, keys, theme, status line, and nothing that overflows."""

import re
import threading
from dataclasses import asdict
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from app.api import ApiClient, ApiProblem
from app.theme import PALETTES
from backend.routes.live.inspect import InspectWork
from tests.browser.conftest import watch
from tests.browser.waiting import inside, until

pytestmark = pytest.mark.browser

PATHS = ("/", "/coverage", "/reactivation", "/steer")
EVERY = (*PATHS, "/graph", "/features", "/token", "/token/5", "/feature/layer_2/3")
EVERY += ("/consolidation", "/claims")


def ready(page: Page) -> None:
    """The frame is drawn, and no callback is under way."""
    expect(page.locator("#frame-facts .fs-fact")).to_have_count(3)
    until(page, "document.querySelector('#frame-page').childElementCount > 0")
    page.wait_for_load_state("networkidle")


def test_the_top_bar_names_model_saes_build_and_live_state(
    page: Page, live_server_url: str
) -> None:
    page.goto(live_server_url)
    expect(page.locator("#frame-facts")).to_contain_text("tiny")
    expect(page.locator("#frame-facts")).to_contain_text("L0, L2, L3")
    expect(page.locator("#frame-facts")).to_contain_text("tiny.duckdb")
    expect(page.locator("#frame-live")).to_have_text("live on cpu")


def test_the_top_bar_says_the_place_of_a_request_that_waits(
    page: Page, live_server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.goto(f"{live_server_url}/reactivation")
    ready(page)
    go, running, plain = threading.Event(), threading.Event(), InspectWork.run_json

    def slow(plan: InspectWork, *args: Any) -> bytes:
        running.set()
        assert go.wait(60)
        return plain(plan, *args)

    monkeypatch.setattr(InspectWork, "run_json", slow)
    ask = {"url": f"{live_server_url}/api/inspect", "json": {"prompt": "The cat"}, "timeout": 90}
    other = threading.Thread(target=httpx.post, kwargs=ask)
    other.start()
    try:
        assert running.wait(30)
        page.click("#reactivation-go")
        expect(page.locator("#frame-live")).to_have_text(
            re.compile("live on cpu · queued [23](nd|rd)")
        )
    finally:
        go.set()
        other.join()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#frame-live")).to_have_text("live on cpu", timeout=30_000)


@pytest.mark.parametrize("path", EVERY)
def test_no_page_scrolls_sideways(page: Page, live_server_url: str, path: str) -> None:
    page.goto(live_server_url + path)
    ready(page)
    for width in (1440, 900, 683, 380):  # the last: a phone
        page.set_viewport_size({"width": width, "height": 900})
        until(page, "document.documentElement.scrollWidth <= window.innerWidth", seconds=10)


SHIFTS = """() => { window.shifted = 0; new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value;
}).observe({ type: "layout-shift", buffered: true }); }"""


@pytest.mark.parametrize("path", EVERY)
def test_what_is_read_on_a_phone_stays_where_it_is(
    page: Page, live_server_url: str, path: str
) -> None:
    page.add_init_script(f"({SHIFTS})()")
    page.set_viewport_size({"width": 380, "height": 780})
    page.goto(live_server_url + path)
    ready(page)
    assert page.evaluate("window.shifted") <= 0.1


def test_g_and_a_letter_go_to_a_page_without_a_reload(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    ready(page)
    page.evaluate("window.sameDocument = true")
    for key, path in (("c", "/coverage"), ("r", "/reactivation"), ("s", "/steer"), ("o", "/")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page).to_have_url(live_server_url + path)
        expect(page.locator(".fs-rail a[aria-current='page']")).to_have_attribute("href", path)
    assert page.evaluate("window.sameDocument")


def test_keys_do_nothing_while_somebody_types(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/reactivation")
    ready(page)
    page.keyboard.press("/")
    box = page.locator("#reactivation-prompt-area")
    expect(box).to_be_focused()
    box.press_sequentially("gc?t")
    expect(page).to_have_url(re.compile(r"/reactivation"))
    expect(page.locator("#frame-help")).to_be_hidden()


def test_question_mark_opens_help_and_escape_closes_it(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    ready(page)
    page.keyboard.press("?")
    expect(page.locator("#frame-help")).to_be_visible()
    expect(page.locator("#frame-help")).to_contain_text("copy the link")
    page.keyboard.press("Escape")
    expect(page.locator("#frame-help")).to_be_hidden()


def scheme_of(page: Page) -> str | None:
    return page.evaluate("document.documentElement.dataset.mantineColorScheme")


def test_the_theme_follows_the_system_until_somebody_chooses(
    browser: Browser, live_server_url: str
) -> None:
    context = browser.new_context(color_scheme="dark")
    page, problems = context.new_page(), list[str]()
    watch(page, live_server_url, problems)
    page.goto(live_server_url, wait_until="commit")
    page.wait_for_selector("body", state="attached")
    assert scheme_of(page) == "dark"  # before Dash has drawn anything: no flash
    ready(page)
    assert scheme_of(page) == "dark"
    page.keyboard.press("t")
    assert scheme_of(page) == "light"
    page.reload()
    ready(page)
    assert scheme_of(page) == "light"
    assert problems == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_figures_palette_is_the_pages_palette(
    page: Page, live_server_url: str, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(live_server_url)
    ready(page)
    style = "getComputedStyle(document.documentElement).getPropertyValue('--fs-' + name).trim()"
    for name, value in asdict(PALETTES[scheme]).items():
        assert page.evaluate(f"name => {style}", name) == value, name


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_ink_can_be_read_on_every_ground(scheme: str) -> None:
    palette = asdict(PALETTES[scheme])
    for ground in ("bg", "panel"):
        for ink in ("ink", "muted", "function", "content", "special", "reactivated", "danger"):
            light, dark = sorted(
                (luminance(palette[ground]), luminance(palette[ink])), reverse=True
            )
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


def test_a_failure_stays_with_its_request_id_until_it_is_dismissed(
    page: Page, live_server_url: str
) -> None:
    page.goto(live_server_url)
    ready(page)
    said = "{title: 'Too long', detail: '300 positions', request_id: 'abc123'}"
    report = f"({{ reportProblem }}) => reportProblem({said})"
    page.evaluate(inside("shared/notices.js", report))
    expect(page.locator("#frame-problem-text")).to_have_text("Too long: 300 positions")
    expect(page.locator("#frame-request-id")).to_have_text("abc123")
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page).to_have_url(f"{live_server_url}/coverage")
    expect(page.locator("#frame-problem-text")).to_have_text("Too long: 300 positions")
    page.get_by_role("button", name="dismiss").click()
    expect(page.locator("#frame-problem-text")).to_have_text("")


def test_an_unknown_page_says_which_there_are(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/no-such-page")
    expect(page.get_by_role("alert").first).to_contain_text("No such page")
    expect(page).to_have_title("Not found · FunctionScope")


def test_the_first_tab_stop_skips_to_the_content(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    ready(page)
    page.keyboard.press("Tab")
    expect(page.locator(".fs-skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#frame-main")).to_be_focused()


def test_everything_that_can_be_clicked_has_a_name(page: Page, live_server_url: str) -> None:
    for path in PATHS:
        page.goto(live_server_url + path)
        ready(page)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, a[href], input, summary, textarea')]
              .filter((e) => e.checkVisibility() && e.tabIndex >= 0)
              .filter((e) => !(
                e.innerText || e.ariaLabel || e.title || e.placeholder || e.labels?.length))
              .map((e) => e.outerHTML.slice(0, 160))"""
        )
        assert nameless == [], path


def test_what_is_fetched_ahead_is_there_and_used(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    ahead = page.locator("link[rel=prefetch]").get_attribute("href")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    listed = (
        "performance.getEntriesByType('resource').map((one) => [one.initiatorType, new "
        "URL(one.name).pathname])"
    )
    assert ["script", ahead] in page.evaluate(listed)


def test_a_failure_is_withdrawn_once_what_failed_succeeds(
    page: Page, live_server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.goto(f"{live_server_url}/coverage")
    ready(page)

    async def fails(*_: Any, **__: Any) -> Any:
        raise ApiProblem(503, "Not now", "the build is being replaced")

    said = page.locator("#frame-problem-text")
    with monkeypatch.context() as broken:
        broken.setattr(ApiClient, "coverage", fails)
        page.locator("#coverage-sae").get_by_text("3", exact=True).click()
        expect(said).to_have_text("Not now: the build is being replaced")
    page.locator("#coverage-sae").get_by_text("0", exact=True).click()
    expect(page.locator("#coverage-headline")).to_contain_text("layer 0")
    expect(said).to_have_text("")
