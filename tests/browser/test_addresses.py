"""Addresses that keep what is on the page, and say so where they ask for what is not there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steer_page import open_page
from tests.browser.test_coverage import ready
from tests.browser.test_run import PROMPT, record
from tests.browser.waiting import until

pytestmark = pytest.mark.browser

RANGES = """['loss', 'features', 'degree'].map((name) => {
  const plot = document.querySelector(`#consolidation-${name} .js-plotly-plot`);
  return plot?._fullLayout?.xaxis?.range.map((x) => x.toFixed(3));
})"""
CHIPS = "#consolidation-lines label, .fs-consolidation__chips label"


def test_an_emptied_prompt_stays_empty_in_the_link(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url, "?tokens=3")
    page.locator("#steer-prompt-area").fill("")
    until(page, "new URLSearchParams(location.search).get('prompt') === ''")
    address = page.evaluate("location.search")
    assert "tokens=3" in address
    page.goto(f"{live_server_url}/steer{address}")
    expect(page.locator("#steer-shift")).to_have_text("Type a prompt to see what comes next.")
    expect(page.locator("#steer-prompt-area")).to_have_value("")
    until(page, "new URLSearchParams(location.search).get('prompt') === ''")


def test_the_last_transition_cannot_be_taken_away(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/consolidation?lines=fc")
    expect(page.locator("#consolidation-here tbody tr")).to_have_count(5)
    names = (
        "document.querySelector('#consolidation-loss .js-plotly-plot').data.map((one) => "
        "one.name).join()"
    )
    until(page, f"{names}.includes('f→c')")
    before = page.evaluate(names)
    page.locator(CHIPS).filter(has_text="f→c").first.click()
    expect(page.locator("#frame-notice")).to_have_text("At least one transition stays.")
    expect(page.locator(".fs-consolidation__chips input:checked")).to_have_count(1)
    assert page.evaluate(names) == before
    assert page.evaluate("location.search") == "?lines=fc"


def test_a_brushed_range_is_in_the_link(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/consolidation?from=10&to=1000")
    until(page, f"{RANGES}.every((range) => String(range) === '1.000,3.000')")
    until(page, "location.search === '?from=10&to=1000'")
    box = page.locator("#consolidation-loss .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 60)
    until(page, "location.search === ''")


def test_unknown_places_of_the_consolidation_page_are_said(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/consolidation?step=foo&sentence=99&from=5&to=2")
    told = page.locator(".fs-notice--problem")
    for said in ("step: got 'foo', allowed are 0, 1, 2", "sentence: got '99'", "from '5' to '2'"):
        expect(told).to_contain_text(said)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "/reactivation?order=bogus",
            "order: got 'bogus', allowed are first, function, often, activation",
        ),
        ("/reactivation?sae=nope", "sae: got 'nope', allowed are layer_0, "),
        ("/reactivation?theta=2", "theta: this page has no such setting"),
        ("/steer?foo=1", "foo: this page has no such setting"),
    ],
)
def test_what_an_address_asks_in_vain_is_said_and_leaves_it(
    page: Page, live_server_url: str, path: str, said: str
) -> None:
    page.goto(live_server_url + path)
    expect(page.locator(".fs-notice--problem")).to_contain_text(said)
    until(page, "location.search === ''")


def test_the_order_of_a_recorded_matrix_is_in_the_link(page: Page, live_server_url: str) -> None:
    address = record(
        page, live_server_url, "inspect", {"prompt": PROMPT, "sae_ids": ["layer_0", "layer_2"]}
    )
    page.goto(live_server_url + address)
    page.locator("#run-matrix-1-order").select_option("activation")
    until(page, "location.search === '?order.1=activation'")
    page.reload()
    expect(page.locator("#run-matrix-1-order")).to_have_value("activation")
    expect(page.locator("#run-matrix-0-order")).to_have_value("first")


def test_the_sort_of_the_rank_table_is_in_the_link(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage")
    ready(page)
    page.locator("#coverage-table .ag-header-cell[col-id='degree']").click()
    until(page, "new URLSearchParams(location.search).get('sort') === 'degree:asc'")
    first = page.locator("#coverage-table [row-index='0'] [col-id='degree']").last.inner_text()
    page.reload()
    ready(page)
    expect(page.locator("#coverage-table [row-index='0'] [col-id='degree']").last).to_have_text(
        first
    )
    assert "sort=degree%3Aasc" in page.evaluate("location.search")


def test_a_refused_next_token_is_in_the_status_line_with_its_request(
    page: Page, live_server_url: str, page_problems: list[str]
) -> None:
    problem = {
        "type": "/docs",
        "title": "Refused",
        "status": 422,
        "detail": "for the test",
        "request_id": "5f5f5f",
    }
    page.route("**/api/steer", lambda route: route.fulfill(status=422, json=problem))
    page.goto(f"{live_server_url}/steer")
    expect(page.locator("#steer-shift")).to_contain_text("Refused: for the test (request 5f5f5f)")
    expect(page.locator("#frame-problem-text")).to_have_text("Refused: for the test")
    expect(page.locator("#frame-request-id")).to_have_text("5f5f5f")
    page_problems.clear()
