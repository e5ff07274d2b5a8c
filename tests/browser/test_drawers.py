"""Every panel has a drawer with the code of its numbers, and the code runs."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest
from playwright.sync_api import Page

from tests.browser.test_run import PROMPT, record
from tests.browser.waiting import until

pytestmark = pytest.mark.browser

PUSH = {
    "sae_id": "layer_2",
    "feature_index": 3,
    "mode": "add",
    "value": 8.0,
    "positions": "last_function",
}
PANELS = (
    "[...document.querySelectorAll('#frame-page "
    ".fs-panel:not(.fs-absent):not(.fs-section):has(.fs-panel__title)')]"
)
WITHOUT = (
    PANELS
    + """.filter((panel) => {
  const code = [...panel.querySelectorAll('.fs-pop__body--code .fs-code')]
    .map((one) => one.textContent);
  return code.length < 2 || !code.every(Boolean);
}).map((panel) => panel.querySelector('h2').textContent).join()"""
)
CODE = (
    PANELS
    + """.flatMap((panel) =>
  [[panel.querySelector('h2').textContent,
    panel.querySelectorAll('.fs-pop__body--code .fs-code')[1].textContent]])"""
)


def codes(page: Page, address: str) -> dict[str, str]:
    """Title of each panel -> its Python, once no drawer is empty."""
    page.goto(address)
    until(page, f"{PANELS}.length > 1")
    until(page, f"{WITHOUT} === ''")
    found: list[tuple[str, str]] = page.evaluate(CODE)
    return dict(found)


def printed(code: str) -> str:
    """What the code prints."""
    said = io.StringIO()
    with redirect_stdout(said):
        exec(compile(code, "copied", "exec"), {})
    return said.getvalue()


@pytest.mark.parametrize(
    "path",
    [
        "/token/5",
        "/consolidation",
        "/steer?tokens=2&controls=0&samples=1",
        "/reactivation?generate=2",
    ],
)
def test_every_drawer_holds_code_that_runs(page: Page, live_server_url: str, path: str) -> None:
    for code in set(codes(page, live_server_url + path).values()):
        assert printed(code)


@pytest.mark.parametrize(
    ("kind", "request_body"),
    [
        ("inspect", {"prompt": PROMPT, "sae_ids": ["layer_0", "layer_2"]}),
        ("steer", {"prompt": PROMPT, "interventions": [PUSH], "max_new_tokens": 2}),
    ],
)
def test_every_result_of_a_run_has_a_drawer(
    page: Page, live_server_url: str, kind: str, request_body: dict[str, object]
) -> None:
    address = record(page, live_server_url, kind, dict(request_body))
    found = codes(page, live_server_url + address)
    stored = page.request.get(f"{live_server_url}/api/runs/{address.rpartition('/')[2]}").json()
    of_results = {code for title, code in found.items() if title != "Request"}
    assert len(of_results) == 1
    assert f"{stored['run_id']}" in of_results.pop()


def test_both_prompts_stand_in_the_drawers_of_reactivation(
    page: Page, live_server_url: str
) -> None:
    # what is read in words is of the locked position
    found = codes(page, f"{live_server_url}/reactivation?prompt=One.&second=Two.&at=1")
    assert all("One." in code and "Two." in code for code in found.values())
