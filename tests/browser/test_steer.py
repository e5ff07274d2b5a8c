"""Steering in a real browser: plug in, switch off and on, stream, stop, record,
and a link that reopens it.
"""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.steer_page import ONE, PROMPT, TWO, kl, open_page, sent, steer, texts, written
from tests.browser.waiting import until

pytestmark = pytest.mark.browser


def test_without_an_address_the_first_demonstration_is_plugged_in(
    page: Page, live_server_url: str
) -> None:
    open_page(page, live_server_url, "")
    expect(page.locator(".fs-card")).to_have_count(1)
    expect(page.locator("#steer-prompt-area")).to_have_value(PROMPT)
    filled = page.locator(".fs-socket.is-on")
    expect(filled).to_have_count(1)
    last_function = page.request.post(
        f"{live_server_url}/api/tokenize", data={"prompt": PROMPT}
    ).json()["last_function"]
    expect(filled).to_have_attribute("data-position", str(last_function))
    expect(page).to_have_url(f"{live_server_url}/steer")


def test_the_shift_is_what_the_api_says(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    answer = steer(page, live_server_url)
    assert kl(page) == pytest.approx(answer["kl"], rel=0.01, abs=1e-6)
    expect(page.locator("#steer-sentence")).to_have_text(answer["sentence"])
    expect(page.locator(".fs-pairs li")).to_have_count(20)


def test_switching_off_and_on_asks_nothing_again(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    written(page)
    shown, arms = page.locator("#steer-kl").inner_text(), texts(page)
    asked = sent(page)
    page.get_by_role("switch", name="feature 3 on").click()
    expect(page.locator("#steer-kl")).to_have_text("0")
    expect(page.locator("[data-arm=sign_flipped]")).to_have_count(0)
    written(page)
    off = texts(page)
    assert off["steered"] == off["baseline"] == arms["baseline"]
    assert ":off" in page.evaluate("decodeURIComponent(location.search)")
    page.get_by_role("switch", name="feature 3 off").click()
    expect(page.locator("#steer-kl")).to_have_text(shown)
    expect(page.locator("[data-arm=sign_flipped]")).to_have_count(1)
    written(page)
    assert texts(page) == arms
    assert asked == []
    # what was shown without asking is what the server says
    answer = steer(page, live_server_url, interventions=[])
    assert [answer["baseline"]["texts"], answer["steered"]["texts"]] == [
        off["baseline"],
        off["steered"],
    ]


def test_one_of_two_is_switched_without_running_the_known_again(
    page: Page, live_server_url: str
) -> None:
    open_page(page, live_server_url, TWO)
    written(page)
    both = kl(page)
    asked = sent(page)
    page.get_by_role("switch", name="feature 5 on").click()
    expect(page.locator("#steer-sentence")).not_to_contain_text("feature 5")
    written(page)
    assert asked == ["/api/steer", "/api/steer/stream"]
    page.get_by_role("switch", name="feature 5 off").click()
    expect(page.locator("#steer-sentence")).to_contain_text("feature 5")
    written(page)
    assert kl(page) == both
    page.wait_for_timeout(500)  # longer than the page waits before it writes
    assert len(asked) == 2


def test_strength_mode_and_wrong_numbers(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    strong = page.locator("#steer-kl").inner_text()
    value = page.get_by_role("textbox", name="strength", exact=True)
    value.fill("0")
    expect(page.locator("#steer-kl")).to_have_text("0")
    value.fill("much")
    expect(value).to_have_attribute("aria-invalid", "true")
    value.fill("20")
    expect(page.locator("#steer-kl")).to_have_text(strong)
    page.get_by_role("radio", name="ablate").click()
    expect(page.locator("#steer-sentence")).to_contain_text("off")
    expect(value).to_have_count(0)


def test_a_strength_does_not_become_a_factor(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    strength = page.get_by_label("strength", exact=True)
    page.get_by_role("radio", name="scale").click()
    expect(strength).to_have_value("2")
    page.get_by_role("radio", name="clamp").click()
    expect(strength).not_to_have_value("2")
    usual = strength.input_value()
    page.get_by_role("radio", name="add").click()
    expect(strength).to_have_value(usual)


def test_the_three_units_of_a_strength_are_linked(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    feature = {"sae_id": "layer_2", "feature_index": 3}
    answer = page.request.post(
        f"{live_server_url}/api/strength", data={"prompt": PROMPT, "features": [feature]}
    ).json()
    known = answer["features"][0]
    norm = known["positions"]["residual_norm"][answer["last_function"]]
    value = page.get_by_role("textbox", name="strength", exact=True)
    multiple, share = (
        page.get_by_role("textbox", name=name) for name in ("multiples of", "per cent of")
    )
    expect(multiple).to_be_enabled()
    expect(share).to_be_enabled()
    assert float(multiple.input_value()) == pytest.approx(20 / known["act_q999"], rel=0.01)
    assert float(share.input_value()) == pytest.approx(
        100 * 20 * known["decoder_norm"] / norm, rel=0.01
    )
    multiple.fill("2")
    expect(value).to_have_value(f"{2 * known['act_q999']:.4g}")
    share.fill("50")
    expect(value).to_have_value(f"{0.5 * norm / known['decoder_norm']:.4g}")


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


def test_keys_walk_plug_in_and_switch(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    start = int(page.locator(".fs-socket.is-on").get_attribute("data-position") or "")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(f".fs-token[data-position='{start - 1}']")).to_be_focused()
    page.keyboard.press("p")
    expect(page.locator("#steer-sentence")).to_contain_text(f"(position {start - 1})")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+P")
    expect(page.locator(".fs-socket.is-on")).to_have_count(2)
    page.keyboard.press("x")
    expect(page.get_by_role("switch", name="feature 3 off")).to_be_visible()
    expect(page.locator("#steer-kl")).to_have_text("0")


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


def test_a_drag_on_the_slider_moves_the_strength(page: Page, live_server_url: str) -> None:
    """It would move the whole card, were the card what is dragged."""
    open_page(page, live_server_url)
    slider = page.get_by_label("strength slider")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    low, high = (float(slider.get_attribute(name) or "nan") for name in ("min", "max"))
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, y)
    page.mouse.down()
    for share in (0.3, 0.5, 0.7, 0.8):
        page.mouse.move(box["x"] + box["width"] * share, y)
    page.mouse.up()
    reached = (float(slider.input_value()) - low) / (high - low)
    assert reached == pytest.approx(0.8, abs=0.05)  # the thumb's middle stays within the track


def test_a_card_is_dragged_by_its_handle(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    socket = page.locator(".fs-socket[data-position='3']")
    page.locator(".fs-card-grip").drag_to(socket)
    expect(socket).to_have_class("fs-socket is-filled is-on")
    expect(page.locator(".fs-socket.is-filled")).to_have_count(1)


PICTURE = """() => ({
  address: location.search,
  prompt: document.querySelector('#steer-prompt-area').value,
  sockets: [...document.querySelectorAll('.fs-socket')].map((e) => e.getAttribute('aria-label')),
  cards: [...document.querySelectorAll('.fs-card')].map((e) => e.innerText),
  switches: [...document.querySelectorAll('.fs-card [role=switch]')].map((e) => e.ariaChecked),
  settings: document.querySelector('#steer-settings-words').innerText,
  values: [...document.querySelectorAll('.fs-card input, .fs-live-tools input')]
    .map((e) => e.value + e.checked),
  shift: document.querySelector('#steer-shift').innerText.replace(/\\d+ ms/, ''),
  arms: document.querySelector('.fs-stream-arms').innerText,
})"""


def test_the_link_reopens_the_same_picture(
    page: Page, browser: Browser, live_server_url: str
) -> None:
    open_page(page, live_server_url, ONE + "&tokens=12")
    page.locator("#steer-rack-search").fill("layer_0:5")
    page.locator("#steer-rack-search").press("Enter")
    page.get_by_role("switch", name="feature 5 on").click()
    page.locator("#steer-rack-generated").check()
    page.locator("#steer-rack-freeze").check()
    until(
        page, "['generated=1', 'freeze=1', 'off'].every((part) => location.search.includes(part))"
    )
    page.locator(".fs-card-name").nth(1).click()  # unselect: a selection is not part of the picture
    written(page)
    context = browser.new_context(viewport=page.viewport_size)
    try:
        other = context.new_page()
        open_page(other, live_server_url, page.evaluate("location.search"))
        expect(other.locator(".fs-card")).to_have_count(2)
        written(other)
        for one in (page, other):
            expect(one.locator(".fs-strength-place").nth(1)).not_to_be_empty()
        assert other.evaluate(PICTURE) == page.evaluate(PICTURE)
    finally:
        context.close()


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
    until(page, "document.querySelectorAll('.fs-token-strip-cell').length > 12")
    assert page.evaluate(
        "window.broken === undefined && !document.querySelector('.fs-token-strip img')"
    )


def test_what_an_address_says_in_vain_is_told_above_the_page_without_it(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/steer?prompt=a&f=nonsense&temperature=hot&tokens=5")
    told = page.locator("#steer-complaints .fs-notice--problem")
    expect(told).to_contain_text("f: got 'nonsense', allowed is sae_id:index")
    expect(told).to_contain_text("temperature: got 'hot', allowed is 0 to")
    expect(page.locator("#steer-prompt-area")).to_have_value("a")
    expect(page.locator("#steer-tokens")).to_have_value("5")
    expect(page.locator("#frame-problem-text")).to_have_text("")


def test_a_strength_of_six_digits_is_read_whole(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url, ONE.replace("add:20", "add:-468.88"))
    field = page.get_by_label("strength", exact=True).first
    expect(field).to_have_value("-468.88")
    field.fill("-4068.88")
    assert field.evaluate("it => it.scrollWidth <= it.clientWidth")
