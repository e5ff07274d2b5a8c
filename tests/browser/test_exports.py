"""Saved tables hold the numbers behind what is shown."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_reactivation import PROMPT, inspect, open_page, run_prompt
from tests.browser.waiting import matrix

pytestmark = pytest.mark.browser


def saved(page: Page, button: str) -> list[list[str]]:
    """The rows of what a click on the button saves; a menu around it is opened."""
    at = page.locator(button)
    expect(at).to_be_attached()
    if not at.is_visible():
        at.locator("xpath=ancestor::details/summary").click()
    with page.expect_download() as download:
        at.click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_firing_matrix_saves_every_firing(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    run_prompt(page, PROMPT)
    sae_id = page.evaluate(matrix("state.model.saeId"))
    rows = saved(page, "#reactivation-matrix-csv")
    firings = inspect(page, live_server_url, PROMPT, sae_id)["firings"][sae_id]
    places = zip(firings["position"], firings["feature_index"], strict=True)
    by_place = dict(zip(places, firings["activation"], strict=True))
    assert {(int(row[1]), int(row[5])): float(row[6]) for row in rows[1:]} == by_place


def test_the_reactivation_index_saves_shares(page: Page, live_server_url: str) -> None:
    open_page(page, live_server_url)
    rows = saved(page, "#reactivation-index-csv")
    assert rows[0][:3] == ["source", "class", "share"]
    assert [row[1] for row in rows[1:3]] == ["function", "content"]
    assert 0 <= float(rows[1][2]) <= 1


def test_a_tokens_features_are_saved_as_numbers(page: Page, live_server_url: str) -> None:
    sae_id = "layer_2"
    shown = page.request.get(f"{live_server_url}/api/tokens?order=frequency&limit=1").json()[
        "tokens"
    ][0]["token_id"]
    page.goto(f"{live_server_url}/token/{shown}?sae={sae_id}")
    asked = f"{live_server_url}/api/tokens/{shown}?limit=12&order=count&sae_id={sae_id}"
    layer = page.request.get(asked).json()["layers"][0]
    left = (
        f"12 of {layer['degree']:,} listed."
        if layer["degree"] > 12
        else f"All {len(layer['edges'])} listed."
    )
    expect(page.locator("#token-count-panel-note")).to_contain_text(left)
    rows = saved(page, "[data-fs-table='token-count']")
    assert [int(row[0]) for row in rows[1:]] == [edge["feature_index"] for edge in layer["edges"]]
    assert [float(row[2]) for row in rows[1:]] == [edge["act_max"] for edge in layer["edges"]]


def test_predictions_are_saved_with_their_probabilities(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/consolidation")
    expect(page.locator("#consolidation-predictions tbody tr").first).to_be_visible()
    head, first, *_ = saved(page, "[data-fs-table='consolidation-predictions']")
    assert len(head) == len(first)
    assert head[2] == "probability"
    assert 0 < float(first[2]) < 1
