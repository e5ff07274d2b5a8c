"""A page saved as one file opens from disk without a network and shows the same numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import steer_page
from tests.browser.test_reactivation import PROMPT, open_page, run_prompt

pytestmark = pytest.mark.browser


def kept(page: Page, folder: Path) -> Path:
    """The file that the button in the top bar saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this page as one file").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def opened(browser: Browser, path: Path) -> tuple[Page, list[str]]:
    """The file in a browser of its own, without a network; what it asked for or complained of."""
    context = browser.new_context(offline=True)
    page, trouble = context.new_page(), []
    page.on("request", lambda request: trouble.append(request.url))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    page.goto(path.as_uri())
    return page, [one for one in trouble if not one.startswith(("file:", "data:", "blob:"))]


def text_of(page: Page, selector: str) -> list[str]:
    return page.locator(selector).all_inner_texts()


def test_a_coverage_view_keeps_its_numbers_and_its_chart(
    page: Page, browser: Browser, live_server_url: str, tmp_path: Path
) -> None:
    page.goto(f"{live_server_url}/coverage")
    curve = page.locator("#coverage-curve .js-plotly-plot .scatterlayer path.js-line")
    expect(curve.first).to_be_attached()
    lines = [one.get_attribute("d") for one in curve.all()]
    headline = page.locator("#coverage-headline").inner_text()
    assert any(sign.isdigit() for sign in headline)
    file, trouble = opened(browser, kept(page, tmp_path))
    assert trouble == []
    assert file.locator("#coverage-headline").inner_text() == headline
    again = file.locator("#coverage-curve .js-plotly-plot .scatterlayer path.js-line")
    assert [one.get_attribute("d") for one in again.all()] == lines
    expect(file.locator(".fs-kept")).to_contain_text("Kept from FunctionScope on")
    expect(file.locator(".fs-kept a")).to_have_attribute("href", page.url)
    expect(file.locator("script")).to_have_count(0)
    file.context.close()


def test_a_reactivation_view_keeps_its_matrix_as_a_picture(
    page: Page, browser: Browser, live_server_url: str, tmp_path: Path
) -> None:
    open_page(page, live_server_url)
    run_prompt(page, PROMPT)
    canvases = page.locator("#frame-page canvas").count()
    tokens = text_of(page, "#frame-page .fs-token")
    assert canvases > 0
    file, trouble = opened(browser, kept(page, tmp_path))
    assert trouble == []
    pictures = file.locator("#frame-page img[src^='data:image/png']")
    assert pictures.count() >= canvases
    assert all(one.evaluate("one => one.naturalWidth > 0") for one in pictures.all())
    assert text_of(file, "#frame-page .fs-token") == tokens
    assert file.locator("textarea").first.input_value() == PROMPT
    file.context.close()


def test_a_steering_run_keeps_its_texts_and_its_shift(
    page: Page, browser: Browser, live_server_url: str, tmp_path: Path
) -> None:
    steer_page.open_page(page, live_server_url, steer_page.ONE + "&tokens=6")
    steer_page.written(page)
    texts = steer_page.texts(page)
    shift = text_of(page, "#steer-shift")
    assert len(texts) > 2
    file, trouble = opened(browser, kept(page, tmp_path))
    assert trouble == []
    assert steer_page.texts(file) == texts
    assert text_of(file, "#steer-shift") == shift
    file.context.close()
