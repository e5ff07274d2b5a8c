"""Reactivation, what the states cause: the locked position in words, and one prompt's states in
another's run, both as the API has them.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from playwright.sync_api import Error as PlaywrightError

from tests.browser.conftest import PAIR
from tests.browser.test_accessibility import broken, settle
from tests.browser.test_reactivation import open_page, run_prompt
from tests.browser.waiting import as_written, until

pytestmark = pytest.mark.browser

TRAVEL = "#reactivation-travel"
WORDS = "#reactivation-words"
ANSWERS = {"answer_a": "·capital", "answer_b": "·of"}
ASKED = {"travel": "1", "unrelated": "", **ANSWERS}
TOKENS = {name: {"kind": "token", "text": text.replace("·", " ")} for name, text in ANSWERS.items()}


def patched(page: Page, url: str, **changes: Any) -> dict[str, Any]:
    """The whole answer of POST /api/patch."""
    body = {"prompt_a": PAIR[0], "prompt_b": PAIR[1]} | TOKENS | changes
    text = page.request.post(f"{url}/api/patch", data=body).text()
    last = text.strip().rsplit("data:", 1)[1]
    return dict(json.loads(last)["result"])


def held_back(
    page: Page, address: str, which: Callable[[Any], bool] = lambda body: True
) -> list[Route]:
    """Requests to it, by their body, which nobody answers while they are held."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if which(route.request.post_data_json):
            held.append(route)
        else:
            route.continue_()

    page.route(address, hold)
    return held


def let_go(held: list[Route]) -> None:
    """Requests that the page has given up."""
    for route in held:
        with contextlib.suppress(PlaywrightError):
            route.abort()


def done(page: Page) -> None:
    expect(page.locator(f"{TRAVEL}[data-status=done]")).to_be_visible()


def test_a_link_fills_the_map_with_the_apis_numbers(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url, "?" + urlencode(ASKED))
    done(page)
    result = patched(page, live_server_url)
    a, b = result["ends"]["cells"]["log_odds"]
    n_columns = len(result["positions"])
    cells = page.locator(f"{TRAVEL} .fs-travel-cell:not(.is-set)")
    expect(cells).to_have_count(n_columns * len(result["rows"]))
    shown = cells.all_inner_texts()
    expected = [(x - b) / (a - b) for row in result["rows"] for x in row["cells"]["log_odds"]]
    for text, share in zip(shown, expected, strict=True):
        assert float(text.replace("−", "-")) == pytest.approx(share, abs=0.006)
    assert len(set(shown)) > 1  # not all of them nothing
    flipped = sum(flag for row in result["rows"] for flag in row["cells"]["flipped"])
    assert page.locator(f"{TRAVEL} .fs-travel-cell.is-flipped:not(.is-set)").count() == flipped
    sets = page.locator(f"{TRAVEL} .fs-travel-column.is-set").all_inner_texts()
    assert sets == [one["name"] for one in result["sets"] if one["positions"]]
    sham = page.locator(f"{TRAVEL} [role=gridcell].fs-travel-sham").all_inner_texts()
    assert sham == ["0"] * len(result["rows"])
    expect(page.locator(f"{TRAVEL}-ends")).to_contain_text("A ·capital")
    code = page.locator("#reactivation-travel-panel-curl")
    expect(code).to_contain_text("/api/patch")
    expect(code).to_contain_text('"text": " capital"')


def test_cells_say_their_numbers_by_key_and_by_touch(
    browser: Browser, live_server_url: str
) -> None:
    context = browser.new_context(viewport={"width": 380, "height": 800}, has_touch=True)
    context.set_default_timeout(90_000)
    page = context.new_page()
    open_page(page, live_server_url, "?" + urlencode(ASKED))
    done(page)
    readout = page.locator(f"{TRAVEL}-readout")
    first = page.locator(f"{TRAVEL} [data-row='0'][data-column='0']")
    first.tap()
    expect(readout).to_contain_text("A's state after layer 0 at ")
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(readout).to_contain_text("after layer 1 at ")
    page.keyboard.press("End")
    expect(readout).to_contain_text("together")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # the upper edge
    expect(first).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") == 380
    assert page.evaluate("document.querySelector('.fs-travel-scroll').scrollWidth") > 0
    context.close()


def test_the_control_stands_beside_and_can_be_left_out(page: Page, live_server_url: str) -> None:
    query = {**ASKED, "unrelated": "The cat sat on the mat, and the dog sat by the door.\n"}
    open_page(page, live_server_url, "?" + urlencode(query))
    done(page)
    result = patched(page, live_server_url, unrelated=query["unrelated"])
    control = [row for row in result["rows"] if row["source"] == "unrelated"]
    a, b = result["ends"]["cells"]["log_odds"]
    shown = page.locator("[data-source=unrelated] .fs-travel-cell:not(.is-set)").all_inner_texts()
    expected = [(x - b) / (a - b) for row in control for x in row["cells"]["log_odds"]]
    for text, share in zip(shown, expected, strict=True):
        assert float(text.replace("−", "-")) == pytest.approx(share, abs=0.006)
    page.locator(f"{TRAVEL}-unrelated").fill("")
    expect(page.locator(f"{TRAVEL}-stale")).to_be_visible()
    until(page, "location.search.includes('unrelated=&') || /unrelated=$/.test(location.search)")
    assert "travel=1" not in page.evaluate("location.search")  # the map is of other settings
    page.locator(f"{TRAVEL}-run").click()
    expect(page.locator("[data-source=unrelated]")).to_have_count(0)
    done(page)
    until(page, "location.search.includes('travel=1')")


def test_an_error_is_said_in_the_panel_and_the_next_run_cures_it(
    page: Page, live_server_url: str, page_problems: list[str]
) -> None:
    open_page(page, live_server_url, "?" + urlencode({**ASKED, "answer_a": "capital of Russia"}))
    problem = page.locator(f"{TRAVEL} [role=alert]")
    expect(problem).to_contain_text("one token of this model")
    expect(page.locator(f"{TRAVEL} .fs-travel-cell")).to_have_count(0)
    assert [one for one in page_problems if "422" in one]
    page_problems.clear()
    page.locator(f"{TRAVEL}-answer-a").fill(ANSWERS["answer_a"])
    page.locator(f"{TRAVEL}-run").click()
    done(page)
    expect(problem).to_have_count(0)


ROWS = 2


def half(page: Page, route: Route, url: str) -> None:
    """A stream that ends after its second row, as one that is stopped on the way does."""
    frames = page.request.post(f"{url}/api/patch", data=route.request.post_data_json).text()
    kept = re.split(r"(?=event: row)", frames)[: 1 + ROWS]
    route.fulfill(body="".join(kept), content_type="text/event-stream")


def test_what_came_of_a_broken_stream_is_kept(page: Page, live_server_url: str) -> None:
    page.route("**/api/patch", lambda route: half(page, route, live_server_url))
    open_page(page, live_server_url, "?" + urlencode(ASKED))
    expect(page.locator(f"{TRAVEL} [role=alert]")).to_contain_text("ended early")
    cells = page.locator(f"{TRAVEL} button.fs-travel-cell:not(.is-set)")
    result = patched(page, live_server_url)
    expect(cells).to_have_count(ROWS * len(result["positions"]))
    expect(page.locator(f"{TRAVEL} .fs-travel-cell.is-waiting").first).to_be_visible()
    page.unroute("**/api/patch")
    page.locator(f"{TRAVEL}-run").click()
    done(page)
    expect(page.locator(f"{TRAVEL} .fs-travel-cell.is-waiting")).to_have_count(0)


def test_stop_ends_it_and_nothing_runs_on(page: Page, live_server_url: str) -> None:
    held = held_back(page, "**/api/patch")
    open_page(page, live_server_url, "?" + urlencode(ASKED))
    page.locator(f"{TRAVEL}-stop").click()
    expect(page.locator(f"{TRAVEL}[data-status=stopped]")).to_be_visible()
    expect(page.locator(f"{TRAVEL}-run")).to_be_enabled()
    page.unroute("**/api/patch")
    let_go(held)
    page.locator(f"{TRAVEL}-run").click()
    done(page)


def test_the_map_is_saved_as_a_table_and_as_pictures(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url, "?" + urlencode(ASKED))
    done(page)
    result = patched(page, live_server_url)
    with page.expect_download() as waiting:
        page.locator(f"{TRAVEL}-csv").click()
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_text(), newline="")))
    found = [float(row["log_odds_nats"]) for row in rows if row["place"] == "position"]
    expected = [x for row in result["rows"] for x in row["cells"]["log_odds"]]
    assert found == pytest.approx(expected, abs=1e-4)
    with page.expect_download() as waiting:
        page.locator(f"{TRAVEL}-svg").click()
    drawn = waiting.value.path().read_text()
    assert drawn.startswith("<svg ")
    assert len(re.findall("fill-opacity", drawn)) == len(rows)
    with page.expect_download() as waiting:
        page.locator(f"{TRAVEL}-png").click()
    assert waiting.value.path().read_bytes().startswith(b"\x89PNG")


def test_one_prompt_has_nothing_that_could_travel(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    run_prompt(page, "The cat sat on the mat.\n")
    expect(page.locator(TRAVEL)).to_contain_text("This takes two prompts")
    expect(page.locator(f"{TRAVEL}-run")).to_have_count(0)


def test_words_follow_the_lock_as_the_api_reads_it(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    expect(page.locator(".fs-words-lane")).to_have_count(0)  # nothing before it is asked for
    page.locator(f"{WORDS}-run").click()
    page.locator(".fs-fm-strip [data-lane='0'][data-column='3']").click()
    lanes = page.locator(".fs-words-lane")
    expect(lanes.first.locator("h3 .fs-token")).to_have_attribute("title", re.compile("position 3"))
    until(page, "location.search.includes('words=1')")
    body = {"prompt": PAIR[0], "positions": [3], "k": 5}
    rows = page.request.post(f"{live_server_url}/api/lens", data=body).json()["rows"]
    expect(lanes.first.locator("tbody tr")).to_have_count(len(rows))
    visible = page.evaluate(as_written("percent"), rows[0]["tokens"][0]["probability"])
    expect(lanes.first.locator(".fs-words-token").first).to_contain_text(visible)
    titles = lanes.first.locator("tbody tr:last-child .fs-words-token").evaluate_all(
        "(cells) => cells.map((cell) => cell.title)"
    )
    assert [
        f"token {one['token_id']} " in title
        for one, title in zip(rows[-1]["tokens"], titles, strict=True)
    ] == [True] * 5
    expect(page.locator("#reactivation-words-panel-curl")).to_contain_text('"positions": [3]')


LISTENED = """
window.cancelled = [];
const fetched = window.fetch;
window.fetch = (address, options) => {
  if (String(address) === "/api/lens")
    options.signal.addEventListener("abort", () =>
      window.cancelled.push(...JSON.parse(options.body).positions));
  return fetched(address, options);
};
"""


def test_another_lock_cancels_what_was_on_its_way(page: Page, live_server_url: str) -> None:
    page.add_init_script(LISTENED)
    held = held_back(page, "**/api/lens", lambda body: body["positions"] == [3])
    open_page(page, live_server_url, "?words=1&at=3")
    expect(page.locator(".fs-words-lane").first).to_contain_text("Reading this position")
    assert page.evaluate("window.cancelled") == []
    page.locator(".fs-fm-strip [data-lane='0'][data-column='4']").click()
    until(page, "window.cancelled.join() === '3,3'")  # one a prompt
    expect(page.locator(".fs-words-lane").first.locator("tbody tr").first).to_be_visible()
    assert page.evaluate("window.cancelled.join()") == "3,3"  # what was read is not
    let_go(held)


def test_a_reading_that_failed_says_so_and_is_read_again(
    page: Page, live_server_url: str, page_problems: list[str]
) -> None:
    refused = {"title": "Too busy", "detail": "come back later", "status": 429}
    page.route("**/api/lens", lambda route: route.fulfill(status=429, json=refused))
    open_page(page, live_server_url, "?words=1&at=3")
    alert = page.locator(".fs-words-lane [role=alert]")
    expect(alert.first).to_contain_text("Too busy: come back later")
    page_problems.clear()
    page.unroute("**/api/lens")
    alert.first.get_by_role("button").click()
    expect(alert).to_have_count(0)
    expect(page.locator(".fs-words-lane tbody tr").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_panels_keep_nobody_out(page: Page, live_server_url: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    control = {"unrelated": "The cat sat on the mat, and the dog sat by the door.\n"}
    open_page(page, live_server_url, "?" + urlencode({**ASKED, **control, "words": "1"}))
    done(page)
    expect(page.locator(".fs-words-lane tbody")).to_have_count(2)
    page.locator(f"{TRAVEL} [data-row='0'][data-column='0']").first.click()
    settle(page)
    assert broken(page) == []
