"""axe-core over every page, light and dark, wide and on a phone; terms by key and by touch."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.main import PAGES
from tests.browser.conftest import watch

pytestmark = pytest.mark.browser

# what stands for the variables of a path; the run does not exist, so its page says so
VARIABLES = {"token_id": "201", "sae_id": "layer_2", "feature_index": "3", "run_id": "none"}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
WIDTHS = (1440, 380)


def address(path: str) -> str:
    for name, value in VARIABLES.items():
        path = path.replace(f"<{name}>", value)
    assert "<" not in path, f"{path}: VARIABLES needs a value"
    return path


def settle(page: Page) -> None:
    """The page is drawn, nothing is on its way, and every fade has ended. (The pages' policy
    forbids the eval that wait_for_function needs.)
    """
    expect(page.locator("#frame-page > *").first).to_be_attached()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#frame-page .fs-skeleton")).to_have_count(0)
    page.wait_for_timeout(300)  # longer than any transition


def broken(page: Page) -> list[str]:
    """Rules of WCAG 2.1 A and AA that are broken, and the elements by which."""
    found: dict[str, Any] = Axe().run(page, options=RULES).response
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: "
        + " | ".join(node["html"][:160] for node in one["nodes"][:4])
        for one in found["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_no_page_keeps_anybody_out(
    page: Page, live_server_url: str, path: str, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(live_server_url + address(path))
    settle(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        assert broken(page) == [], f"{width} pixels"


def test_a_term_says_what_it_means_by_key_and_by_touch(
    browser: Browser, live_server_url: str, page_problems: list[str]
) -> None:
    context = browser.new_context(has_touch=True, viewport={"width": 380, "height": 780})
    page = context.new_page()
    watch(page, live_server_url, page_problems)
    page.goto(f"{live_server_url}/token/201")
    settle(page)
    said = page.locator("#frame-definition")
    badge = page.locator("#token-degrees-panel .fs-badge")
    expect(badge).to_have_attribute("tabindex", "0")
    badge.tap()
    expect(said).to_have_text(badge.get_attribute("title") or "")
    page.locator("#token-degrees-panel h2").tap()
    expect(said).to_have_count(0)
    head = page.locator("#token-degrees th[title]", has_text="degree")
    page.locator("#token-degrees th[title]", has_text="reached").focus()
    page.keyboard.press("Tab")
    expect(head).to_be_focused()
    expect(said).to_have_text(head.get_attribute("title") or "")
    page.keyboard.press("Escape")
    expect(said).to_have_count(0)
    context.close()
    assert page_problems == []
