"""The claims page in a browser: verdicts, their filter and its link."""

import re

from playwright.sync_api import Page, expect

from tests.browser.waiting import until


def test_verdicts_are_filtered_and_the_filter_is_in_the_link(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/claims")
    cards = page.locator(".fs-claim")
    expect(cards.first).to_be_visible()
    everything = cards.count()
    wanted = page.locator('.fs-claim[data-verdict="not-tested"]').count()
    assert 0 < wanted < everything
    page.locator("#claims-verdict label", has_text="not tested").click()
    until(page, f"document.querySelectorAll('.fs-claim:not([hidden])').length === {wanted}")
    until(page, "location.search === '?verdict=not-tested'")
    page.reload()
    expect(cards.first).to_be_attached()
    until(page, f"document.querySelectorAll('.fs-claim:not([hidden])').length === {wanted}")


def test_each_card_says_how_it_is_decided(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/claims")
    card = page.locator("#claims-ten-tokens-reach-most")
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(card).to_contain_text("Supported if the whole interval lies above 70.0 %")


def test_nothing_is_cut_off_at_900_pixels(page: Page, live_server_url: str) -> None:
    page.set_viewport_size({"width": 900, "height": 1000})
    page.goto(f"{live_server_url}/claims")
    expect(page.locator(".fs-claim").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_see_it_leads_to_the_panel_that_shows_it(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/claims")
    page.locator("#claims-features-grow").get_by_role("link", name="see it").click()
    expect(page).to_have_url(re.compile("/consolidation#consolidation-features-panel$"))
    expect(page.locator("#consolidation-features-panel")).to_be_in_viewport()
    page.goto(f"{live_server_url}/claims#claims-zipf")
    expect(page.locator("#claims-zipf")).to_be_in_viewport()


def test_an_address_that_asks_for_more_is_told_so(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/claims?verdict=proven&tone=kind")
    told = page.locator(".fs-notice--problem")
    expect(told).to_contain_text("tone: this page has no such setting; ")
    expect(told).to_contain_text("verdict: got 'proven', allowed are all, supported")
