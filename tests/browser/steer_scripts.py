"""The Steering page's scripts in a blank page, for tests of their pure functions,
and settings to call them with.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

STATIC = Path(__file__).resolve().parents[2] / "static"
SCRIPTS = (
    "live_store",
    "steer_known",
    "steer_units",
    "steer_align",
    "steer_frames",
    "intervention_rack",
    "intervention_search",
    "sweep_plan",
    "sweep_map",
    "trait_plan",
    "steer_texts",
    "steer_stream",
    "steer_shift",
)
EDIT = {
    "sae_id": "layer_2",
    "feature_index": 3,
    "mode": "add",
    "value": 20,
    "positions": "last_function",
}
OTHER = EDIT | {"feature_index": 4, "positions": [2, 3]}
SETTINGS = {
    "prompt": "a\n",
    "chat": False,
    "interventions": [EDIT, OTHER],
    "include_generated": False,
    "freeze_attention": False,
    "max_new_tokens": 8,
    "temperature": 0.8,
    "samples": 2,
    "seed": 5,
    "controls": True,
}


def scripted(browser: Browser) -> Iterator[Page]:
    """A page with the scripts and nothing else; what they draw with is never called."""
    page = browser.new_page()
    page.goto("about:blank")
    page.evaluate("() => { window.React = { createElement: () => null, memo: (f) => f }; }")
    for name in SCRIPTS:
        page.add_script_tag(path=STATIC / f"{name}.js")
    yield page
    page.close()


def call(page: Page, function: str, *arguments: Any) -> Any:
    return page.evaluate(f"(given) => functionscope.{function}(...given)", list(arguments))
