"""Coverage between a choice and its answer, and what follows the choice in its table."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_coverage import choose, ready
from tests.browser.waiting import until

pytestmark = pytest.mark.browser


def test_what_a_choice_has_overtaken_is_dimmed_until_its_answer_comes(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/coverage")
    ready(page)
    held: list[Route] = []
    view = '"output":"..coverage-headline.children'
    page.route(
        "**/_dash-update-component*",
        lambda route: (
            held.append(route) if view in (route.request.post_data or "") else route.continue_()
        ),
    )
    choose(page, "cut", "20")
    for name in ("lead", "panels"):
        expect(page.locator(f"#coverage-{name}")).to_have_css("opacity", "0.45")
    while held:
        held.pop().continue_()
    for name in ("lead", "panels"):
        expect(page.locator(f"#coverage-{name}")).to_have_css("opacity", "1")


def test_a_tokens_colour_follows_the_cut_as_its_class_does(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/coverage?cut=60")
    ready(page)
    rows = "[...document.querySelectorAll('#coverage-table .ag-center-cols-container [role=row]')]"
    classes = f"{rows}.map(row => row.querySelector('[col-id=token_class]').textContent)"
    until(page, f"{classes}.length > 3")
    before = page.evaluate(classes)
    choose(page, "cut", "20")
    until(page, f"{classes}.join() !== {','.join(before)!r}")
    coloured = f"""{rows}.map(row =>
        row.querySelector('.fs-token').className.replace('fs-token fs-token--', ''))"""
    assert page.evaluate(coloured) == page.evaluate(classes)
