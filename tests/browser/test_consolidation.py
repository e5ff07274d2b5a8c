"""The consolidation page in a browser, on the shipped training runs:
scrub, play, brush, isolate, compare, share.
"""

import json

from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.waiting import until

HERE = "#consolidation-here"
CURSOR = "#consolidation-cursor"


def opened(page: Page, url: str, query: str = "") -> Page:
    page.goto(f"{url}/consolidation{query}")
    expect(page.locator(f"{HERE} tbody tr")).to_have_count(5)
    return page


def readout(page: Page) -> str:
    return page.locator("#consolidation-readout").inner_text()


def test_the_keyboard_scrubs_and_everything_follows_without_a_request(
    page: Page, live_server_url: str
) -> None:
    opened(page, live_server_url)
    expect(page.locator("tr.is-here th")).to_have_text("7,324")
    page.wait_for_load_state("networkidle")  # other panels may still be asking for their own
    asked: list[str] = []
    page.on(
        "request",
        lambda sent: asked.append(sent.post_data or sent.url) if sent.method == "POST" else None,
    )
    page.locator(CURSOR).focus()
    before = page.locator(f"{HERE} tbody").inner_text()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#consolidation-readout")).to_contain_text("step 2,048")
    expect(page.locator("tr.is-here th")).to_have_text("2,048")
    assert page.locator(f"{HERE} tbody").inner_text() != before
    until(page, "new URLSearchParams(location.search).get('step') === '2048'")
    assert not [one for one in asked if "frame-heartbeat" not in one]


def test_a_line_stands_at_the_cursor_in_every_plot(page: Page, live_server_url: str) -> None:
    opened(page, live_server_url, "?step=512")
    until(page, "document.querySelectorAll('.fs-cursor--cursor:not([hidden])').length === 3")
    place = (
        "[...document.querySelectorAll('.fs-cursor--cursor')].map((one) => "
        "one.style.transform).join()"
    )
    before = page.evaluate(place)
    page.locator(CURSOR).focus()
    page.keyboard.press("Home")
    expect(page.locator("#consolidation-readout")).to_contain_text("step 0")
    until(page, f"{place} !== '{before}'")


def test_play_runs_on_and_escape_stops(page: Page, live_server_url: str) -> None:
    opened(page, live_server_url, "?step=0")
    page.locator("#consolidation-play").click()
    until(page, "Number(document.querySelector('#consolidation-cursor').value) >= 2")
    page.keyboard.press("Escape")
    stopped = readout(page)
    page.wait_for_timeout(1600)
    assert readout(page) == stopped


def test_two_checkpoints_are_compared_and_shared_by_link(
    page: Page, live_server_url: str, browser: Browser
) -> None:
    opened(page, live_server_url, "?step=64")
    page.locator("#consolidation-pin").click()
    page.locator(CURSOR).focus()
    page.keyboard.press("End")
    expect(page.locator("#consolidation-readout")).to_contain_text("against step 64")
    difference = page.locator(f"{HERE} tbody tr").nth(2).locator("td").nth(2)
    expect(difference).to_contain_text("−")
    until(page, "location.search.includes('compare=64')")
    other = browser.new_context()
    again = opened(other.new_page(), live_server_url, page.evaluate("location.search"))
    expect(again.locator("#consolidation-readout")).to_contain_text("against step 64")
    assert again.locator(f"{HERE} tbody").inner_text() == page.locator(f"{HERE} tbody").inner_text()
    other.close()


def test_one_line_is_isolated_and_the_class_cut_changes_the_numbers(
    page: Page, live_server_url: str
) -> None:
    opened(page, live_server_url, "?lines=fc")
    traces = (
        "document.querySelector('#consolidation-loss .js-plotly-plot').data.map((one) => "
        "one.name).join()"
    )
    until(page, f"{traces}.includes('f→c') && !{traces}.includes('c→f')")
    before = page.locator(f"{HERE} tbody").inner_text()
    page.goto(f"{live_server_url}/consolidation?lines=fc&cut=0.20")
    expect(page.locator(f"{HERE} tbody tr")).to_have_count(5)
    assert page.locator(f"{HERE} tbody").inner_text() != before


def test_a_choice_asks_and_redraws_what_follows_it_alone(page: Page, live_server_url: str) -> None:
    """Another measure concerns one chart: neither the features nor the sentences ask again."""
    opened(page, live_server_url)
    page.wait_for_load_state("networkidle")
    asked: list[str] = []

    def hear(sent: Request) -> None:
        if sent.method == "POST" and "consolidation-" in (sent.post_data or ""):
            asked.append(json.loads(sent.post_data or "{}")["output"])

    page.on("request", hear)
    first = "document.querySelector('#consolidation-loss .js-plotly-plot').data[0]"
    before = page.evaluate(f"{first}.y[1]")
    here = page.locator(f"{HERE} tbody").inner_text()
    page.locator("#consolidation-measure label", has_text="share of total loss").click()
    until(page, f"{first}.y[1] !== {before}")
    page.wait_for_load_state("networkidle")
    assert len(asked) == 1
    assert "consolidation-loss.figure" in asked[0]
    assert page.locator(f"{HERE} tbody").inner_text() == here
    asked.clear()
    page.locator("#consolidation-axis label").nth(1).click()
    until(page, "document.querySelectorAll('.fs-cursor--cursor:not([hidden])').length === 3")
    until(
        page,
        "['loss', 'features', 'degree'].every((name) => document.querySelector("
        "`#consolidation-${name} .js-plotly-plot`)._fullLayout.xaxis.type === 'linear')",
    )
    page.wait_for_load_state("networkidle")
    drawn = ("consolidation-loss.figure", "consolidation-features.figure")
    assert len(asked) == 2
    assert all(any(name in one for one in asked) for name in drawn)


def test_a_brushed_range_is_laid_on_the_other_plots(page: Page, live_server_url: str) -> None:
    opened(page, live_server_url)
    box = page.locator("#consolidation-loss .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 60, steps=6)
    page.mouse.up()
    until(
        page,
        """(() => {
      const plot = (name) => document.querySelector(`#consolidation-${name} .js-plotly-plot`);
      const range = (name) => plot(name)._fullLayout.xaxis.range;
      const [one, other] = [range("loss"), range("degree")];
      const near = (i) => Math.abs(one[i] - other[i]) < 0.01;
      return one[0] > 0.5 && near(0) && near(1);
    })()""",
    )


def test_a_click_on_a_row_of_predictions_moves_the_cursor(page: Page, live_server_url: str) -> None:
    opened(page, live_server_url)
    page.locator("tr[data-step='362'] th").click()
    expect(page.locator("#consolidation-readout")).to_contain_text("step 362")


def test_scrubbing_stays_on_the_page_at_900_pixels(page: Page, live_server_url: str) -> None:
    page.set_viewport_size({"width": 900, "height": 1000})
    opened(page, live_server_url)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
