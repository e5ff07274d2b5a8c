"""axe-core over every page, light and dark: no serious and no critical violation."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app.main import PAGES

pytestmark = pytest.mark.browser

# what stands for the variables of a path; the run does not exist, so its page says so
VARIABLES = {"token_id": "201", "sae_id": "layer_2", "feature_index": "3", "run_id": "none"}
GRAVE = ("serious", "critical")


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


def grave(page: Page) -> list[str]:
    """Serious and critical violations: the rule, and the elements it was broken by."""
    found: dict[str, Any] = Axe().run(page).response
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: "
        + " | ".join(node["html"][:160] for node in one["nodes"][:4])
        for one in found["violations"]
        if one["impact"] in GRAVE
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_no_page_keeps_anybody_out(
    page: Page, live_server_url: str, path: str, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(live_server_url + address(path))
    settle(page)
    assert grave(page) == []
