"""Below the texts, in a real browser:
pins that came along, the sweep and its cells, the trait finder.
"""

from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steer_page import GATE, ONE, PROMPT, kl, open_page, sent, steer, written
from tests.browser.waiting import as_written, until

pytestmark = pytest.mark.browser

SWEPT = ONE + "&tokens=6&controls=0&open_sweep=1&strengths=5+20&at=content&target=regex:e"
SEARCH = {
    "open_traits": "1",
    "trait": "Speak Chinese. What is the capital of the UK?",
    "contrast": "What is the capital of Russia?\nWhat is the capital of the UK?",
    "test": "The cat sat on the mat.",
    "success": "regex:^",
    "length": "2",
}


def cells_done(page: Page, n: int) -> None:
    expect(page.locator("#steer-sweep .fs-map--kl button.fs-cell")).to_have_count(n, timeout=60_000)


def test_pins_come_along_from_reactivation(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/reactivation?sae=layer_2&pins=layer_2:5")
    expect(page.locator("[data-pin='layer_2:5']")).to_be_visible()
    page.locator(".fs-rail a[href='/steer']").click()
    expect(page.locator("#steer-kl")).to_be_visible()
    expect(page.locator(".fs-card")).to_have_count(1)
    page.locator(".fs-rack-pin").click()
    expect(page.locator(".fs-card").nth(1).locator("b").first).to_have_text("5")
    expect(page.locator(".fs-rack-pin")).to_have_count(0)  # it is in its socket now
    feature = page.request.get(f"{live_server_url}/api/features/layer_2/5").json()
    value = page.locator(".fs-card").nth(1).get_by_role("textbox", name="strength", exact=True)
    if feature["act_q999"]:
        expect(value).to_have_value(f"{feature['act_q999']:.3g}")


def test_a_sweep_of_a_link_with_frozen_attention_is_frozen(
    page: Page, live_server_url: str
) -> None:
    asked: list[Any] = []
    page.on(
        "request",
        lambda it: asked.append(it.post_data_json) if it.url.endswith("/api/sweep") else None,
    )
    open_page(page, live_server_url, SWEPT + "&freeze=1&sweep=layer_2:3")
    until(page, "document.querySelectorAll('#steer-sweep .fs-map--kl button.fs-cell').length > 0")
    expect(page.locator("#steer-sweep")).to_contain_text("Attention is frozen")
    assert [body["freeze_attention"] for body in asked] == [True]


def test_a_sweep_fills_its_maps_and_a_cell_opens_its_texts(
    page: Page, live_server_url: str
) -> None:
    open_page(page, live_server_url, SWEPT)
    written(page)
    page.locator("#steer-sweep-run").click()
    tokens = page.request.post(f"{live_server_url}/api/tokenize", data={"prompt": PROMPT}).json()[
        "tokens"
    ]
    content = [token["position"] for token in tokens if token["token_class"] == "content"]
    cells_done(page, 2 * len(content))
    expect(page.locator("#steer-sweep")).to_contain_text(
        f"{2 * len(content)} of {2 * len(content)} cells"
    )
    cell = page.locator(
        "#steer-sweep .fs-map--kl .fs-cell[data-row='1'][data-column='0']"
    )  # strength 20, first content token
    cell.click()
    opened = page.locator("#steer-sweep-opened")
    answer = steer(page, live_server_url, max_new_tokens=6, interventions=[swept(20, content[0])])
    expect(opened).to_contain_text(f"KL {page.evaluate(as_written('nats'), answer['kl'])} nats")
    assert answer["steered"]["texts"][0] in (opened.locator(".fs-text").nth(1).text_content() or "")
    assert answer["baseline"]["texts"][0] in (
        opened.locator(".fs-text").nth(0).text_content() or ""
    )
    page.keyboard.press("ArrowDown")
    expect(page.locator(".fs-map--kl .fs-cell[data-row='0'][data-column='0']")).to_be_focused()
    opened.get_by_role("button", name="Steer with this strength").click()
    expect(page.locator(f".fs-socket.is-on[data-position='{content[0]}']")).to_be_visible()
    expect(page.locator("#steer-sentence")).to_contain_text(f"(position {content[0]})")
    assert kl(page) == pytest.approx(answer["kl"], rel=0.01, abs=1e-6)


def swept(value: float, position: int) -> dict[str, Any]:
    return {
        "sae_id": "layer_2",
        "feature_index": 3,
        "mode": "add",
        "value": value,
        "positions": [position],
    }


def test_a_link_to_a_sweep_shows_it_and_stop_keeps_its_cells(
    page: Page, live_server_url: str
) -> None:
    page.add_init_script(GATE)
    page.add_init_script("gate.hold('/api/sweep', 'cells', 1)")
    many = "strengths=" + "+".join(str(strength) for strength in range(1, 31))
    open_page(
        page,
        live_server_url,
        SWEPT.replace("at=content", "at=all").replace("strengths=5+20", many) + "&sweep=layer_2:3",
    )
    until(page, "gate.passed === 1 && gate.wake.length > 0")  # nobody pressed anything
    cell = page.locator("#steer-sweep .fs-map--kl button.fs-cell")
    expect(cell.first).to_be_visible()
    kept, waiting = cell.count(), page.locator("#steer-sweep .fs-map--kl .is-waiting").count()
    assert waiting > 0
    asked = sent(page)
    page.locator("#steer-sweep-stop").click()
    expect(page.locator("#steer-sweep")).to_contain_text(
        f"{kept} of {kept + waiting} cells, stopped"
    )
    page.evaluate("gate.open(Infinity)")
    page.wait_for_timeout(300)
    assert cell.count() == kept
    assert "/api/sweep" not in asked  # the page's own texts may still be asked for
    assert [path.rpartition("/")[0] for path in asked if "cancel" in path] == ["/api/steer/cancel"]
    assert "sweep=layer_2" in page.evaluate("decodeURIComponent(location.search)")


def test_a_sweep_says_what_is_wrong_with_it(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url, SWEPT)
    page.locator("#steer-sweep-strengths").fill("much")
    expect(page.locator("#steer-sweep")).to_contain_text("cannot read much")
    expect(page.locator("#steer-sweep-run")).to_be_disabled()


def test_a_search_finds_a_feature_and_puts_it_in_the_socket(
    page: Page, live_server_url: str
) -> None:
    """Every answer matches `^`, so that one feature must be found and every arm must succeed."""
    open_page(page, live_server_url, ONE + "&tokens=6&controls=0&" + urlencode(SEARCH))
    written(page)
    page.locator("#steer-traits-run").click()
    put = page.locator("#steer-traits-put")
    expect(put).to_be_visible(timeout=120_000)
    live = [
        sae
        for sae in page.request.get(f"{live_server_url}/api/capabilities").json()["saes"]
        if sae["live"]
    ]
    expect(page.locator("#steer-traits-layers li")).to_have_count(len(live))
    expect(page.locator("#steer-traits-layers li").first).to_contain_text(
        "2 of 2 · 1.00 [0.34, 1.00]"
    )
    arms = page.locator("#steer-traits-arms li")
    expect(arms.first).to_contain_text("1 of 1")
    expect(page.locator("#steer-traits-arms li.is-marked")).to_contain_text("the feature alone")
    page.get_by_text("no edit", exact=True).last.click()
    expect(page.locator(".fs-trait-answers[open]")).to_contain_text("The cat sat on the mat.")
    put.click()
    expect(page.locator(".fs-card")).to_have_count(2)
    expect(page.locator(".fs-card [role=switch]").nth(0)).to_have_attribute("aria-checked", "false")
    expect(page.locator(".fs-card [role=switch]").nth(1)).to_have_attribute("aria-checked", "true")


def test_a_stopped_search_claims_nothing(page: Page, live_server_url: str) -> None:
    page.add_init_script(GATE)
    page.add_init_script("gate.hold('/api/traits', 'progress', 1)")
    open_page(page, live_server_url, ONE + "&tokens=6&controls=0&" + urlencode(SEARCH))
    written(page)
    page.locator("#steer-traits-run").click()
    expect(page.locator("#steer-traits-layers li")).to_have_count(1, timeout=60_000)
    page.keyboard.press("Escape")
    expect(page.locator("#steer-traits-status")).to_contain_text("stopped")
    expect(page.locator("#steer-traits-put")).to_have_count(0)
    expect(page.locator("#steer-traits-run")).to_be_visible()
