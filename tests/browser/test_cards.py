"""The cards that open from the top bar: by click, key and touch, closed by Escape, inside the
window.
"""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import watch

pytestmark = pytest.mark.browser


def opened(page: Page, name: str) -> None:
    expect(page.locator("#frame-facts .fs-fact")).to_have_count(3)
    page.click(f"#frame-open-{name}")
    expect(page.locator(f"#frame-card-{name} h2")).to_be_visible()


def test_the_model_opens_what_it_is(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/claims")
    opened(page, "model")
    card = page.locator("#frame-card-model")
    expect(card.locator("h2")).to_have_text("tiny")
    told = page.request.get(f"{live_server_url}/api/capabilities").json()["model_info"]
    expect(card).to_contain_text(f"{told['n_parameters']:,}")
    page.click("#frame-main", position={"x": 400, "y": 400})
    expect(card).to_be_hidden()


def test_the_saes_open_by_key_with_the_apis_figures_and_escape_gives_the_focus_back(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/claims")
    expect(page.locator("#frame-facts .fs-fact")).to_have_count(3)
    page.focus("#frame-open-saes")
    page.keyboard.press("Enter")
    card = page.locator("#frame-card-saes")
    told = page.request.get(f"{live_server_url}/api/saes/layer_2").json()
    row = card.locator("tbody tr", has=page.locator("summary", has_text="active features"))
    expect(row.locator("td").nth(1)).to_have_text(f"{told['n_active']['value']:,}")
    expect(row.locator("td").last).to_have_text("on this build")
    page.keyboard.press("Tab")  # past the card, which may scroll, to the first definition
    term = card.locator(".fs-about__term").first
    term.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(term.locator("p")).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(page.locator("#frame-open-saes")).to_be_focused()


@pytest.mark.parametrize("name", ["model", "saes"])
def test_on_a_phone_a_card_opens_by_touch_inside_the_window(
    browser: Browser, live_server_url: str, page_problems: list[str], name: str
) -> None:
    context = browser.new_context(viewport={"width": 380, "height": 740}, has_touch=True)
    page = context.new_page()
    watch(page, live_server_url, page_problems)
    page.goto(f"{live_server_url}/claims")
    expect(page.locator("#frame-facts .fs-fact")).to_have_count(3)
    page.tap(f"#frame-open-{name}")
    card = page.locator(f"#frame-card-{name}")
    expect(card.locator("h2")).to_be_visible()
    box = card.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 380
    assert box["y"] + box["height"] <= 740
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    if name == "saes":
        term = card.locator(".fs-about__term").first
        term.locator("summary").tap()
        expect(term.locator("p")).to_be_visible()
    context.close()
    assert page_problems == []
