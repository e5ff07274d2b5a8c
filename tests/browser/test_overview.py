"""Overview: the hypothesis, this build's numbers as the API has them, and a worked example."""

import pytest
from playwright.sync_api import Page, expect

from app.parts.numbers import percent
from app.parts.token import visible

pytestmark = pytest.mark.browser


def test_the_numbers_are_the_apis_numbers(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    answer = page.request.get(f"{live_server_url}/api/coverage?sae_id=layer_2").json()
    contrast = max((one for one in answer["contrast"] if one["k"] <= 10), key=lambda one: one["k"])
    stats = page.locator(".fs-stat__value")
    expect(stats.first).to_contain_text(percent(contrast["coverage"]))
    expect(page.locator("#overview-numbers")).to_contain_text(f"{answer['n_active']:,}")
    hover = page.locator("#overview-numbers .fs-number").first.get_attribute("title")
    assert hover is not None
    assert f"{contrast['occurrences']:,}" in hover


def test_the_curve_is_drawn_for_every_layer(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    page.locator("#overview-curve .scatterlayer").wait_for(state="attached")
    names = (
        "document.querySelector('#overview-curve .js-plotly-plot').data.map((line) => "
        "line.name).filter((name) => name && !name.includes(','))"
    )
    assert page.evaluate(names) == ["layer 0", "layer 2", "layer 3"]


def test_the_pair_is_on_screen_with_what_fires(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    strips = page.locator(".fs-strip")
    expect(strips).to_have_count(2)
    expect(strips.first).to_contain_text("Russia")
    expect(strips.first.locator(".fs-strip__next")).to_contain_text("→")
    expect(strips.first.locator(".fs-strip__bar--again").first).to_be_attached()


def test_each_strip_ends_in_what_the_model_answers(page: Page, live_server_url: str) -> None:
    can = page.request.get(f"{live_server_url}/api/capabilities").json()
    prompts = can["opening"]["reactivation"] or can["prompts"][:2]
    page.goto(live_server_url)
    said = page.locator(".fs-strip__next")
    expect(said).to_have_count(len(prompts))
    for place, prompt in enumerate(prompts):
        asked = {"prompt": prompt, "prefix": can["opening"]["prefix"], "interventions": []}
        whole = page.request.post(
            f"{live_server_url}/api/steer", data=asked | {"max_new_tokens": 8, "stop": ["\n"]}
        ).json()["baseline"]
        text = whole["texts"][0].rstrip()
        assert text != whole["next_tokens"][0]["text"]  # else there is nothing to tell apart
        expect(said.nth(place).locator("strong")).to_contain_text(visible(text))
        expect(said.nth(place)).to_contain_text("first token")


def test_a_long_answer_stays_on_a_phone(page: Page, live_server_url: str) -> None:
    page.set_viewport_size({"width": 380, "height": 900})
    page.goto(live_server_url)
    answer = page.locator(".fs-strip__next").first
    longer = "'The capital of Russia is Moscow, which '.repeat(3)"
    answer.evaluate(f"one => one.append({longer})")  # beside what React has there, and may replace
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    right = "one => one.getBoundingClientRect().right <= one.parentElement.getBoundingClientRect()"
    assert answer.evaluate(f"{right}.right")


def test_four_ways_in_and_each_opens(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    cards = page.locator(".fs-entry")
    expect(cards).to_have_count(4)
    cards.first.click()
    expect(page).to_have_url(f"{live_server_url}/coverage")
    expect(page.locator("#coverage-headline")).to_contain_text("most frequent token")


def test_the_first_screen_has_what_came_out_the_words_and_the_example(
    page: Page, live_server_url: str
) -> None:
    page.goto(live_server_url)
    expect(page.locator(".fs-strip")).to_have_count(2)
    expect(page.locator(".fs-primer dt")).to_have_count(3)
    told = page.locator("#overview-verdicts li a, #overview-verdicts p")
    expect(told.first).to_be_visible()
    for place in ("#overview-verdicts", ".fs-primer", ".fs-strip >> nth=0"):
        top = page.locator(place).evaluate("one => one.getBoundingClientRect().top")
        assert 0 <= top < page.evaluate("innerHeight"), place


def test_what_came_out_is_what_the_claims_say(page: Page, live_server_url: str) -> None:
    claims = page.request.get(f"{live_server_url}/api/claims").json()["claims"]
    plain = [claim for claim in claims if claim["plain"]]
    page.goto(live_server_url)
    links = page.locator("#overview-verdicts li a")
    expect(links).to_have_count(len(plain))
    assert links.all_inner_texts() == [claim["plain"] for claim in plain]
    tested = sum(claim["verdict"] != "not tested" for claim in claims)
    if plain:
        expect(page.locator("#overview-verdicts")).to_contain_text(f"All {tested} that were tested")
