"""Reactivation in a real browser:
what a person sees equals what the API says, and a link reopens it.
"""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.waiting import inside, matrix, until

pytestmark = pytest.mark.browser

PROMPT = "The cat sat on the mat, and the dog sat by the door.\n"
KINDS = inside("reactivation/matrix/kinds.js", "(kinds) => kinds")


def open_page(page: Page, url: str, query: str = "") -> None:
    page.goto(f"{url}/reactivation{query}")
    expect(page.locator(".fs-fm-lane").first).to_be_visible()


def run_prompt(page: Page, first: str, second: str = "") -> None:
    page.locator("#reactivation-second-area").fill(second)
    page.locator("#reactivation-prompt-area").fill(first)
    page.locator("#reactivation-prompt-area").press("Control+Enter")
    until(page, "text => " + matrix("state.model?.prompts[0]?.prompt === text"), arg=first)


def inspect(page: Page, url: str, prompt: str, sae_id: str) -> dict[str, Any]:
    body = {"prompt": prompt, "sae_ids": [sae_id]}
    return page.request.post(f"{url}/api/inspect", data=body).json()


def row_point(page: Page, feature: int) -> tuple[float, float]:
    """The middle of a feature's row label in the viewport, scrolled into view."""
    page.locator("#reactivation-matrix-find").fill(str(feature))
    page.locator(".fs-fm-canvas").scroll_into_view_if_needed()
    box = page.locator(".fs-fm-canvas").bounding_box()
    assert box is not None
    return box["x"] + 60, box["y"] + 10


def test_the_built_in_pair_opens_on_the_last_function_token(
    page: Page, live_server_url: str
) -> None:
    open_page(page, live_server_url)
    expect(page.locator(".fs-fm-lane")).to_have_count(2)
    asked = {"prompt": "What is the capital of Russia?\n"}
    last_function = page.request.post(f"{live_server_url}/api/tokenize", data=asked).json()[
        "last_function"
    ]
    locked = page.locator(".fs-fm-strip [data-lane='0'].is-locked")
    assert f"position {last_function}" in (locked.get_attribute("title") or "")
    expect(page.locator(".fs-next-lane")).to_have_count(2)
    expect(page).to_have_url(f"{live_server_url}/reactivation")


def test_an_edited_prompt_marks_what_is_shown_as_earlier(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    note = page.locator("#reactivation-stale")
    expect(note).to_be_empty()
    page.locator("#reactivation-prompt-area").fill("The cat sat.")
    expect(note).to_contain_text("all below is of the earlier prompt")
    expect(page.locator("#reactivation-page")).to_have_class(re.compile("is-stale"))
    run_prompt(page, "The cat sat.")
    expect(note).to_be_empty()
    expect(page.locator("#reactivation-page")).not_to_have_class(re.compile("is-stale"))


def test_russia_stands_above_uk(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    run_prompt(page, "What is the capital of Russia?\n", "What is the capital of the UK?\n")
    russia = page.locator(".fs-fm-strip [data-lane='0'].is-different")
    column = russia.get_attribute("data-column")
    expect(russia).to_have_text("·Russia")
    expect(page.locator(f".fs-fm-strip [data-lane='1'][data-column='{column}']")).to_have_text(
        "·UK"
    )


def test_typing_shows_chips_and_keeps_the_newline(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    box = page.locator("#reactivation-prompt-area")
    box.fill("")
    box.press_sequentially("The cat.")
    box.press("Enter")
    chips = page.locator("#reactivation-prompt .fs-prompt-chips .fs-token")
    expect(chips.last).to_have_text("↵")
    expect(page.locator("#reactivation-prompt-count")).to_contain_text(f"{chips.count()} positions")


def test_browser_and_server_count_the_same_split(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    run_prompt(page, PROMPT)
    counted = page.evaluate(
        """async () => {
          const model = await MODEL;
          const { CARRIED, FIRST, SPECIAL } = await KINDS;
          const counts = {};
          model.all.forEach((row) => row.lanes[0].columns.forEach((column, k) => {
            const kind = row.lanes[0].kinds[k];
            if (kind === SPECIAL) return;
            const none = {firing: 0, new: 0, reactivated: 0, carried: 0};
            const c = (counts[column] = counts[column] || none);
            c.firing += 1;
            if (kind === FIRST) c.new += 1; else c.reactivated += 1;
            if (kind === CARRIED) c.carried += 1;
          }));
          return {counts, saeId: model.saeId};
        }""".replace("MODEL", matrix("state.model")).replace("KINDS", KINDS)
    )
    answer = inspect(page, live_server_url, PROMPT, counted["saeId"])
    silent = {"firing": 0, "new": 0, "reactivated": 0, "carried": 0}
    for split in answer["splits"][counted["saeId"]]:
        position = split.pop("position")
        assert counted["counts"].get(str(position), silent) == split


def test_every_firing_is_a_row(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    run_prompt(page, PROMPT)
    sae_id = page.evaluate(matrix("state.model.saeId"))
    n_features = len(
        set(inspect(page, live_server_url, PROMPT, sae_id)["firings"][sae_id]["feature_index"])
    )
    expect(page.locator("#reactivation-matrix-hidden")).to_have_text(
        f"all {n_features} features that fire are shown"
    )
    page.locator("#reactivation-matrix-locked").check()
    expect(page.locator("#reactivation-matrix-hidden")).to_contain_text(
        "not firing at the locked position"
    )
    line = page.locator("#reactivation-matrix-hidden").inner_text()
    shown, hidden = re.findall(r"\d+", line)[0], re.findall(r"hide (\d+)", line)[0]
    assert int(shown) + int(hidden) == n_features


def test_comparison_adds_up(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    first, second = "What is the capital of Russia?\n", "What is the capital of the UK?\n"
    run_prompt(page, first, second)
    expect(page.locator(".fs-cmp-where")).to_contain_text("At the last function token")
    sae_id = page.evaluate(matrix("state.model.saeId"))
    shown = {
        name: page.locator(f"[data-group='{name}'] .fs-cmp-index").all_text_contents()
        for name in ("A", "both", "B")
    }
    at_end = []
    for prompt in (first, second):
        answer = inspect(page, live_server_url, prompt, sae_id)
        last = max(t["position"] for t in answer["tokens"] if t["token_class"] == "function")
        firings = answer["firings"][sae_id]
        at_end.append(
            {
                f
                for p, f in zip(firings["position"], firings["feature_index"], strict=True)
                if p == last
            }
        )
    assert {int(f) for f in shown["A"]} == at_end[0] - at_end[1]
    assert {int(f) for f in shown["both"]} == at_end[0] & at_end[1]
    assert {int(f) for f in shown["B"]} == at_end[1] - at_end[0]


def test_walking_locking_and_unlocking_by_keyboard(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    run_prompt(page, PROMPT)
    page.locator("h1").first.click()
    page.keyboard.press("Escape")
    expect(page.locator(".fs-token.is-locked")).to_have_count(0)
    until(page, "location.search.includes('at=none')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".fs-fm-strip .fs-token.is-hover")).to_have_attribute("data-column", "1")
    page.keyboard.press("f")
    function = page.locator(".fs-fm-strip .fs-token.is-hover")
    assert "fs-token--function" in (function.get_attribute("class") or "")
    column = function.get_attribute("data-column")
    expect(page.locator("#reactivation-matrix-readout")).to_contain_text(f"position {column}")
    page.keyboard.press("Enter")
    expect(page.locator(".fs-token.is-locked")).to_have_attribute("data-column", str(column))
    page.keyboard.press("F")
    page.keyboard.press("Escape")
    expect(page.locator(".fs-token.is-hover")).to_have_count(0)


def test_pins_travel_to_steering(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    item = page.locator("[data-group='both'] .fs-cmp-item, [data-group='A'] .fs-cmp-item").first
    feature = item.get_attribute("data-feature")
    item.click()
    expect(page.locator(".fs-pin b")).to_have_text(str(feature))
    sae_id = page.evaluate(matrix("state.model.saeId"))
    assert f"pins={sae_id}%3A{feature}" in page.evaluate("location.search")
    page.get_by_role("link", name="steer with this").click()
    expect(page.locator(".fs-card b")).to_have_text(str(feature), timeout=15_000)
    expect(page.locator("#steer-prompt-area")).to_have_value("What is the capital of Russia?\n")


def test_a_row_is_pinned_by_clicking_and_unpinned(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    feature = page.evaluate(matrix("state.model.all[0].feature"))
    page.mouse.click(*row_point(page, feature))
    expect(page.locator(".fs-pin b")).to_have_text(str(feature))
    page.get_by_role("button", name=f"unpin feature {feature}").click()
    expect(page.locator(".fs-pin")).to_have_count(0)


PICTURE = """() => ({
  address: location.search,
  strips: [...document.querySelectorAll('.fs-fm-strip .fs-token')]
    .map((e) => e.textContent + e.className),
  next: document.querySelector('#reactivation-next').innerText,
  compare: document.querySelector('#reactivation-compare').innerText,
  pins: document.querySelector('#reactivation-pins').innerText,
  tools: [...document.querySelectorAll('.fs-fm-controls :is(input, select)')]
    .map((e) => e.value + e.checked),
  line: document.querySelector('#reactivation-matrix-hidden').textContent,
  marks: document.querySelector('.fs-fm-canvas').toDataURL(),
})"""


def test_the_link_reopens_the_same_picture(
    page: Page, browser: Browser, live_server_url: str
) -> None:
    open_page(page, live_server_url)
    run_prompt(page, PROMPT, "The cat sat.\n")
    page.locator("#reactivation-matrix-order").select_option("function")
    page.locator("#reactivation-matrix-only-function").check()
    page.locator(".fs-fm-strip [data-lane='0'][data-column='3']").click()
    page.locator(".fs-cmp-item").first.click()
    page.mouse.move(0, 0)
    page.locator("h1").first.click()
    until(page, "location.search.includes('pins=') && location.search.includes('order=function')")
    page.wait_for_timeout(300)
    context = browser.new_context(viewport=page.viewport_size)
    try:
        other = context.new_page()
        open_page(other, live_server_url, page.evaluate("location.search"))
        expect(other.locator(".fs-pin")).to_have_count(1)
        other.wait_for_timeout(300)
        assert other.evaluate(PICTURE) == page.evaluate(PICTURE)
    finally:
        context.close()


@pytest.mark.parametrize(
    "prompt",
    [
        "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>",
        "🙂👩‍👩‍👧‍👦 \u202e \u0000\t\r\n ] [ } { \\ \" '",
        "…—‽⁂※ %%% $$$ ~~~ ^^^ ||| ```",
    ],
)
def test_hostile_prompts_render_as_text(page: Page, live_server_url: str, prompt: str) -> None:
    open_page(page, live_server_url)
    run_prompt(page, prompt.replace("\r", ""))
    assert page.locator(".fs-fm-strip .fs-token").count() > 3
    assert page.evaluate(
        "window.broken === undefined && !document.querySelector('.fs-fm img, .fs-prompt-chips img')"
    )


def test_an_empty_prompt_is_refused_in_words(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    page.locator("#reactivation-second-area").fill("")
    page.locator("#reactivation-prompt-area").fill("")
    page.locator("#reactivation-go").click()
    expect(page.locator("#frame-problem-text")).to_contain_text("Prompt A is empty")


def test_saving_gives_a_link(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    page.get_by_role("button", name="Save as a run").click()
    links = page.locator("#reactivation-save a")
    expect(page.locator("#reactivation-save")).to_contain_text("prompt B:")
    expect(links).to_have_count(2)
    link = links.first
    run = page.request.get(
        f"{live_server_url}/api/runs/{(link.get_attribute('href') or '').removeprefix('/r/')}"
    ).json()
    assert run["kind"] == "inspect"
    assert run["request"]["prompt"] == "What is the capital of Russia?\n"
