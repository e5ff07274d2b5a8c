"""A person's own label: written by keyboard, shown wherever the feature is, found, taken along."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

SAE = "layer_2"
OWN = "#feature-label"
ROWS = "#features-found tbody tr"


@pytest.fixture
def feature(page: Page, live_server_url: str) -> Iterator[int]:
    """One that fires; whatever label it has at the end is taken away."""
    found = page.request.get(f"{live_server_url}/api/features?sae_id={SAE}&limit=3").json()
    index = int(found["features"][1]["feature_index"])
    yield index
    page.request.delete(f"{live_server_url}/api/labels/{SAE}/{index}")


def label_of(page: Page, url: str, index: int) -> dict[str, str] | None:
    found = page.request.get(f"{url}/api/labels?sae_id={SAE}").json()["labels"]
    return next((one for one in found if one["feature_index"] == index), None)


def test_a_label_is_written_by_keyboard_and_stands_in_every_list(
    page: Page, live_server_url: str, feature: int
) -> None:
    page.goto(f"{live_server_url}/feature/{SAE}/{feature}")
    expect(page.locator(f"{OWN} button")).to_be_visible()
    page.keyboard.press("l")
    expect(page.locator(f"{OWN} input[name=label]")).to_be_focused()
    page.keyboard.type("given up")
    page.keyboard.press("Escape")
    expect(page.locator(f"{OWN} form")).to_have_count(0)
    assert label_of(page, live_server_url, feature) is None

    page.keyboard.press("l")
    page.keyboard.type("zebra crossings")
    page.keyboard.press("Tab")
    page.keyboard.type("fires late")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("in a line")
    page.keyboard.press("Enter")
    expect(page.locator(f"{OWN} strong")).to_have_text("zebra crossings")
    kept = label_of(page, live_server_url, feature)
    assert kept is not None
    assert (kept["label"], kept["note"]) == ("zebra crossings", "fires late\nin a line")

    page.goto(f"{live_server_url}/features?sae={SAE}&q=ZEBRA")
    expect(page.locator(ROWS)).to_have_count(1)
    link = page.locator(f"{ROWS} th a")
    expect(link).to_have_attribute("data-fs-label", "zebra crossings")
    expect(link).to_have_text(str(feature))
    written = "one => getComputedStyle(one, '::after').content"
    assert "zebra crossings" in link.evaluate(written)

    link.click()
    expect(page.locator(f"{OWN} strong")).to_have_text("zebra crossings")
    page.once("dialog", lambda asked: asked.accept())
    page.locator(f"{OWN} button", has_text="Remove").click()
    expect(page.locator(f"{OWN} strong")).to_have_count(0)
    assert label_of(page, live_server_url, feature) is None


def test_steering_finds_a_feature_by_its_label(
    page: Page, live_server_url: str, feature: int
) -> None:
    body = {"label": "zebra crossings"}
    page.request.put(f"{live_server_url}/api/labels/{SAE}/{feature}", data=body)
    page.goto(f"{live_server_url}/steer")
    chosen = page.locator("select[id$=search-sae]").first
    chosen.select_option(SAE)
    page.locator(".fs-search-input").first.fill("zebra")
    result = page.locator(".fs-result")
    expect(result).to_have_count(1)
    expect(result.locator("span")).to_have_attribute("data-fs-label", "zebra crossings")
    result.click()
    expect(page.locator(f".fs-card b[data-fs-feature='{SAE}:{feature}']")).to_have_attribute(
        "data-fs-label", "zebra crossings"
    )


def test_the_matrix_names_a_feature_by_its_label(page: Page, live_server_url: str) -> None:
    read = page.request.post(f"{live_server_url}/api/inspect", data={"prompt": "The cat sat.\n"})
    feature = read.json()["firings"][SAE]["feature_index"][-1]
    where = f"{live_server_url}/api/labels/{SAE}/{feature}"
    page.request.put(where, data={"label": "zebra crossings"})
    prompt = "The%20cat%20sat.%0A"
    page.goto(f"{live_server_url}/reactivation?prompt={prompt}&sae={SAE}&pins={SAE}:{feature}")
    expect(page.locator(".fs-pin b[data-fs-label='zebra crossings']")).to_be_visible()
    page.locator("#reactivation-matrix-find").fill("zebra")
    expect(page.locator("#reactivation-matrix-hidden")).to_contain_text("1 of ")
    page.request.delete(where)


def test_labels_are_taken_along_as_files(
    page: Page, live_server_url: str, feature: int, tmp_path: Path
) -> None:
    file = tmp_path / "labels.json"
    row = {"sae_id": SAE, "feature_index": feature, "label": "zebra crossings"}
    file.write_text(json.dumps([row]))
    page.goto(f"{live_server_url}/features?sae={SAE}")
    expect(page.locator(ROWS).first).to_be_visible()
    page.locator("#features-labels input").set_input_files(file)
    labelled = page.locator(f"{ROWS} th a[data-fs-label]")
    expect(labelled).to_have_text(str(feature))
    with page.expect_download() as saved:
        page.locator("#features-labels a", has_text="CSV").click()
    assert f",{feature},zebra crossings," in saved.value.path().read_text("utf-8")


def test_a_wrong_row_is_named_in_the_status_line(
    page: Page, live_server_url: str, page_problems: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(f"sae_id,feature_index,label\n{SAE},1,x\n{SAE},none,y\n")
    page.goto(f"{live_server_url}/features?sae={SAE}")
    expect(page.locator(ROWS).first).to_be_visible()
    page.locator("#features-labels input").set_input_files(file)
    said = page.locator(".fs-status__problem")
    expect(said).to_contain_text('labels.csv, line 3, feature_index is "none"')
    page_problems.clear()  # the browser logs the refusal


def test_labels_that_cannot_be_read_are_said_to_be(
    page: Page, live_server_url: str, feature: int, page_problems: list[str]
) -> None:
    said = "Recorded runs at /x cannot be used."
    page.route(
        "**/api/labels",
        lambda route: route.fulfill(status=503, json={"detail": said, "title": "x"}),
    )
    page.goto(f"{live_server_url}/feature/{SAE}/{feature}")
    expect(page.locator(f"{OWN} [role=alert]")).to_have_text(said)
    page_problems.clear()  # the browser logs the refusal
