"""The list of presets in the top bar, by mouse, key and touch; pages below a prefix keep to it."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from backend.servers import with_pages
from tests.browser.conftest import WAIT_MS, watch
from tests.listening import listening
from tests.two_presets import settings_of_two, two_presets

pytestmark = pytest.mark.browser
PAGES = ("/", "/coverage", "/graph", "/features", "/token", "/reactivation", "/steer", "/claims")
# what is the same for every preset, and fetched once
SHARED = ("/assets/", "/modules/", "/_dash-component-suites/")
OUTSIDE = """() => [...document.querySelectorAll("a[href^='/']:not(.fs-preset)")]
    .map((link) => link.getAttribute("href")).filter((href) => !href.startsWith("/m/two/"))"""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Iterator[str]:
    """A server of two presets: `one` without a prefix, `two` below /m/two."""
    file = two_presets(tmp_path_factory, tiny_folder)
    runs = tmp_path_factory.mktemp("runs-of-two") / "runs.sqlite"
    with listening(with_pages(settings_of_two(file, runs), only=False)) as url:
        yield url


@pytest.fixture
def page(context: BrowserContext, two: str, page_problems: list[str]) -> Iterator[Page]:
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=two)
    made = context.new_page()
    watch(made, two, page_problems)
    yield made
    assert page_problems == [], "\n".join(page_problems)


def shows(page: Page, title: str) -> None:
    expect(page.locator("#frame-open-model")).to_contain_text(title)


def choice(page: Page, name: str) -> str:
    return f"#frame-card-model .fs-preset:has(code:text-is('{name}'))"


def test_a_click_leads_to_the_same_page_of_the_other_preset_and_back(page: Page, two: str) -> None:
    page.goto(f"{two}/graph?sae=layer_3")
    shows(page, "Tiny one")
    page.click("#frame-open-model")
    expect(page.locator(choice(page, "one"))).to_have_attribute("aria-current", "true")
    expect(page.locator("#frame-card-model")).to_contain_text("SAEs after layers 0, 2, 3")
    page.click(choice(page, "two"))
    expect(page).to_have_url(f"{two}/m/two/graph")
    shows(page, "Tiny two")
    expect(page.locator(".fs-rail a[aria-current='page']")).to_have_attribute(
        "href", "/m/two/graph"
    )
    page.go_back()
    expect(page).to_have_url(f"{two}/graph?sae=layer_3")
    shows(page, "Tiny one")


def test_by_key_from_a_page_whose_subject_the_other_preset_lacks(page: Page, two: str) -> None:
    page.goto(f"{two}/m/two/feature/layer_2/3")
    shows(page, "Tiny two")
    page.focus("#frame-open-model")
    page.keyboard.press("Enter")
    expect(page.locator(choice(page, "one"))).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator(choice(page, "one"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{two}/features")
    shows(page, "Tiny one")


def test_by_touch_on_a_phone(browser: Browser, two: str, page_problems: list[str]) -> None:
    context = browser.new_context(viewport={"width": 380, "height": 740}, has_touch=True)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    watch(page, two, page_problems)
    page.goto(f"{two}/graph")
    shows(page, "Tiny one")
    page.tap("#frame-open-model")
    row = page.locator(choice(page, "two"))
    expect(row).to_be_visible()
    box = row.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 380
    page.tap(choice(page, "two"))
    expect(page).to_have_url(f"{two}/m/two/graph")
    shows(page, "Tiny two")
    assert page_problems == []
    context.close()


def test_pages_below_a_prefix_ask_and_lead_nowhere_else(page: Page, two: str) -> None:
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(urlsplit(sent.url).path))
    page.goto(f"{two}/m/two/")
    for path in PAGES:
        page.locator(f'.fs-rail li a[href="/m/two{path}"]').click()
        expect(page).to_have_url(f"{two}/m/two{path}")
        expect(page.locator("#frame-page h1, #frame-page h2").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert page.evaluate(OUTSIDE) == [], path
    strays = {path for path in asked if not path.startswith(("/m/two/", *SHARED))}
    assert strays == set()


def test_a_prompt_is_taken_along(page: Page, two: str) -> None:
    page.goto(f"{two}/reactivation")
    expect(page.locator(".fs-fm-lane").first).to_be_visible()
    page.locator("#reactivation-second-area").fill("")
    page.locator("#reactivation-prompt-area").fill("The dog sat by the door.")
    page.click("#frame-open-model")
    expect(page.locator("#frame-card-model")).to_contain_text("The same prompt under")
    page.click(choice(page, "two"))
    shows(page, "Tiny two")
    box = page.locator("#reactivation-prompt-area")
    expect(box).to_have_value("The dog sat by the door.")
    expect(page.locator(".fs-fm-lane")).to_have_count(1)


def test_a_copied_link_and_a_recorded_run_open_under_the_same_preset(page: Page, two: str) -> None:
    page.goto(f"{two}/m/two/reactivation?sae=layer_3")
    shows(page, "Tiny two")
    expect(page.locator(".fs-fm-lane").first).to_be_visible()
    page.keyboard.press("y")
    expect(page.locator("#frame-notice")).to_contain_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{two}/m/two/reactivation?sae=layer_3")
    page.get_by_role("button", name="Save as a run").click()
    run = page.locator("#reactivation-save a").first
    expect(run).to_be_visible()
    assert (run.get_attribute("href") or "").startswith("/m/two/r/")
    run.click()
    expect(page.locator("#run-again")).to_be_visible()
    shows(page, "Tiny two")
    page.goto(link)
    shows(page, "Tiny two")
    expect(page.locator("#frame-link-note")).to_be_empty()
