"""Links are for ever: every form that was minted opens,
and a page's state and its link say the same.

A page declares its states in pages/<page>.toml (`declared.py`), with values that are not the
defaults. The test opens the link with a parameter that no page knows beside it; when the page has
written its address again, that parameter is gone, and all the others must be as they were: link ->
state -> link is the identity.

`make test` opens the first state of each page; `make test-faults` all of them.
"""

import contextlib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import watch
from tests.browser.waiting import until
from tests.golden_links.declared import PAGES

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
LINKS = tomllib.loads((HERE / "links.toml").read_text())["link"]
WHOLE = bool(os.environ.get("FUNCTIONSCOPE_FAULTS"))
STATES = [
    pytest.param(name, state, id=f"{name}-{n}")
    for name, page in PAGES.items()
    for n, state in enumerate(page["state"])
    if WHOLE or n == 0
]
UNKNOWN = "zz"
SAME = """(wanted) => {
  const found = [...new URLSearchParams(location.search)];
  const same = found.every(([name, value]) => wanted[name] === value);
  return found.length === Object.keys(wanted).length && same;
}"""
WAIT_MS = 90_000
QUIET_MS = 700  # an address that is written again later than this was written by something else


@pytest.fixture(scope="module")
def opened(browser: Browser, live_server_url: str) -> Iterator[tuple[Page, list[str]]]:
    """One page for all links: going from one to the next loads nothing anew, as in the product."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(WAIT_MS)
    page, problems = context.new_page(), []
    watch(page, live_server_url, problems)
    page.goto(f"{live_server_url}/unlock")
    expect(page.locator("#unlock-token")).to_be_visible(timeout=WAIT_MS)
    yield page, problems
    context.close()


@pytest.fixture(scope="module")
def words(live_server_url: str) -> dict[str, str]:
    """What `@name` in a state stands for on the build that is served."""
    with httpx.Client(base_url=live_server_url, timeout=60) as client:
        sae = next(
            one
            for one in client.get("/api/capabilities").json()["saes"]
            if one["sae_id"] == "layer_3"
        )
        theta = sae["theta_grid"][1]
        tokens = [row["token_id"] for row in client.get("/api/tokens?limit=2").json()["tokens"]]
        rows = client.get("/api/features?sae_id=layer_2&limit=100").json()["features"]
        details = [
            client.get(f"/api/features/layer_2/{row['feature_index']}").json() for row in rows[:40]
        ]
    shown = next((one for one in details if one["example_tokens"]), None)
    feature = shown["feature_index"] if shown else rows[0]["feature_index"]
    fired = (
        shown["example_tokens"][0]["token_id"] if shown else ""
    )  # without feature details no text is sorted by token
    return {
        "@theta": f"{theta!r}".removesuffix(".0"),
        "@tokens": ",".join(map(str, tokens)),
        "@token": str(tokens[0]),
        "@feature": str(feature),
        "@fired": str(fired),
    }


def go(page: Page, url: str) -> None:
    """To a link as by a click: no reload."""
    page.evaluate(
        "(url) => { history.pushState({}, '', url); window.dispatchEvent(new "
        "PopStateEvent('popstate')); }",
        url,
    )


def query_of(page: Page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.evaluate("location.href")).query))


@pytest.mark.parametrize(("name", "state"), STATES)
def test_state_and_link_are_the_same(
    opened: tuple[Page, list[str]], words: dict[str, str], name: str, state: dict[str, str]
) -> None:
    page, problems = opened
    declared = PAGES[name]
    wanted = {
        key: words.get(value, value) for key, value in state.items() if words.get(value, value)
    }
    path = declared["path"]
    for word in ("@token", "@feature"):
        path = path.replace(word, words[word])
    if "needs" in declared and no_companion(page, declared["needs"]):
        pytest.skip(f"the tiny build has no {declared['needs']} results")
    problems.clear()
    go(page, f"{path}?{urlencode({**wanted, UNKNOWN: '1'})}")
    until(page, f"!new URLSearchParams(location.search).has('{UNKNOWN}')")
    page.wait_for_timeout(QUIET_MS)
    with contextlib.suppress(AssertionError):  # the assertion below says what differs
        until(page, SAME, wanted, 15)
    assert query_of(page) == wanted
    assert problems == []


@pytest.mark.parametrize("link", LINKS, ids=[link["was"] for link in LINKS])
def test_every_link_that_was_ever_minted_opens(
    opened: tuple[Page, list[str]], link: dict[str, str]
) -> None:
    page, problems = opened
    problems.clear()
    go(page, link["url"])
    main = page.locator("#frame-main")
    expect(main.get_by_text(link["shows"]).first).to_be_visible(timeout=WAIT_MS)
    expect(main.get_by_text("No such page")).to_have_count(0)
    expect(main.get_by_text("no such setting")).to_have_count(0)
    assert problems == []


def no_companion(page: Page, kind: str) -> bool:
    """Whether the build that is served lacks the results of that kind."""
    paths = {"consolidation": "/api/consolidation/loss", "statistics": "/api/claims"}
    return bool(
        page.request.get(urlsplit(page.url)._replace(path=paths[kind], query="").geturl()).status
        == 503
    )
