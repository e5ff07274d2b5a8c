"""Saved tables hold the numbers behind what is shown."""

from __future__ import annotations

import csv
import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_reactivation import PROMPT, inspect, open_page, run_prompt
from tests.browser.waiting import matrix, until

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
    assert head[1].endswith(": token_id")
    assert head[3] == "probability"
    assert int(first[1]) >= 0
    assert 0 < float(first[3]) < 1


def test_a_features_tokens_are_saved_with_their_ids(page: Page, live_server_url: str) -> None:
    asked = f"{live_server_url}/api/features?sae_id=layer_2&limit=1"
    feature = page.request.get(asked).json()["features"][0]["feature_index"]
    page.goto(f"{live_server_url}/feature/layer_2/{feature}")
    told = page.request.get(f"{live_server_url}/api/features/layer_2/{feature}").json()
    expect(page.locator("#feature-tokens tbody tr").first).to_be_visible()
    head, *rows = saved(page, "[data-fs-table='feature-tokens']")
    assert head == ["token_id", "token", "firings", "max", "of all"]
    listed = {one["token_id"]: one for one in told["tokens_by_count"]}
    most = listed[int(rows[0][0])]
    known = [most["n_firings"], most["act_max"], most["share_of_feature"]]
    written = ["" if value is None else repr(value) for value in known]
    assert rows[0] == [str(most["token_id"]), most["text"], *written]


FIRST_ROW = "#coverage-table .ag-center-cols-container [row-index='0']"


def menu(page: Page, panel: str, name: str) -> Path:
    """What the entry of the panel's export menu saves."""
    page.locator(f"{panel} details", has_text="export").locator("summary").first.click()
    with page.expect_download() as download:
        page.locator(f"{panel} .fs-pop__body--row").get_by_text(name, exact=True).click()
    return Path(download.value.path())


def coverage(page: Page, url: str) -> dict[str, Any]:
    """Opens Coverage at two firings an edge; the API's answer at this setting."""
    page.goto(f"{url}/coverage?min_count=2")
    expect(page.locator(FIRST_ROW)).to_be_visible()
    until(page, "document.querySelector('#coverage-table-panel-every')?.search.length > 1")
    asked = f"{url}/api/coverage?sae_id=layer_2&min_count=2"
    return dict(page.request.get(asked).json())


def test_the_rank_table_saves_ids_and_on_demand_every_rank(
    page: Page, live_server_url: str
) -> None:
    told = coverage(page, live_server_url)["rows"]
    panel = "#coverage-table-panel"
    with menu(page, panel, "CSV").open(encoding="utf-8-sig", newline="") as file:
        listed = list(csv.DictReader(file))
    by_rank = {row["rank"]: row for row in told}
    assert listed
    assert all(int(row["token_id"]) == by_rank[int(row["#"])]["token_id"] for row in listed)
    page.keyboard.press("Escape")
    with menu(page, panel, "CSV, every row").open(encoding="utf-8-sig", newline="") as file:
        whole = list(csv.DictReader(file))
    named = ("rank", "token_id", "degree", "covered")
    assert [[int(row[name]) for name in named] for row in whole] == [
        [row[name] for name in named] for row in told
    ]


def test_a_chart_saves_the_numbers_that_it_draws(page: Page, live_server_url: str) -> None:
    told = coverage(page, live_server_url)["rows"]
    with menu(page, "#coverage-curve-panel", "CSV").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["series"] == "layer 2"]
    assert {row["x_axis"] for row in rows} == {"first k tokens"}
    assert {row["y_axis"] for row in rows} == {"share of features reached"}
    shares = {row["rank"]: row["coverage"] for row in told}
    assert len(rows) > 10
    for row in rows:
        assert float(row["y"]) == pytest.approx(shares[int(row["x"])])


def test_a_picture_says_what_it_shows(page: Page, live_server_url: str) -> None:
    coverage(page, live_server_url)
    svg = menu(page, "#coverage-curve-panel", "SVG").read_text(encoding="utf-8")
    words = " ".join(re.sub(r"<[^>]+>", " ", svg).split())
    for said in (
        "Reached by the first k tokens",
        "sae_id layer_2",
        "theta 0",
        "min_count 2",
        "denominator active",
        "build tiny.duckdb",
        date.today().isoformat(),
        "first k tokens",
        "share of features reached",
    ):
        assert said in words, said


def test_the_sql_of_a_drawer_runs_beside_the_file_that_it_names(
    page: Page, live_server_url: str, browser_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = coverage(page, live_server_url)["rows"]
    query = page.locator("#coverage-curve-panel-sql").text_content() or ""
    monkeypatch.chdir(browser_build.parent)
    with duckdb.connect() as plain:
        rows = plain.execute(query).fetchall()
    shares = {row["rank"]: row["coverage"] for row in told}
    assert rows
    assert all(row[3] == pytest.approx(shares[row[0]]) for row in rows)
