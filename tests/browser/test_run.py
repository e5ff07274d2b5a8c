"""A recorded run opens exactly what was saved, says what it was made on, repeats, and forks."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.waiting import as_written

pytestmark = pytest.mark.browser

PROMPT = "What is the capital of Russia?\n"


def record(page: Page, url: str, kind: str, request: dict[str, Any], **labels: str) -> str:
    answer = page.request.post(f"{url}/api/runs", data={"kind": kind, "request": request, **labels})
    assert answer.status == 201, answer.text()
    return str(answer.json()["url"])


def test_an_inspected_prompt_opens_with_its_matrix_and_provenance(
    page: Page, live_server_url: str
) -> None:
    address = record(
        page,
        live_server_url,
        "inspect",
        {"prompt": PROMPT, "sae_ids": ["layer_2"]},
        title="Russia, first",
    )
    page.goto(live_server_url + address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Russia, first")
    expect(page.locator(".fs-run-lead")).to_contain_text("Recorded")
    expect(page.locator(".fs-run-lead")).to_contain_text("UTC with tiny on cpu")
    expect(page.locator(".fs-fm-lane").first).to_be_visible()
    expect(page.locator(".fs-badge--recorded").first).to_be_visible()
    expect(page.locator(".fs-facts-list")).to_contain_text("model hash")


def test_a_repeat_on_the_same_weights_agrees(page: Page, live_server_url: str) -> None:
    address = record(page, live_server_url, "inspect", {"prompt": PROMPT, "sae_ids": ["layer_0"]})
    page.goto(live_server_url + address)
    page.get_by_role("button", name="re-run and compare").click()
    expect(page.locator("#run-agreement")).to_contain_text(
        re.compile(r"Agrees: 0 of \d+ firings differ")
    )


def test_a_steering_shows_every_arm_and_forks_into_the_editable_page(
    page: Page, live_server_url: str
) -> None:
    push = {
        "sae_id": "layer_2",
        "feature_index": 3,
        "mode": "add",
        "value": 8.0,
        "positions": "last_function",
    }
    request = {"prompt": PROMPT, "interventions": [push], "max_new_tokens": 4, "controls": True}
    page.goto(live_server_url + record(page, live_server_url, "steer", request))
    expect(page.locator("#run-texts .fs-arm")).to_have_count(5)
    expect(page.locator("#run-tokens")).to_contain_text("Russia")
    page.locator("#run-fork").click()
    expect(page).to_have_url(re.compile(r"/steer\?"))
    expect(page.locator("#steer-rack")).to_contain_text("3")


def test_a_steerings_tokens_have_probabilities_and_every_arm_its_next_tokens(
    page: Page, live_server_url: str
) -> None:
    push = {
        "sae_id": "layer_2",
        "feature_index": 3,
        "mode": "add",
        "value": 20.0,
        "positions": "last_function",
    }
    request = {"prompt": PROMPT, "interventions": [push], "max_new_tokens": 4, "controls": True}
    address = record(page, live_server_url, "steer", request)
    result = page.request.get(f"{live_server_url}/api/runs/{address.rpartition('/')[2]}").json()[
        "result"
    ]
    page.goto(live_server_url + address)
    steered = page.locator("#run-texts [data-arm=steered]")
    steered.locator(".fs-text > span").first.hover()
    chance = page.evaluate(as_written("percent"), result["steered"]["probabilities"][0][0])
    expect(page.locator(".fs-text-readout")).to_contain_text(f"{chance} in steered")
    parted = result["steered"]["first_divergence"][0]
    if parted is not None:
        expect(steered.locator(".fs-text")).to_have_attribute("data-first", str(parted))
    heads = page.locator("#run-arms-next thead th")
    expect(heads).to_have_count(2 + 1 + len(result["controls"]))
    most = max(
        result["controls"]["random_feature"]["next_tokens"], key=lambda one: one["probability"]
    )
    cells = page.locator("#run-arms-next td[data-value]")
    assert str(most["probability"]) in cells.evaluate_all(
        "(all) => all.map((one) => one.dataset.value)"
    )


def test_an_unknown_run_says_so_and_offers_a_way_out(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/r/0000000000")
    expect(page.get_by_role("alert").first).to_contain_text("No run 0000000000")
    page.get_by_role("link", name="Go to the overview.").click()
    expect(page).to_have_url(f"{live_server_url}/")
