"""Steering's texts in a real browser:
streamed as the API answers, stopped without losing any, sampled, recorded.
"""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steer_page import (
    GATE,
    ONE,
    SHORT,
    count_tokens,
    open_page,
    sent,
    steer,
    texts,
    written,
)
from tests.browser.waiting import as_written, until

pytestmark = pytest.mark.browser


def test_texts_and_controls_stream_as_the_api_answers(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    written(page)
    answer = steer(page, live_server_url, controls=True)
    expected = {"baseline": answer["baseline"], "steered": answer["steered"], **answer["controls"]}
    assert texts(page) == {name: arm["texts"] for name, arm in expected.items()}


def test_an_arm_that_cannot_be_is_named(page: Page, live_server_url: str) -> None:
    """An edit at every token leaves no content token for the arm elsewhere."""
    open_page(page, live_server_url, ONE.replace("last_function", "all") + "&tokens=4")
    written(page)
    note = page.locator(".fs-arms-note", has_text="Elsewhere is left out")
    expect(note).to_contain_text("no content token that no intervention edits")
    expect(page.locator("[data-arm=content_position]")).to_have_count(0)
    expect(page.locator("[data-arm=sign_flipped]")).to_have_count(1)


def test_stop_keeps_the_text_of_this_run(page: Page, live_server_url: str) -> None:
    """Exactly the tokens that came before Stop stay, they are this run's, and none follows."""
    page.add_init_script(GATE)
    open_page(page, live_server_url, ONE + "&tokens=20&controls=0")
    written(page)  # an earlier run's texts are on screen
    before = page.locator(".fs-stream-arms").get_attribute("data-run")
    asked = sent(page)
    page.evaluate("gate.hold('/api/steer/stream', 'token', 10)")
    page.locator("#steer-stream-run").click()
    until(page, "gate.passed === 10 && gate.wake.length > 0")
    until(page, f"document.querySelector('.fs-stream-arms').dataset.run !== '{before}'")
    until(
        page, "document.querySelectorAll('.fs-stream .fs-text > span:not(.fs-caret)').length === 10"
    )
    page.locator("#steer-stream-stop").click()
    expect(page.locator("#steer-stream")).to_have_attribute("data-status", "stopped")
    run = page.locator("#steer-stream").get_attribute("data-run")
    assert page.locator(".fs-stream-arms").get_attribute("data-run") == run != before
    kept = texts(page)
    page.evaluate("gate.open(Infinity)")
    page.wait_for_timeout(300)
    assert texts(page) == kept
    assert count_tokens(page) == 10
    expect(page.locator(".fs-caret")).to_have_count(0)
    whole = steer(page, live_server_url, max_new_tokens=20)
    for arm, (text,) in kept.items():
        assert whole[arm]["texts"][0].startswith(text)
        assert text != whole[arm]["texts"][0]
    assert any(text for (text,) in kept.values())
    assert any(path.startswith("/api/steer/cancel/") for path in asked)  # the server stops, too


def test_a_run_stopped_before_its_first_token_does_not_pass_off_older_texts_as_its_own(
    page: Page, live_server_url: str
) -> None:
    page.add_init_script(GATE)
    open_page(page, live_server_url, SHORT)
    written(page)
    before = texts(page)
    page.evaluate("gate.hold('/api/steer/stream', 'arm', 0)")
    page.locator("#steer-stream-run").click()
    until(page, "gate.wake.length > 0")
    page.keyboard.press("Escape")
    expect(page.locator("#steer-stream")).to_have_attribute("data-status", "stopped")
    expect(page.locator(".fs-stream-tools [role=status]").first).to_contain_text(
        "texts of the run before"
    )
    expect(page.locator(".fs-stream-arms")).to_have_class("fs-stream-arms is-stale")
    assert texts(page) == before


def test_escape_stops_while_somebody_types(page: Page, live_server_url: str) -> None:
    page.add_init_script(GATE)
    open_page(page, live_server_url, SHORT)
    written(page)
    page.evaluate("gate.hold('/api/steer/stream', 'token', 2)")
    page.locator("#steer-stream-run").click()
    until(page, "gate.passed === 2 && gate.wake.length > 0")
    page.locator("#steer-prompt-area").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#steer-stream")).to_have_attribute("data-status", "stopped")
    until(
        page, "document.querySelectorAll('.fs-stream .fs-text > span:not(.fs-caret)').length === 2"
    )


def test_texts_part_where_the_api_says_and_tokens_tell_their_probability(
    page: Page, live_server_url: str
) -> None:
    open_page(page, live_server_url, ONE + "&tokens=12")
    written(page)
    answer = steer(page, live_server_url, max_new_tokens=12, controls=True)
    first = answer["steered"]["first_divergence"][0]
    text = page.locator("[data-arm=steered] .fs-text")
    assert first is not None
    expect(text).to_have_attribute("data-first", str(first))
    expect(text.locator(":scope > span").nth(first)).to_have_class(re.compile("is-parting"))
    text.focus()
    page.keyboard.press("ArrowRight")
    probability = answer["steered"]["probabilities"][0][0]
    readout = page.locator(".fs-text-readout")
    expect(readout).to_contain_text("token 1: ")
    expect(readout).to_contain_text(
        page.evaluate(as_written("percent"), probability) + " in steered"
    )
    page.keyboard.press("ArrowRight")
    expect(readout).to_contain_text("token 2: ")


def test_samples_follow_the_greedy_text_and_are_repeatable_by_their_seed(
    page: Page, live_server_url: str
) -> None:
    query = ONE + "&temperature=1&samples=2&seed=5&tokens=8&controls=0"
    open_page(page, live_server_url, query)
    written(page)
    arms = texts(page)
    greedy = steer(page, live_server_url, max_new_tokens=8)
    sampled = steer(page, live_server_url, temperature=1, samples=2, seed=5, max_new_tokens=8)
    assert arms == {
        arm: greedy[arm]["texts"] + sampled[arm]["texts"] for arm in ("baseline", "steered")
    }
    expect(page.locator(".fs-arms h3")).to_contain_text(["Greedy", "Sample 1", "Sample 2"])
    assert "samples=2" in page.url
    asked = sent(page)
    page.locator("#steer-settings summary").click()
    page.locator("#steer-samples").fill("0")
    expect(page.locator(".fs-arms h3")).to_have_count(1)
    written(page)
    assert asked == []  # the greedy texts were known


def test_saving_gives_a_link_to_the_same_experiment(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url, ONE + "&tokens=6")
    written(page)
    page.get_by_role("button", name="Save as a run").click()
    link = page.locator("#steer-save a")
    expect(link).to_be_visible()
    run_id = (link.get_attribute("href") or "").removeprefix("/r/")
    run = page.request.get(f"{live_server_url}/api/runs/{run_id}").json()
    assert run["kind"] == "steer"
    assert [run["result"]["steered"]["texts"]] == [texts(page)["steered"]]
