"""Reactivation in a real browser:
ranges, filters, the shuffled baseline, generated tokens, the prompt set.
"""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_reactivation import PROMPT, inspect, open_page, run_prompt
from tests.browser.waiting import as_written, matrix, until

pytestmark = pytest.mark.browser

HIDDEN = "#reactivation-matrix-hidden"


def firing_at(answer: dict[str, Any], sae_id: str) -> dict[int, set[int]]:
    """Features by position."""
    firings = answer["firings"][sae_id]
    found: dict[int, set[int]] = {}
    for position, feature in zip(firings["position"], firings["feature_index"], strict=True):
        found.setdefault(position, set()).add(feature)
    return found


def shown_and_hidden(page: Page) -> tuple[int, int]:
    line = page.locator(HIDDEN).inner_text()
    return int(re.findall(r"\d+", line)[0]), int((re.findall(r"hide (\d+)", line) or ["0"])[0])


def test_a_range_keeps_what_fires_at_all_of_it(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    run_prompt(page, PROMPT)
    strip = page.locator(".fs-fm-strip")
    strip.locator("[data-column='3']").click()
    strip.locator("[data-column='4']").click(modifiers=["Shift"])
    expect(page.locator(".fs-token.is-locked")).to_have_count(2)
    expect(page.locator(".fs-cmp-where")).to_contain_text("At the last of the 2 locked positions")
    until(page, "location.search.includes('at=3-4') && location.search.includes('locked=1')")
    expect(page.locator("#reactivation-matrix-locked")).to_be_checked()  # a range filters at once
    sae_id = page.evaluate(matrix("state.model.saeId"))
    at = firing_at(inspect(page, live_server_url, PROMPT, sae_id), sae_id)
    wanted, everything = len(at[3] & at[4]), len(set().union(*at.values()))
    expect(page.locator(HIDDEN)).to_contain_text(
        f"{everything - wanted} not firing at all 2 locked positions"
    )
    assert shown_and_hidden(page) == (wanted, everything - wanted)
    strip.locator("[data-column='6']").click(modifiers=["Control"])
    until(page, "location.search.includes('at=3-4.6')")
    page.keyboard.press("Escape")
    expect(page.locator(".fs-token.is-locked")).to_have_count(0)
    page.locator("#reactivation-matrix-clear").click()
    expect(page.locator(HIDDEN)).to_have_text(f"all {everything} features that fire are shown")


def test_shift_and_an_arrow_extend_the_range(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    run_prompt(page, PROMPT)
    page.locator(".fs-fm-strip [data-column='5']").click()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    until(page, "location.search.includes('at=5-7')")
    page.keyboard.press("Shift+ArrowLeft")
    until(page, "location.search.includes('at=5-6')")


def test_filters_add_up_and_travel_with_the_link(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    run_prompt(page, PROMPT)
    everything = page.evaluate(matrix("state.model.all.length"))
    page.locator("#reactivation-matrix-at-class").select_option("function")
    page.locator("#reactivation-matrix-least").fill("3")
    page.locator("#reactivation-matrix-density").fill("40")
    until(
        page,
        "['class=function', 'least=3', 'density=40'].every((x) => location.search.includes(x))",
    )
    shown, hidden = shown_and_hidden(page)
    assert shown + hidden == everything
    assert hidden > 0
    line = page.locator(HIDDEN).inner_text()
    address = page.evaluate("location.search")
    open_page(page, live_server_url, address)
    expect(page.locator(HIDDEN)).to_have_text(line)
    page.locator("#reactivation-matrix-pinned").check()
    expect(page.locator(HIDDEN)).to_contain_text(f"filters hide {everything}")
    page.locator(".fs-cmp-item").first.click()
    expect(page.locator(HIDDEN)).to_contain_text(f"1 of {everything} features shown")


def test_the_baseline_stands_beside_and_can_be_left_out(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url, "?prompt=What%20is%20the%20capital%20of%20Russia%3F%0A")
    whiskers = page.locator(".fs-bar-whisker")
    n_tokens = page.locator(".fs-fm-strip .fs-token").count()
    expect(whiskers).to_have_count(n_tokens - 1)  # one a position, not at BOS
    sae_id = page.evaluate(matrix("state.model.saeId"))
    body = {"prompt": "What is the capital of Russia?\n", "sae_ids": [sae_id]}
    answer = page.request.post(f"{live_server_url}/api/reactivation", data=body).json()
    page.locator(".fs-fm-strip [data-column='3']").hover()
    mean = page.evaluate(as_written("number"), answer["shuffled"][sae_id][2]["reactivated"]["mean"])
    expect(page.locator("#reactivation-matrix-readout")).to_contain_text(
        f"(shuffled: {mean} reactivated"
    )
    rows = page.locator("#reactivation-index tbody tr")
    expect(rows).to_have_count(2)
    function = answer["index"][sae_id]["classes"][0]
    written = f"{abs(100 * function['index']):.1f}"
    expect(rows.first.locator("td b")).to_contain_text(written)
    page.locator("#reactivation-shuffled").focus()
    page.keyboard.press("Space")
    expect(whiskers).to_have_count(0)
    until(page, "location.search.includes('shuffled=0')")


def test_generated_tokens_stand_after_the_prompt(page: Page, live_server_url: str) -> None:
    prompt = "The cat sat on the mat.\n"
    open_page(page, live_server_url, "?generate=4&prompt=The%20cat%20sat%20on%20the%20mat.%0A")
    body = {"prompt": prompt, "generate": 4}
    answer = page.request.post(f"{live_server_url}/api/inspect", data=body).json()
    n_made = len(answer["tokens"]) - (answer["generated_from"] or len(answer["tokens"]))
    assert n_made > 0  # the tiny model does not end at once
    expect(page.locator(".fs-fm-strip .fs-token.is-generated")).to_have_count(n_made)
    locked = page.locator(".fs-fm-strip .is-locked").get_attribute("data-column")
    # the socket is the prompt's own last function token
    assert int(locked or -1) < answer["generated_from"]
    assert "generate=4" in page.evaluate("location.search")


def test_two_prompts_show_where_they_differ(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    page.locator("#reactivation-prompt-area").fill("The cat.")
    page.locator("#reactivation-pair").click()  # one click brings the pair back
    until(page, matrix("state.model?.prompts.length === 2"))
    expect(page.locator(".fs-fm-difference")).to_be_visible()
    expect(page.locator("#reactivation-compare-origin")).to_contain_text("only in A")
    page.locator(".fs-fm-strip [data-lane='0'][data-column='3']").hover()
    expect(page.locator("#reactivation-matrix-readout")).to_contain_text("only in A")


def test_the_prompt_set_is_counted_as_it_streams(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    page.get_by_role("button", name="Measure over the prompt set").click()
    status = page.locator(".fs-ix-set [role='status']")
    expect(status).to_have_text(re.compile(r"^\d+ of \d+ prompts$"))
    expect(status).to_have_text(re.compile(r"^\d+ prompts$"), timeout=120_000)
    n_prompts = status.inner_text().split()[0]
    set_rows = page.locator("#reactivation-index tbody tr").filter(has_text=f"{n_prompts} prompts")
    expect(set_rows).to_have_count(1)
    expect(page.locator("#reactivation-index tbody [class*='difference']").first).to_be_attached()
    assert "set=1" in page.evaluate("location.search")
