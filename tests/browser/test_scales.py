"""Bars of probabilities fill a track of 0 to 100 %, whatever stands beside them."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser


def widths(bars: Locator) -> list[float]:
    return [
        float(one) for one in bars.evaluate_all("all => all.map(i => parseFloat(i.style.width))")
    ]


def per_cent(words: str) -> float:
    return float(words.replace("<", "").replace("%", ""))


def test_next_tokens_of_two_prompts_are_on_one_scale(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/reactivation")
    rows = page.locator(".fs-next li")
    expect(page.locator(".fs-next-lane")).to_have_count(2)
    expect(rows.first).to_be_visible()
    told = [float(re.search(r"probability (.*)", t)[1]) for t in titles(rows)]  # type: ignore[index]
    assert widths(rows.locator("i")) == pytest.approx([100 * p for p in told], rel=1e-3)


def titles(rows: Locator) -> list[str]:
    return [str(one) for one in rows.evaluate_all("all => all.map(row => row.title)")]


def test_a_steered_bar_is_as_long_as_its_probability(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/steer")
    bars = page.locator("#steer-shift .fs-pair-bar")
    expect(bars.first).to_be_visible()
    known = [
        (width, words)
        for width, words in zip(
            widths(bars.locator("i")), bars.locator(".fs-pair-p").all_inner_texts(), strict=True
        )
        if not words.startswith("<")
    ]
    assert known
    for width, words in known:
        assert width == pytest.approx(per_cent(words), rel=0.05, abs=0.006)
