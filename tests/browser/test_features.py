"""Token, Feature and Features pages:
found by mouse and by keyboard alone, reopened by their address.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from backend.core.companions.file import companion_path
from precompute.cli import main
from tests.browser.conftest import SAE_IDS

pytestmark = pytest.mark.browser

ROWS = "#features-found tbody tr"


@pytest.fixture(scope="module", autouse=True)
def details(browser_build: Path, tiny_folder: Path) -> Iterator[None]:
    """Details beside the build that the server serves."""
    saes = [str(part) for sae_id in SAE_IDS for part in ("--sae", tiny_folder / "saes" / sae_id)]
    given = ["--model", str(tiny_folder / "model"), *saes, "--build", str(browser_build)]
    assert main(["feature-details", *given, "--work", str(browser_build.parent / "work")]) == 0
    yield
    companion_path(browser_build, "features").unlink()


def api(page: Page, url: str, path: str, **query: str | int) -> Any:
    return page.request.get(url + path, params=query).json()


def newline(page: Page, url: str) -> int:
    rows = api(page, url, "/api/tokens", q="\n")["tokens"]
    return int(next(row["token_id"] for row in rows if row["text"] == "\n"))


def indices(page: Page) -> list[str]:
    return page.locator(f"{ROWS} th").all_inner_texts()


def test_a_search_by_token_is_the_apis_and_its_address_reopens_it(
    page: Page, live_server_url: str
) -> None:
    token = newline(page, live_server_url)
    wanted = api(
        page,
        live_server_url,
        "/api/features",
        sae_id="layer_2",
        token_id=token,
        order="token_count",
        limit=50,
    )
    page.goto(f"{live_server_url}/features")
    expect(page.locator(ROWS).first).to_be_visible()
    page.locator("#features-fires").fill("↵")
    expect(page).to_have_url(re.compile(r"[?&]fires="))
    page.locator("#features-order").click()
    page.get_by_role("option", name="fires most often at the token").click()
    expect(page).to_have_url(re.compile(r"[?&]order=token_count"))
    expect(page.locator("#features-panel-note")).to_contain_text(f"{wanted['total']} of")
    expected = [str(row["feature_index"]) for row in wanted["features"]]
    expect(page.locator(f"{ROWS} th")).to_have_text(expected)
    page.reload()
    expect(page.locator(f"{ROWS} th")).to_have_text(expected)
    expect(page.locator("#features-fires")).to_have_value("↵")


def test_a_word_without_its_space_is_offered_beside_the_one_with_it(
    page: Page, live_server_url: str
) -> None:
    rows = api(page, live_server_url, "/api/tokens", limit=200)["tokens"]
    by_text = {row["text"]: row for row in rows if row["occurrences"]}
    word = next(text for text in by_text if text.isalpha() and f" {text}" in by_text)
    both = sorted((by_text[word], by_text[f" {word}"]), key=lambda row: -row["occurrences"])
    page.goto(f"{live_server_url}/features?fires={word}")
    note = page.locator("#features-panel-note")
    expect(note).to_contain_text(f"(id {both[0]['token_id']}, {both[0]['occurrences']:,} time")
    note.get_by_role("link", name=f"{both[1]['occurrences']:,} time").click()
    expect(note).to_contain_text(f"(id {both[1]['token_id']},")
    page.goto(f"{live_server_url}/token?q={word}")
    expect(page.locator("#tokens-panel-note")).to_contain_text(f"({both[1]['occurrences']:,} occ")
    ids = page.locator("#tokens-found tbody tr td:nth-child(2)")
    expect(ids.nth(1)).to_have_text(str(both[1]["token_id"]))
    expect(ids.nth(0)).to_have_text(str(both[0]["token_id"]))


def test_any_token_is_looked_up_by_its_id(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/token")
    rows = page.locator("#tokens-found tbody tr")
    expect(rows).to_have_count(50)
    page.locator("#tokens-q").fill("#77")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/token\?q=%2377$"))
    rows.locator("a").click()
    expect(page).to_have_url(re.compile("/token/77$"))
    page.go_back()
    expect(page.locator("#tokens-q")).to_have_value("#77")
    expect(rows).to_have_count(1)


def test_by_keyboard_from_anywhere_to_a_feature(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage")
    expect(page.locator("#coverage-headline")).to_contain_text("most frequent token")
    page.keyboard.press("g")
    page.keyboard.press("e")
    expect(page).to_have_url(f"{live_server_url}/features")
    expect(page.locator(ROWS).first).to_be_visible()
    page.keyboard.press("/")
    expect(page.locator("#features-q")).to_be_focused()
    page.keyboard.type("capital")
    expect(page).to_have_url(re.compile(r"[?&]q=capital"))
    total = api(page, live_server_url, "/api/features", sae_id="layer_2", q="capital")["total"]
    expect(page.locator("#features-panel-note strong")).to_have_text(str(total))
    first = indices(page)[0]
    page.locator(".fs-feature-link").first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live_server_url}/feature/layer_2/{first}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(first)
    expect(page.locator("#feature-examples li").first).to_be_visible()


def test_arrows_walk_along_the_features_by_index(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/feature/layer_2/3")
    expect(page.get_by_role("heading", level=1)).to_contain_text("3")
    page.wait_for_load_state("networkidle")
    page.locator("#frame-main").focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(f"{live_server_url}/feature/layer_2/4")
    expect(page.get_by_role("heading", level=1)).to_contain_text("4")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(f"{live_server_url}/feature/layer_2/3")


def test_pages_of_a_result_turn_and_another_filter_begins_again(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/features")
    pager = page.locator("#features-pager")
    expect(pager).to_contain_text("page 1 of")
    first = indices(page)
    page.locator("#features-after").click()
    expect(pager).to_contain_text("page 2 of")
    assert not set(first) & set(indices(page))
    expect(page).to_have_url(re.compile(r"[?&]page=2"))
    page.locator("#features-direction").get_by_text("↑").click()
    expect(pager).to_contain_text("page 1 of")
    expect(page).not_to_have_url(re.compile(r"page="))


def test_a_feature_says_what_the_api_says(page: Page, live_server_url: str) -> None:
    index = api(page, live_server_url, "/api/features", sae_id="layer_2", limit=1)["features"][0][
        "feature_index"
    ]
    one = api(page, live_server_url, f"/api/features/layer_2/{index}")
    page.goto(f"{live_server_url}/feature/layer_2/{index}")
    expect(page.locator("#feature-histogram-panel-note")).to_contain_text(
        f"{one['n_firings']:,} firings"
    )
    expect(page.locator("#feature-tokens table").first.locator("tbody tr")).to_have_count(
        len(one["tokens_by_count"])
    )
    firings = page.locator("#feature-tokens table").first.locator("tbody tr").first
    expect(firings).to_contain_text(f"{one['tokens_by_count'][0]['n_firings']:,}")
    expect(page.locator("#feature-effects table").last.locator("tbody tr")).to_have_count(
        len(one["suppressed"])
    )
    near = page.locator("#feature-nearest tbody th").all_inner_texts()
    assert near == [str(row["feature_index"]) for row in one["nearest"]]
    expect(page.get_by_role("link", name="Steer with this")).to_have_attribute(
        "href", f"/steer?f=layer_2%3A{index}"
    )
    expect(page.get_by_role("link", name="Watch it in a prompt")).to_have_attribute(
        "href", re.compile("^/reactivation")
    )


def test_examples_follow_quantile_and_token_and_the_address(
    page: Page, live_server_url: str
) -> None:
    index = api(page, live_server_url, "/api/features", sae_id="layer_2", limit=1)["features"][0][
        "feature_index"
    ]
    path = f"/api/features/layer_2/{index}"
    strongest = api(page, live_server_url, path, limit=12, min_quantile="0.95", max_quantile="1")[
        "examples"
    ]
    page.goto(f"{live_server_url}/feature/layer_2/{index}")
    texts = page.locator("#feature-examples li")
    expect(texts.first).to_be_visible()
    page.locator("#feature-quantile").get_by_text("strongest").click()
    expect(page).to_have_url(re.compile(r"[?&]quantile=strongest"))
    expect(texts).to_have_count(len(strongest))
    page.reload()
    expect(page.locator("#feature-quantile input:checked")).to_have_value("strongest")
    expect(texts).to_have_count(len(strongest))
    page.locator("#feature-quantile input[value='all']").focus()
    page.locator("#feature-quantile").get_by_text("all", exact=True).click()
    listed = api(page, live_server_url, path)["example_tokens"][0]
    page.locator("#feature-token").focus()
    page.keyboard.press("ArrowDown")  # opens the list
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"[?&]token="))
    assert f"token={listed['token_id']}" in page.url
    expect(texts).to_have_count(min(12, listed["n_examples"]))
    peaks = page.locator("#feature-examples .fs-fired--peak .fs-token")
    expect(peaks.first).to_have_attribute("title", re.compile(f"id {listed['token_id']} "))


def test_a_token_lists_what_it_fires_and_leads_to_it(page: Page, live_server_url: str) -> None:
    token = newline(page, live_server_url)
    page.goto(f"{live_server_url}/token/{token}")
    for order in ("count", "strength", "share"):
        layer = api(
            page, live_server_url, f"/api/tokens/{token}", order=order, sae_id="layer_2", limit=12
        )["layers"][0]
        rows = page.locator(f"#token-{order} tbody th")
        expect(rows).to_have_count(len(layer["edges"]))
        if order != "share":  # there the features of its own come first
            assert rows.all_inner_texts() == [str(edge["feature_index"]) for edge in layer["edges"]]
    page.locator("#token-sae").get_by_text("3", exact=True).click()
    expect(page).to_have_url(re.compile(r"[?&]sae=layer_3"))
    other = api(page, live_server_url, f"/api/tokens/{token}", sae_id="layer_3", limit=12)[
        "layers"
    ][0]
    expect(page.locator("#token-count tbody th").first).to_have_text(
        str(other["edges"][0]["feature_index"])
    )
    page.locator("#token-count .fs-feature-link").first.click()
    expect(page).to_have_url(
        f"{live_server_url}/feature/layer_3/{other['edges'][0]['feature_index']}"
    )
    page.locator("#feature-tokens .fs-token-link").first.click()
    expect(page).to_have_url(re.compile(r"/token/\d+\?sae=layer_3"))


def test_arrows_walk_along_the_tokens_by_rank(page: Page, live_server_url: str) -> None:
    ranked = [
        row["token_id"] for row in api(page, live_server_url, "/api/tokens", limit=3)["tokens"]
    ]
    page.goto(f"{live_server_url}/token/{ranked[0]}")
    expect(page.locator(".fs-walks")).to_be_visible()
    page.locator("#frame-main").focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(f"{live_server_url}/token/{ranked[1]}")
    expect(page.locator(".fs-facts-row")).to_contain_text("rank")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/token/abc", "No such token"),
        ("/token/99999", "No such token"),
        ("/token/0", "A special token"),
        ("/feature/layer_2/99999", "No such feature"),
        ("/feature/nowhere/1", "No such feature"),
        ("/feature/layer_2/3?quantile=some", "allowed are all, strongest"),
        ("/features?density=thick", "density: got 'thick'"),
        ("/features?fires=zzzzzz", "no token is 'zzzzzz'"),
        ("/features?order=token_share", "needs a token"),
    ],
)
def test_what_is_not_there_is_said(
    page: Page, live_server_url: str, page_problems: list[str], path: str, said: str
) -> None:
    page.goto(live_server_url + path)
    expect(page.locator("#frame-page")).to_contain_text(said)
    if said.startswith("No such"):
        expect(page.locator(".fs-browse")).to_be_hidden()
        expect(page).to_have_title(
            re.compile(rf"^(Token|Feature) {path.partition('/')[2].partition('/')[2]} · ")
        )


@pytest.mark.parametrize("path", ["/features?fires=the", "/feature/layer_2/3", "/token/201"])
def test_nothing_scrolls_sideways_when_narrow(page: Page, live_server_url: str, path: str) -> None:
    page.set_viewport_size({"width": 900, "height": 900})
    page.goto(live_server_url + path)
    expect(page.locator(".fs-browse-page")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
