"""A conversation in a real browser: a system turn and two earlier turns, written on Reactivation,
its template's tokens shown, locked, and carried over to Steering and into a run.
"""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steer_page import open_page
from tests.browser.waiting import until

pytestmark = pytest.mark.browser

PROMPT = "What is the capital of Russia?\n"
TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi."},
    {"role": "assistant", "content": "Hello."},
]
WRITTEN = '[["s","Be brief."],["u","Hi."],["a","Hello."]]'
STRIP = ".fs-fm-strip .fs-token"


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.evaluate("location.href")).query)


def write_turns(page: Page, box: str) -> None:
    page.locator(f"#{box}-turns summary").click()
    page.locator(f"#{box}-system").click()
    page.locator(f"#{box}-turn-0").fill("Be brief.")
    page.locator(f"#{box}-turn-0").blur()
    page.locator(f"#{box}-add").click()
    page.locator(f"#{box}-turn-1").fill("Hi.")
    page.locator(f"#{box}-turn-1").blur()
    page.locator(f"#{box}-add").click()
    expect(page.locator(f"#{box}-role-2")).to_have_value("assistant")
    page.locator(f"#{box}-turn-2").fill("Hello.")
    page.locator(f"#{box}-turn-2").blur()
    expect(page.locator(f"#{box}-words")).to_have_text("a system turn, 2 earlier turns")


def written_tokens(page: Page, live_server_url: str) -> list[dict[str, Any]]:
    """Writes the conversation on Reactivation and runs it; its tokens as the API has them."""
    page.goto(f"{live_server_url}/reactivation?prompt=Speak+Chinese.%0A&shuffled=0&pins=layer_2:5")
    expect(page.locator(STRIP).first).to_be_visible()
    expect(page.locator(".fs-token--template")).to_have_count(0)  # plain text as ever
    page.locator("#reactivation-talk-chat").check()
    write_turns(page, "reactivation-talk")
    page.locator("#reactivation-prompt-area").fill(PROMPT)
    expect(page.locator("#reactivation-prompt-count")).to_contain_text("the chat template's own")
    expect(page.locator("#reactivation-stale")).to_contain_text("Edited since")
    page.locator("#reactivation-go").click()
    body = {"prompt": PROMPT, "chat": True, "turns": TURNS}
    tokens = page.request.post(f"{live_server_url}/api/tokenize", data=body).json()["tokens"]
    expect(page.locator(STRIP)).to_have_count(len(tokens))
    return list(tokens)


def test_a_conversation_is_written_read_locked_saved_and_steered(
    page: Page, live_server_url: str
) -> None:
    tokens = written_tokens(page, live_server_url)
    own = [token["position"] for token in tokens if token["template"]]
    expect(page.locator(f"{STRIP}--template")).to_have_count(len(own))
    plain = next(p for p in own if tokens[p]["token_class"] != "special")
    chip = page.locator(f".fs-fm-strip [data-column='{plain}']")
    expect(chip).to_have_attribute("title", re.compile("the chat template's own"))
    chip.click()
    expect(chip).to_have_class(re.compile("is-locked"))
    until(page, "new URLSearchParams(location.search).get('at') !== null")
    assert query(page)["chat"] == ["1"]
    assert json.loads(query(page)["turns"][0]) == json.loads(WRITTEN)

    page.locator("#reactivation-save button").first.click()
    link = page.locator("#reactivation-save a")
    expect(link).to_be_visible()
    run_url = live_server_url + (link.get_attribute("href") or "")
    page.reload()  # the link reproduces the conversation
    expect(page.locator(STRIP)).to_have_count(len(tokens))
    expect(page.locator("#reactivation-talk-turn-2")).to_have_value("Hello.")
    expect(page.locator(f".fs-fm-strip [data-column='{plain}']")).to_have_class(
        re.compile("is-locked")
    )

    page.locator("#reactivation-pins-panel a[href^='/steer']").first.click()
    expect(page.locator("#steer-talk-turn-0")).to_have_value("Be brief.")
    expect(page.locator(".fs-rack .fs-token--template")).to_have_count(len(own))

    page.goto(run_url)
    expect(page.locator(f"{STRIP}--template")).to_have_count(len(own))
    page.locator("#run-fork").click()
    expect(page.locator("#reactivation-talk-turn-0")).to_have_value("Be brief.")


def test_on_steering_the_turns_are_written_and_sent(page: Page, live_server_url: str) -> None:
    at = "?prompt=What+is+the+capital+of+Russia%3F%0A&f=layer_2:3:add:20:last&tokens=3&controls=0"
    open_page(page, live_server_url, at)
    expect(page.locator("#steer-talk-turns")).to_have_count(0)
    page.locator("#steer-rack-chat").check()
    expect(page.locator("#steer-talk-turns")).to_be_visible()
    asked = []
    page.on(
        "request",
        lambda it: (
            asked.append(it.post_data_json) if it.url.endswith("/api/steer/stream") else None
        ),
    )
    write_turns(page, "steer-talk")
    expect(page.locator(".fs-rack .fs-token--template").first).to_be_visible()
    until(page, "(new URLSearchParams(location.search).get('turns') || '').includes('Hello.')")
    expect(page.locator("#steer-stream[data-status=done][data-stale=false]")).to_be_visible()
    until(page, "true")
    assert asked[-1]["turns"] == TURNS
