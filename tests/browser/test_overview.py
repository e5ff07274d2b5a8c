"""Overview: the hypothesis, this build's numbers as the API has them, and a worked example."""

import pytest
from playwright.sync_api import Page, expect

from app.parts.numbers import percent

pytestmark = pytest.mark.browser


def test_the_numbers_are_the_apis_numbers(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    answer = page.request.get(f"{live_server_url}/api/coverage?sae_id=layer_2").json()
    contrast = max((one for one in answer["contrast"] if one["k"] <= 10), key=lambda one: one["k"])
    stats = page.locator(".fs-stat__value")
    expect(stats.first).to_contain_text(percent(contrast["coverage"]))
    expect(page.locator("#overview-numbers")).to_contain_text(f"{answer['n_active']:,}")
    hover = page.locator("#overview-numbers .fs-number").first.get_attribute("title")
    assert hover is not None
    assert f"{contrast['occurrences']:,}" in hover


def test_the_curve_is_drawn_for_every_layer(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    page.locator("#overview-curve .scatterlayer").wait_for(state="attached")
    names = (
        "document.querySelector('#overview-curve .js-plotly-plot').data.map((line) => "
        "line.name).filter(Boolean)"
    )
    assert page.evaluate(names) == ["layer 0", "layer 2", "layer 3"]


def test_the_pair_is_on_screen_with_what_fires(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    strips = page.locator(".fs-strip")
    expect(strips).to_have_count(2)
    expect(strips.first).to_contain_text("Russia")
    expect(strips.first.locator(".fs-strip__next")).to_contain_text("→")
    expect(strips.first.locator(".fs-strip__bar--again").first).to_be_attached()


def test_four_ways_in_and_each_opens(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    cards = page.locator(".fs-entry")
    expect(cards).to_have_count(4)
    cards.first.click()
    expect(page).to_have_url(f"{live_server_url}/coverage")
    expect(page.locator("#coverage-headline")).to_contain_text("most frequent token")


def test_everything_fits_one_screen(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    expect(page.locator(".fs-strip")).to_have_count(2)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
