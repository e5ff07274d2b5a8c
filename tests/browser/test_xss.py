"""A corpus of more than a hundred script injections, in a real browser:
nothing runs, and the policy is never hit.

`make test` takes every ninth string; `make test-faults` all of them.
"""

import os
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from app.parts.token import visible
from tests.browser.waiting import until
from tests.browser.xss_corpus import CORPUS

pytestmark = pytest.mark.browser

WHOLE = bool(os.environ.get("FUNCTIONSCOPE_FAULTS"))
TAKEN = CORPUS if WHOLE else CORPUS[::9]
PAGES = (
    "/",
    "/coverage",
    "/reactivation",
    "/steer",
    "/consolidation",
    "/claims",
    "/graph",
    "/features",
)
PARAMETERS = (
    "prompt",
    "second",
    "sae",
    "order",
    "theta",
    "token",
    "at",
    "pins",
    "f",
    "find",
    "q",
    "cut",
    "b",
    "title",
)
# Set before any script of the page: what fires, and what the content policy refuses, is kept.
WATCH = """
window.fired = []; window.refused = [];
window.canary = () => window.fired.push(document.location.href);
window.alert = window.canary;
document.addEventListener('securitypolicyviolation',
  (e) => window.refused.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
"""


@pytest.fixture
def watched(browser: Browser, live_server_url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.add_init_script(WATCH)
    yield page
    context.close()


def nothing_ran(page: Page) -> None:
    assert page.evaluate("window.fired") == []
    assert page.evaluate("window.refused") == []


def go(page: Page, path: str) -> None:
    """To another address without loading the page anew: one load serves a hundred runs."""
    page.evaluate(
        "(path) => { history.pushState({}, '', path); window.dispatchEvent(new "
        "PopStateEvent('popstate')); }",
        path,
    )


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 100


def test_titles_notes_prompts_and_tokens_of_runs_are_text(
    watched: Page, live_server_url: str
) -> None:
    """As a title, a note, a prompt, and so as tokens, hover texts and the request shown as JSON.

    Four strings a run, each first in turn for its title: what runs as markup would run in any of
    these places.
    """
    watched.goto(f"{live_server_url}/unlock")
    expect(watched.locator("#unlock-token")).to_be_visible()
    for start in range(0, len(TAKEN), 4):
        strings = TAKEN[start : start + 4]
        text = "\n".join(strings)
        request = {"prompt": text[:240], "sae_ids": ["layer_2"], "next_tokens": 1}
        body = {
            "kind": "inspect",
            "request": request,
            "title": strings[start // 4 % len(strings)],
            "note": text,
        }
        made = watched.request.post(f"{live_server_url}/api/runs", data=body)
        assert made.status == 201, made.text()
        run_id = made.json()["run_id"]
        go(watched, made.json()["url"])
        expect(watched.locator("#run-page .fs-run-lead")).to_contain_text(f"run {run_id}")
        assert watched.locator(".fs-run-note").text_content() == text
        expect(watched.locator(".fs-fm-lane").first).to_be_visible()
        nothing_ran(watched)


def test_addresses_are_text(watched: Page, live_server_url: str) -> None:
    """Every string in the parameters of every page, and as a path that is no page."""
    for i, page in enumerate(PAGES):
        strings = TAKEN[i :: len(PAGES)]
        for start in range(0, len(strings), len(PARAMETERS)):
            chosen = strings[start : start + len(PARAMETERS)]
            query = "&".join(
                f"{name}={quote(text)}" for name, text in zip(PARAMETERS, chosen, strict=False)
            )
            watched.goto(f"{live_server_url}{page}?{query}")
            expect(watched.locator("#frame-page > *").first).to_be_visible()
            watched.wait_for_timeout(300)
            nothing_ran(watched)
    for text in TAKEN[::3]:
        go(watched, "/" + quote(text, safe=""))
        expect(watched.locator("#frame-page .fs-notice").first).to_be_visible()
        nothing_ran(watched)


def test_a_typed_prompt_is_text_in_its_chips_and_on_hover(
    watched: Page, live_server_url: str
) -> None:
    text = "<img src=x onerror=canary()>\n"
    watched.goto(f"{live_server_url}/reactivation?prompt={quote(text)}")
    chips = watched.locator(".fs-fm-lane").first
    expect(chips).to_be_visible()
    chips.hover()
    nothing_ran(watched)
    assert watched.locator("img[src=x]").count() == 0
    assert visible("<") == "<"


def test_the_canary_and_the_policy_can_fire(watched: Page, live_server_url: str) -> None:
    """Else the tests above would pass on any page."""
    watched.goto(f"{live_server_url}/unlock")
    expect(watched.locator("#unlock-token")).to_be_visible()
    watched.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=canary()>')"
    )
    until(watched, "window.refused.length > 0")
    assert watched.evaluate("window.fired") == []  # the policy stopped it
    watched.evaluate("canary()")
    assert len(watched.evaluate("window.fired")) == 1
