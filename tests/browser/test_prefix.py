"""Examples before a prompt, and a locked source, in a real browser: what stands on the page is what
the API says, and the address keeps it.
"""

import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steer_page import DONE
from tests.browser.waiting import matrix, until

pytestmark = pytest.mark.browser

PREFIX = "What is the capital of the UK?\nLondon.\n\n"
PROMPT, SECOND = "What is the capital of Russia?\n", "What is the capital of Chinese?\n"
COLUMNS = matrix("state.model.columns.map((column) => column.at[0])")


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)


def ask(page: Page, url: str, path: str, **body: Any) -> dict[str, Any]:
    reply = page.request.post(f"{url}/api/{path}", data=body)
    assert reply.ok, reply.text()
    return dict(reply.json())


def open_reactivation(page: Page, url: str, **query: str) -> None:
    page.goto(f"{url}/reactivation?{urlencode(query)}")
    expect(page.locator(".fs-fm-lane").first).to_be_visible()


def test_the_matrix_leaves_the_examples_out_and_folds_them(
    page: Page, live_server_url: str
) -> None:
    open_reactivation(page, live_server_url, prompt=PROMPT, prefix=PREFIX, sae="layer_2")
    told = ask(page, live_server_url, "inspect", prompt=PROMPT, prefix=PREFIX, sae_ids=["layer_2"])
    n, total = told["prefix_length"], len(told["tokens"])
    assert n > 5
    assert page.evaluate(COLUMNS) == list(range(n, total))
    expect(page.locator("#reactivation-prefix-words")).to_contain_text(f"{n} positions before")
    folded = page.locator("#reactivation-matrix .fs-prefix-chip")
    expect(folded).to_have_text(f"▸ {n} tokens before")
    expect(page.locator(".fs-prefix-tokens")).to_have_count(0)
    folded.click()
    expect(page.locator(".fs-prefix-tokens .fs-token")).to_have_count(n)
    again = page.evaluate(matrix("state.model.all.reduce((sum, row) => sum + row.reactivated, 0)"))
    assert again == sum(split["reactivated"] for split in told["splits"]["layer_2"])
    expect(page.locator("#reactivation-firings-curl")).to_contain_text("London.")
    assert query_of(page)["prefix"] == [PREFIX]


def test_other_examples_are_said_to_be_unrun_and_then_run(page: Page, live_server_url: str) -> None:
    open_reactivation(page, live_server_url, prompt=PROMPT, sae="layer_2")
    expect(page.locator("#reactivation-prefix-words")).to_have_text("no examples before the prompt")
    page.locator("#reactivation-prefix-words").click()
    page.locator("#reactivation-prefix-area").fill(PREFIX)
    expect(page.locator("#reactivation-stale")).to_contain_text("Edited since the last run")
    page.locator("#reactivation-go").click()
    until(page, "() => " + matrix("state.model.prompts[0].tokens[0].prefix === true"))
    expect(page.locator("#reactivation-stale")).to_be_empty()
    until(page, "() => new URLSearchParams(location.search).get('prefix') !== null")
    page.locator("#reactivation-pair").click()  # the preset's pair stands behind no examples
    until(page, "() => " + matrix("!state.model.prompts[0].tokens[0].prefix"))
    assert "prefix" not in query_of(page)


def test_a_source_is_followed_to_where_it_fires_again(page: Page, live_server_url: str) -> None:
    """By itself the last token in which the prompts differ; its counts are those of the firings."""
    open_reactivation(
        page, live_server_url, prompt=PROMPT, second=SECOND, prefix=PREFIX, sae="layer_2"
    )
    told = ask(page, live_server_url, "inspect", prompt=PROMPT, prefix=PREFIX, sae_ids=["layer_2"])
    columns = told["firings"]["layer_2"]
    fires: dict[int, set[int]] = {}
    for position, feature in zip(columns["position"], columns["feature_index"], strict=True):
        fires.setdefault(position, set()).add(feature)

    def check(source: int) -> None:
        lane = page.locator("#reactivation-source .fs-source-lane").first
        expect(lane.locator("h3")).to_contain_text(f"{len(fires.get(source, set()))} feature")
        for bar in lane.locator(".fs-source-bar").all():
            position = int(bar.get_attribute("data-position") or -1)
            both = fires.get(source, set()) & fires.get(position, set())
            expect(bar.locator(".fs-source-count")).to_have_text(str(len(both)))

    own = page.evaluate(
        matrix("state.model.columns.filter((c) => c.differs).map((c) => c.at[0]).at(-1)")
    )
    expect(page.locator("button.fs-token.is-source").first).to_be_visible()
    check(own)
    chosen = told["prefix_length"] + 1
    page.locator(".fs-fm-strip [data-column='1']").first.hover()
    page.keyboard.press("s")
    until(page, f"() => new URLSearchParams(location.search).get('source') === '{chosen}'")
    check(chosen)
    page.locator("#reactivation-matrix-source").check()
    assert query_of(page)["source"] == [str(chosen)]
    until(page, "() => new URLSearchParams(location.search).get('from_source') === '1'")
    shown = page.locator("#reactivation-matrix-hidden")
    expect(shown).to_contain_text("not firing at the source")
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator("#reactivation-source .fs-source-lane").first).to_be_visible()
    check(chosen)
    expect(page.locator("#reactivation-matrix-source")).to_be_checked()


def test_steering_sends_examples_and_stops_and_keeps_them(page: Page, live_server_url: str) -> None:
    free = ask(
        page,
        live_server_url,
        "steer",
        prompt=PROMPT,
        prefix=PREFIX,
        interventions=[],
        max_new_tokens=6,
    )
    text = free["baseline"]["texts"][0]
    stop, written = text[3:5], "document.querySelector('#steer-stream').textContent"
    assert text.index(stop) < len(text) - 3  # more would come without it
    query = {"prompt": PROMPT, "prefix": PREFIX, "stop": stop, "tokens": "6", "controls": "0"}
    query["f"] = "layer_2:3:add:8:last_function"
    page.goto(f"{live_server_url}/steer?{urlencode(query)}")
    expect(page.locator(DONE)).to_be_visible()
    told = ask(page, live_server_url, "tokenize", prompt=PROMPT, prefix=PREFIX)
    n = told["prefix_length"]
    chips = page.locator("#steer-rack-strip .fs-token-strip-cell")
    expect(chips).to_have_count(len(told["tokens"]) - n)
    expect(page.locator("#steer-rack-strip .fs-prefix-chip")).to_have_text(f"▸ {n} tokens before")
    expect(page.locator("#steer-prefix-words")).to_contain_text(f"a text ends before {stop}")
    expect(page.locator("#steer-effect-curl")).to_contain_text("London.")
    assert text[1:] not in page.evaluate(written)
    kept = query_of(page)
    assert (kept["prefix"], kept["stop"]) == ([PREFIX], [stop])
    page.locator("#steer-prefix-words").click()
    page.locator("#steer-prefix-stop").fill("\\n")
    until(page, "() => new URLSearchParams(location.search).get('stop') === '\\\\n'")
    page.locator("#steer-prefix-stop").fill("")
    until(page, "() => !new URLSearchParams(location.search).has('stop')")
    expect(page.locator(DONE)).to_be_visible()
    until(page, f"text => {written}.includes(text)", arg=text[1:])


def test_a_recorded_run_behind_examples_opens_and_forks(page: Page, live_server_url: str) -> None:
    request = {"prompt": PROMPT, "prefix": PREFIX, "sae_ids": ["layer_2"]}
    made = ask(page, live_server_url, "runs", kind="inspect", request=request)
    page.goto(live_server_url + made["url"])
    expect(page.locator(".fs-prefix-chip")).to_have_text(re.compile("tokens before"))
    told = ask(page, live_server_url, "tokenize", prompt=PROMPT, prefix=PREFIX)
    strip = page.locator(".fs-fm-strip .fs-token")
    expect(strip).to_have_count(len(told["tokens"]) - told["prefix_length"])
    fork = page.get_by_role("link", name=re.compile("fork|edit", re.I)).first
    assert parse_qs(urlsplit(fork.get_attribute("href") or "").query)["prefix"] == [PREFIX]
