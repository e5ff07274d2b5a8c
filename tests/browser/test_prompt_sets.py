"""Sets of one's own in a real browser: pasted on Reactivation, opened from a file on Steering, run,
recorded, and opened again by their links.
"""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steer_page import ONE, open_page

pytestmark = pytest.mark.browser

PASTED = "What is the capital of Russia?\n\nThe cat sat on the mat.\n"
TABLE = (
    b"id,question\n1,What is the capital of Russia?\n"
    b'2,"The cat, then."\n3\n4,What is the capital of the UK?\n'
)


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.evaluate("location.href")).query)


def recorded(page: Page, link: str) -> tuple[str, dict[str, Any]]:
    expect(page.locator(link)).to_be_visible()
    address = page.locator(link).get_attribute("href") or ""
    run = page.request.get(f"{page.evaluate('location.origin')}/api/runs/{address[3:]}")
    return address, run.json()


def test_a_pasted_set_is_measured_and_its_link_opens_without_it(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/reactivation?sae=layer_2&shuffled=0")
    page.locator("#reactivation-index-own summary").click()
    page.locator("#reactivation-index-own-set-text").fill(PASTED)
    status = page.locator("#reactivation-index-own-set-status")
    expect(status).to_have_text("2 prompts (one a line) · 2 empty rows left out")
    page.get_by_role("button", name="Measure over these 2 prompts").click()
    address, run = recorded(page, "#reactivation-index-own .fs-run-link-out a")
    assert run["request"]["prompts"] == [
        "What is the capital of Russia?\n",
        "The cat sat on the mat.\n",
    ]
    rows = page.locator("#reactivation-index tbody tr")
    expect(rows.filter(has_text="2 own prompts, layer_2")).to_have_count(1)
    expect(page).to_have_url(re.compile("own=" + address[3:]))
    page.goto(live_server_url + address)
    expect(page.locator("#run-set .fs-ix tbody tr").first).to_contain_text("2 prompts, layer_2")
    expect(page.locator(".fs-run-prompts li")).to_have_text(
        ["What is the capital of Russia?↵", "The cat sat on the mat.↵"]
    )
    page.get_by_role("button", name="re-run and compare").click()
    expect(page.locator("#run-agreement")).to_contain_text("Agrees")
    page.locator("#run-fork").click()
    expect(page.locator("#reactivation-index-own-set-text")).to_have_value(
        "What is the capital of Russia?\nThe cat sat on the mat."
    )
    expect(rows.filter(has_text="2 own prompts, layer_2")).to_have_count(1)


def test_a_file_is_steered_prompt_by_prompt_and_its_link_opens_without_it(
    page: Page, live_server_url: str
) -> None:
    open_page(page, live_server_url, ONE + "&tokens=3&open_set=1")
    file = {"name": "set.csv", "mimeType": "text/csv", "buffer": TABLE}
    page.locator("#steer-set-own-file").set_input_files(file)  # type: ignore[arg-type]
    expect(page.locator("#steer-set-own-status")).to_have_text(
        "3 prompts from set.csv (CSV, column question)"
    )
    expect(page.locator("#steer-set-own .fs-own-wrong summary")).to_have_text(
        "1 row holds no prompt"
    )
    expect(page.locator("#steer-set-own .fs-own-wrong li")).to_have_text(
        "row 4 has 1 of the first row's 2 cells"
    )
    column = page.locator("#steer-set-own-column")
    column.select_option("id")
    expect(page.locator("#steer-set-own-status")).to_contain_text("column id")
    column.select_option("question")
    expect(page.locator("#steer-set-own-status")).to_contain_text("column question")
    page.locator("#steer-set-success").select_option("regex:")
    page.locator("#steer-set-success-text").fill("[aeiou]")
    page.get_by_role("button", name="Try it on these 3 prompts").click()
    address, run = recorded(page, "#steer-set .fs-run-link-out a")
    assert run["request"]["prompts"][1] == "The cat, then.\n"
    cells = page.locator("#steer-set-results tbody tr")
    expect(cells).to_have_count(3)
    assert len(run["result"]["arms"]) == 5
    for arm in run["result"]["arms"]:
        rate = arm["success"]
        words = f"{rate['successes']} of {rate['n']}"
        expect(page.locator("#steer-set-results-success")).to_contain_text(words)
    assert query(page)["set"] == [address[3:]]
    page.reload()  # without the file
    expect(cells).to_have_count(3)
    expect(page.locator("#steer-set-own-text")).to_have_value(
        "What is the capital of Russia?\nThe cat, then.\nWhat is the capital of the UK?"
    )
    page.goto(live_server_url + address)
    expect(page.locator("#run-set tbody tr")).to_have_count(3)


def test_what_cannot_be_read_is_one_sentence_and_what_was_pasted_stays(
    page: Page, live_server_url: str, page_problems: list[str]
) -> None:
    open_page(page, live_server_url, ONE + "&tokens=3&open_set=1")
    page.locator("#steer-set-own-text").fill("a,a\n1,2")
    page.locator("#steer-set-own-format").select_option("csv")
    expect(page.locator("#steer-set-own [role='alert']")).to_contain_text(
        "names every column, each once"
    )
    expect(page.locator("#steer-set-own-text")).to_have_value("a,a\n1,2")
    expect(page.locator("#steer-set-run")).to_be_disabled()
    page_problems.clear()  # the refusal
    page.locator("#steer-set-own-format").select_option("lines")
    expect(page.locator("#steer-set-run")).to_be_enabled()


def test_an_edit_in_chosen_sockets_is_none_of_a_set(page: Page, live_server_url: str) -> None:
    at = ONE.replace("last_function", "3")
    open_page(page, live_server_url, at + "&tokens=3&open_set=1")
    page.locator("#steer-set-own-text").fill("The cat sat on the mat.")
    expect(page.locator("#steer-set")).to_contain_text("sits in chosen sockets (3)")
    expect(page.locator("#steer-set-run")).to_be_disabled()
