"""The graph: numbers are the API's, blocks split down to single edges,
by mouse and by keys; links reopen it.
"""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.waiting import until

pytestmark = pytest.mark.browser

WAIT = 60_000


def ready(page: Page) -> None:
    expect(page.locator("#graph-headline")).to_contain_text("edges", timeout=WAIT)
    expect(page.locator(".fs-graph__block").first).to_be_visible(timeout=WAIT)
    expect(page.locator("#graph-picture")).to_have_attribute("aria-busy", "false", timeout=WAIT)


def blocks(page: Page, side: str) -> Locator:
    return page.locator(f".fs-graph__side--{side} button")


def steps(page: Page) -> list[str]:
    return [
        step for step in parse_qs(urlsplit(page.url).query).get("path", [""])[0].split(";") if step
    ]


def ask(page: Page, url: str, step: str | None = None, **query: Any) -> dict[str, Any]:
    if step:
        ranks, orders = (part.split("-") for part in step.split(","))
        query |= {
            "rank_first": ranks[0],
            "rank_last": ranks[1],
            "order_first": orders[0],
            "order_last": orders[1],
        }
    found: dict[str, Any] = page.request.get(
        f"{url}/api/graph", params={"sae_id": "layer_2", **query}
    ).json()
    return found


def wait_for_steps(page: Page, n: int) -> None:
    until(
        page,
        "n => (new URLSearchParams(location.search).get('path') || "
        "'').split(';').filter(Boolean).length === n",
        n,
    )
    ready(page)


def test_the_picture_is_the_api(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/graph")
    ready(page)
    answer = ask(page, live_server_url)
    expect(page.locator("#graph-headline")).to_contain_text(f"{answer['n_edges']:,}")
    expect(blocks(page, "token")).to_have_count(len(answer["token_blocks"]))
    expect(blocks(page, "feature")).to_have_count(len(answer["feature_blocks"]))
    first = answer["token_blocks"][0]
    expect(blocks(page, "token").first).to_have_attribute(
        "aria-label", re.compile(f"{first['n_edges']:,} edge")
    )
    row = page.locator("#graph-table .ag-center-cols-container [row-index='0'] [col-id='n_edges']")
    expect(row).to_have_text(f"{max(answer['cells']['n_edges']):,}")
    assert urlsplit(page.url).query == ""


def test_clicks_split_down_to_a_single_edge_and_the_link_reopens_it(
    page: Page, live_server_url: str
) -> None:
    """Token block after token block, then feature after feature, always the first with an edge."""
    page.goto(f"{live_server_url}/graph?max_edges=200")
    ready(page)
    for side, ends in (
        ("token", ("rank_first", "rank_last")),
        ("feature", ("order_first", "order_last")),
    ):
        for _ in range(8):
            taken = steps(page)
            answer = ask(page, live_server_url, taken[-1] if taken else None, max_edges=200)
            if answer["effective"][ends[0]] == answer["effective"][ends[1]]:
                break
            at = next(i for i, block in enumerate(answer[f"{side}_blocks"]) if block["n_edges"])
            block = answer[f"{side}_blocks"][at]
            blocks(page, side).nth(at).click()
            wait_for_steps(page, len(taken) + 1)
            inside = ask(page, live_server_url, steps(page)[-1], max_edges=200)
            assert inside["n_edges"] == block["n_edges"]
    answer = ask(page, live_server_url, steps(page)[-1])
    assert (answer["n_edges"], len(answer["token_blocks"]), len(answer["feature_blocks"])) == (
        1,
        1,
        1,
    )
    token_id, index = (
        answer["token_blocks"][0]["tokens"][0]["token_id"],
        answer["feature_blocks"][0]["feature_index"],
    )
    links = page.locator("#graph-crumbs a")
    expect(links.nth(0)).to_have_attribute("href", f"/token/{token_id}")
    expect(links.nth(1)).to_have_attribute("href", f"/feature/layer_2/{index}")
    sentence, taken = page.locator("#graph-headline").inner_text(), steps(page)
    page.reload()
    ready(page)
    expect(page.locator("#graph-headline")).to_have_text(sentence)
    assert steps(page) == taken
    page.locator("#graph-crumbs button").first.click()
    wait_for_steps(page, 0)
    expect(page.locator("#graph-headline")).to_contain_text("edges join")


def test_a_ribbon_is_explained_and_splits_both_sides(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/graph")
    ready(page)
    page.locator(".fs-graph__picture").scroll_into_view_if_needed()
    box = page.locator(".fs-graph__over").bounding_box()
    assert box
    page.mouse.move(box["x"] + 4, box["y"] + 6)  # the first ribbon of the first token
    readout = page.locator("#graph-picture-readout")
    expect(readout).to_contain_text(re.compile(r"The token .* of rank 1 and .* edges?, firing"))
    page.mouse.click(box["x"] + 4, box["y"] + 6)
    wait_for_steps(page, 1)
    ranks, orders = steps(page)[0].split(",")
    answer = ask(page, live_server_url)
    block = answer["feature_blocks"][0]
    assert (ranks, orders) == ("1-1", f"{block['order_first']}-{block['order_last']}")


def test_keys_alone_walk_split_and_go_back(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/graph")
    ready(page)
    blocks(page, "token").first.focus()
    page.keyboard.press("ArrowDown")
    expect(blocks(page, "token").nth(1)).to_be_focused()
    expect(page.locator("#graph-picture-readout")).to_contain_text("rank")
    page.keyboard.press("End")
    expect(blocks(page, "token").last).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".fs-graph__side--feature button:focus")).to_have_count(1)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    wait_for_steps(page, 1)
    expect(blocks(page, "feature").first).to_be_focused()
    page.keyboard.press("Escape")
    wait_for_steps(page, 0)


def test_filters_are_in_the_address_and_another_layer_starts_anew(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/graph?path=1-2,1-9&min_count=2")
    ready(page)
    expect(page.locator("#graph-headline")).to_contain_text("ranks 1–2 and features in places 1–9")
    page.locator("#graph-sae").get_by_text("3", exact=True).click()
    until(page, "location.search.includes('sae=layer_3') && !location.search.includes('path')")
    ready(page)
    wanted = page.request.get(
        f"{live_server_url}/api/graph", params={"sae_id": "layer_3", "min_count": 2}
    ).json()
    expect(page.locator("#graph-headline")).to_contain_text(f"{wanted['n_edges']:,} edges join")
    hidden = wanted["n_edges_of_sae"] - wanted["n_edges"]
    expect(page.locator("#graph-panel-note")).to_contain_text(f"{hidden:,} of the layer's")


def test_an_address_outside_the_graph_says_so(
    page: Page, live_server_url: str, page_problems: list[str]
) -> None:
    page.goto(f"{live_server_url}/graph?path=1-900000,1-2&colour=red")
    expect(page.locator("#graph-complaints")).to_contain_text(
        "colour: this page has no such setting", timeout=WAIT
    )
    expect(page.locator("#graph-headline")).to_contain_text("rank_last 900000", timeout=WAIT)
    page.locator("#graph-crumbs button").first.click()
    wait_for_steps(page, 0)
