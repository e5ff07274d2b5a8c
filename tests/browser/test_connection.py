"""No connection: it is said, nothing is lost by it, and the page goes on by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.steer_page import ONE, open_page, written
from tests.browser.test_frame import ready
from tests.browser.waiting import until

pytestmark = pytest.mark.browser

SHOWN = "#frame-page h1"


@pytest.fixture(autouse=True)
def _the_browser_logs_what_it_could_not_reach(
    page: Page, page_problems: list[str]
) -> Iterator[None]:
    yield  # before the page's own look at its problems
    lost = [one for one in page_problems if "net::ERR_INTERNET_DISCONNECTED" in one]
    page_problems[:] = [one for one in page_problems if one not in lost]


def opened(page: Page, url: str) -> str:
    """Opens the address; what its first heading says."""
    page.goto(url)
    ready(page)
    return page.locator(SHOWN).first.inner_text()


def expect_lost(page: Page) -> None:
    expect(page.locator("#frame-connection")).to_have_text("no connection")
    expect(page.locator("#frame-live")).to_be_hidden()


def expect_back(page: Page) -> None:
    expect(page.locator("#frame-connection")).to_be_hidden()
    expect(page.locator("#frame-live")).to_have_text("live on cpu")
    expect(page.locator("#frame-unasked")).to_have_count(0)


def test_a_lost_connection_is_said_without_a_click_and_no_longer_than_it_lasts(
    page: Page, context: BrowserContext, live_server_url: str
) -> None:
    opened(page, live_server_url)
    context.set_offline(True)
    expect_lost(page)
    context.set_offline(False)
    expect_back(page)


def test_no_address_is_kept_whose_page_did_not_come(
    page: Page, context: BrowserContext, live_server_url: str
) -> None:
    heading = opened(page, f"{live_server_url}/coverage?denominator=dictionary")
    page.click(".fs-rail a[href='/features']")
    expect(page.locator(SHOWN).first).not_to_have_text(heading)
    page.go_back()
    expect(page.locator(SHOWN).first).to_have_text(heading)
    # nobody knows yet: the page is asked for, and does not come
    context.route("**/*", lambda route: route.abort("internetdisconnected"))
    page.click(".fs-rail a[href='/graph']")
    expect(page.locator("#frame-unasked")).to_contain_text("This page did not come")
    expect_lost(page)
    expect(page).to_have_url(f"{live_server_url}/coverage?denominator=dictionary")
    # it is known: the link is not followed, and neither are keys or Forward
    page.click(".fs-rail a[href='/claims']")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.evaluate("history.forward()")
    page.wait_for_timeout(500)
    expect(page).to_have_url(f"{live_server_url}/coverage?denominator=dictionary")
    expect(page.locator(SHOWN).first).to_have_text(heading)
    context.unroute("**/*")
    expect_back(page)
    page.click(".fs-rail a[href='/graph']")
    expect(page).to_have_url(f"{live_server_url}/graph")
    expect(page.locator(SHOWN).first).not_to_have_text(heading)
    page.go_back()
    expect(page.locator(SHOWN).first).to_have_text(heading)


def test_what_was_chosen_meanwhile_comes_by_itself(
    page: Page, context: BrowserContext, live_server_url: str
) -> None:
    opened(page, f"{live_server_url}/coverage")
    before = page.locator("#coverage-headline").inner_text()
    context.set_offline(True)
    page.locator("#coverage-sae").get_by_text("3", exact=True).click()
    expect(page.locator("#frame-unasked")).to_contain_text("goes on by itself")
    expect_lost(page)
    assert page.locator("#coverage-headline").inner_text() == before
    context.set_offline(False)
    expect_back(page)
    expect(page.locator("#coverage-headline")).not_to_have_text(before)
    page.wait_for_load_state("networkidle")


def test_texts_that_could_not_be_asked_for_are_written_as_soon_as_they_can(
    page: Page, context: BrowserContext, live_server_url: str
) -> None:
    open_page(page, live_server_url, ONE + "&tokens=4&controls=0")
    written(page)
    before = page.locator(".fs-stream-arms").get_attribute("data-run")
    context.set_offline(True)
    expect_lost(page)
    page.click("#steer-stream-run")
    expect(page.locator("#frame-unasked")).to_contain_text("goes on by itself")
    context.set_offline(False)
    expect_back(page)
    until(page, f"document.querySelector('.fs-stream-arms').dataset.run !== '{before}'")
    written(page)
    assert page.locator("#frame-problem-text").inner_text() == ""
