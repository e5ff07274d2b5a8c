"""Steering in a real browser: plug in, switch off and on, stream, stop, save, and a link that reopens it."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

PROMPT = "What is the capital of Russia?\n"
ONE = "?prompt=What+is+the+capital+of+Russia%3F%0A&f=layer_2:3:add:20:last_function"


def open_page(page: Page, url: str, query: str = ONE) -> None:
    page.goto(f"{url}/steer{query}")
    expect(page.locator("#steer-kl")).to_be_visible()


def written(page: Page) -> None:
    """Waits until the texts of what is on screen are complete."""
    page.wait_for_function(
        """() => {
          const stream = document.querySelector('#steer-stream');
          return stream.dataset.status === 'done' && !stream.textContent.includes('earlier settings');
        }""",
        timeout=60_000,
    )


def texts(page: Page) -> dict[str, list[str]]:
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.fs-stream-arm')].map((arm) =>
          [arm.dataset.arm, [...arm.querySelectorAll('.fs-text')].map((text) => text.textContent)]))"""
    )


def steer(page: Page, url: str, **changes: Any) -> dict[str, Any]:
    intervention = {"sae_id": "layer_2", "feature_index": 3, "mode": "add", "value": 20, "positions": "last_function"}
    body = {"prompt": PROMPT, "interventions": [intervention], "max_new_tokens": 24} | changes
    answer = page.request.post(f"{url}/api/steer", data=body)
    assert answer.ok, answer.text()
    return answer.json()


def kl(page: Page) -> float:
    return float(page.locator("#steer-kl").inner_text())


def test_without_an_address_the_first_demonstration_is_plugged_in(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url, "")
    expect(page.locator(".fs-card")).to_have_count(1)
    expect(page.locator("#steer-prompt-area")).to_have_value(PROMPT)
    filled = page.locator(".fs-socket.is-on")
    expect(filled).to_have_count(1)
    last_function = page.request.post(f"{live_server_url}/api/tokenize", data={"prompt": PROMPT}).json()[
        "last_function"
    ]
    expect(filled).to_have_attribute("data-position", str(last_function))
    expect(page).to_have_url(f"{live_server_url}/steer")


def test_the_shift_is_what_the_api_says(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    answer = steer(page, live_server_url)
    assert kl(page) == pytest.approx(answer["kl"], rel=0.01, abs=1e-6)
    expect(page.locator("#steer-sentence")).to_have_text(answer["sentence"])
    expect(page.locator(".fs-pairs li")).to_have_count(20)


def test_switching_off_and_on_answers_at_once(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    switch = page.get_by_role("switch", name="feature 3 on")
    switch.click()
    expect(page.locator("#steer-kl")).to_have_text("0")
    written(page)
    arms = texts(page)
    assert arms["steered"] == arms["baseline"] == steer(page, live_server_url)["baseline"]["texts"]
    assert ":off" in page.evaluate("decodeURIComponent(location.search)")
    page.get_by_role("switch", name="feature 3 off").click()
    expect(page.locator("#steer-kl")).not_to_have_text("0")
    written(page)
    assert texts(page)["steered"] == steer(page, live_server_url)["steered"]["texts"]


def test_texts_and_controls_stream_as_the_api_answers(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    written(page)
    answer = steer(page, live_server_url, controls=True)
    expected = {"baseline": answer["baseline"], "steered": answer["steered"], **answer["controls"]}
    assert texts(page) == {name: arm["texts"] for name, arm in expected.items()}


def test_strength_mode_and_wrong_numbers(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    strong = kl(page)
    value = page.get_by_role("textbox", name="strength")
    value.fill("0")
    expect(page.locator("#steer-kl")).to_have_text("0")
    value.fill("much")
    expect(value).to_have_attribute("aria-invalid", "true")
    value.fill("20")
    page.wait_for_function(f"Math.abs(Number(document.querySelector('#steer-kl').textContent) - {strong}) < 1e-3")
    page.get_by_role("radio", name="ablate").click()
    expect(page.locator("#steer-sentence")).to_contain_text("off")
    expect(value).to_have_count(0)


def test_a_socket_click_moves_the_selected_feature(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    page.locator(".fs-card-name").click()
    page.locator(".fs-socket[data-position='2']").click()
    expect(page.locator("#steer-sentence")).to_contain_text("(position 2)")
    page.locator(".fs-socket[data-position='4']").click(modifiers=["Shift"])
    expect(page.locator(".fs-socket.is-on")).to_have_count(2)
    expect(page.locator("#steer-sentence")).to_contain_text("(position 4)")
    assert ":2.4" in page.evaluate("decodeURIComponent(location.search)")
    page.locator(".fs-card select").select_option("last_function")
    expect(page.locator(".fs-socket.is-on")).to_have_count(1)


def test_features_are_found_and_added(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    search = page.locator("#steer-rack-search")
    search.fill("the")
    found = page.locator(".fs-result")
    expect(found.first).to_be_visible()
    feature = found.first.get_attribute("data-feature")
    found.first.click()
    expect(page.locator(".fs-card").nth(1).locator("b")).to_have_text(str(feature))
    search.fill("layer_0:5")
    search.press("Enter")
    expect(page.locator(".fs-card")).to_have_count(3)
    expect(page.locator(".fs-card").nth(2)).to_contain_text("layer_0")
    page.get_by_role("button", name="remove feature 5").click()
    expect(page.locator(".fs-card")).to_have_count(2)


def test_a_result_is_dragged_into_a_socket(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    page.locator("#steer-rack-search").fill("the")
    page.locator(".fs-result").first.drag_to(page.locator(".fs-socket[data-position='3']"))
    expect(page.locator(".fs-socket[data-position='3']")).to_have_class("fs-socket is-filled is-on")


def test_stop_keeps_the_text(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url, ONE + "&tokens=128")
    written(page)  # the first texts may be done before anybody can stop them: stop the second ones
    page.locator("#steer-stream-run").click()
    page.locator("#steer-stream-stop").click()
    expect(page.locator("#steer-stream")).to_have_attribute("data-status", "stopped")
    kept = texts(page)
    page.wait_for_timeout(500)
    assert texts(page) == kept
    assert any(text for arm in kept.values() for text in arm)
    page.locator("#steer-stream-run").click()
    written(page)
    whole = texts(page)
    assert all(whole[name][0].startswith(kept[name][0]) for name in kept if kept[name])


def test_samples_are_repeatable_by_their_seed(page: Page, live_server_url: str) -> None:
    query = ONE + "&temperature=1&samples=2&seed=5&tokens=8&controls=0"
    open_page(page, live_server_url, query)
    written(page)
    arms = texts(page)
    answer = steer(page, live_server_url, temperature=1, samples=2, seed=5, max_new_tokens=8)
    assert arms == {"baseline": answer["baseline"]["texts"], "steered": answer["steered"]["texts"]}


PICTURE = """() => ({
  address: location.search,
  prompt: document.querySelector('#steer-prompt-area').value,
  sockets: [...document.querySelectorAll('.fs-socket')].map((e) => e.getAttribute('aria-label')),
  cards: [...document.querySelectorAll('.fs-card')].map((e) => e.innerText),
  switches: [...document.querySelectorAll('.fs-card [role=switch]')].map((e) => e.ariaChecked),
  values: [...document.querySelectorAll('.fs-card input, .fs-live-tools input')].map((e) => e.value + e.checked),
  shift: document.querySelector('#steer-shift').innerText,
  arms: document.querySelector('.fs-stream-arms').innerText,
})"""


def test_the_link_reopens_the_same_picture(page: Page, browser: Browser, live_server_url: str) -> None:
    open_page(page, live_server_url, ONE + "&tokens=12")
    page.locator("#steer-rack-search").fill("layer_0:5")
    page.locator("#steer-rack-search").press("Enter")
    page.get_by_role("switch", name="feature 5 on").click()
    page.locator("#steer-rack-generated").check()
    page.wait_for_function("location.search.includes('generated=1') && location.search.includes('off')")
    page.locator(".fs-card-name").nth(1).click()  # unselect: a selection is not part of the picture
    written(page)
    context = browser.new_context(viewport=page.viewport_size)
    try:
        other = context.new_page()
        open_page(other, live_server_url, page.evaluate("location.search"))
        expect(other.locator(".fs-card")).to_have_count(2)
        written(other)
        assert other.evaluate(PICTURE) == page.evaluate(PICTURE)
    finally:
        context.close()


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


def test_a_demonstration_puts_itself_back(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url, "?prompt=The+cat&f=")
    expect(page.locator(".fs-card")).to_have_count(0)
    expect(page.locator("#steer-kl")).to_have_text("0")
    page.locator("#steer-demonstrations button").first.click()
    expect(page.locator(".fs-card")).to_have_count(1)
    expect(page.locator("#steer-prompt-area")).to_have_value(PROMPT)


def test_a_prompt_of_markup_is_text(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    page.locator("#steer-prompt-area").fill(
        "<img src=x onerror='window.broken = 1'> 🙂 <script>window.broken = 1</script>"
    )
    page.wait_for_function("document.querySelectorAll('.fs-token-strip-cell').length > 12")
    assert page.evaluate("window.broken === undefined && !document.querySelector('.fs-token-strip img')")


def test_an_address_that_cannot_be_read_is_refused_in_words(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/steer?prompt=a&f=nonsense")
    expect(page.locator("#frame-problem-text")).to_contain_text("'nonsense', allowed is sae_id:index")


def test_frames_are_read_however_the_network_cuts_them(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    frames = page.evaluate(
        """() => {
          const whole = 'event: token\\ndata: {"seq":0,"text":"莫"}\\n\\nevent: final\\r\\ndata: {"seq":1}\\r\\n\\r\\n';
          const read = [];
          let rest = '';
          for (const piece of whole) {
            const [frames, left] = functionscope.readFrames(rest + piece);
            read.push(...frames);
            rest = left;
          }
          return read;
        }"""
    )
    assert frames == [
        {"event": "token", "data": {"seq": 0, "text": "莫"}},
        {"event": "final", "data": {"seq": 1}},
    ]
