"""`graph_fps_100m`: frames a second of the Graph page while a person points at it.

The page's own requestAnimationFrame is counted: a frame that comes late is one that its scripts,
its layout or its painting held up. Chromium draws 60 a second at most, in software.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Page

from tests.bench.browser import PATIENCE_S, chromium
from tests.bench.report import Row, judged
from tests.bench.scale import serving
from tests.bench.timing import median_interval

DRAWN = 1500  # edges, at most: the most that the page offers
SWEEPS, MOVES = 12, 40
PICTURE = ".fs-graph__over"
READY = """() => document.querySelector('.fs-graph__block')
  && document.querySelector('#graph-picture')?.getAttribute('aria-busy') === 'false'"""
COUNT = """() => {
  window.benchFrames = [];
  const step = (now) => { window.benchFrames.push(now); window.requestAnimationFrame(step); };
  window.requestAnimationFrame(step);
}"""


def graph_fps(build: Path, subject: str) -> list[Row]:
    """Sweeps of the mouse over ribbons and blocks, each a sample."""
    with serving(build, "serve") as server, chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"http://127.0.0.1:{server.port}/graph?{urlencode({'max_edges': DRAWN})}")
        page.wait_for_function(READY, timeout=1000 * PATIENCE_S)
        page.wait_for_load_state("networkidle")
        page.locator(PICTURE).scroll_into_view_if_needed()
        drawn = _ribbons(page)
        page.evaluate(COUNT)
        pointing = [_sweep(page, number) for number in range(SWEEPS)]
    what = (
        f"{drawn:,} ribbons drawn (at most {DRAWN:,} edges), 1440 × 900, headless Chromium "
        "without a GPU"
    )
    return [_row(pointing, f"{MOVES} moves of the mouse across the picture; {what}", subject)]


def _ribbons(page: Page) -> int:
    """How many the page says that it draws."""
    said = page.locator("#graph-panel-note").inner_text()
    return int(said.split(" edges in ")[1].split(" ribbons")[0].replace(",", ""))


def _sweep(page: Page, number: int) -> tuple[float, float]:
    box: Any = page.locator(PICTURE).bounding_box()
    top, bottom = max(box["y"], 60), min(box["y"] + box["height"], 880)
    y = top + (bottom - top) * (number + 0.5) / SWEEPS

    def move() -> None:
        for step in range(MOVES):
            place = step / (MOVES - 1)
            # from the blocks at the left over the ribbons to those at the right, up and down on the
            # way
            x = box["x"] - 60 + (box["width"] + 120) * place
            page.mouse.move(x, y + 40 * (place - 0.5) * (-1) ** step)

    return _frames(page, move)


def _frames(page: Page, act: Any) -> tuple[float, float]:
    """(frames a second, the longest time between two of them in ms) while `act` lasts."""
    first = page.evaluate("() => window.benchFrames.length - 1")
    act()
    times = page.evaluate("first => window.benchFrames.slice(Math.max(first, 0))", first)
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    return 1000 * len(gaps) / (times[-1] - times[0]), max(gaps)


def _row(found: list[tuple[float, float]], what: str, subject: str) -> Row:
    value, interval = median_interval([fps for fps, _ in found])
    holds, rule = judged(value, 30.0, ">=", "frames/s")
    worst, longest = min(fps for fps, _ in found), max(gap for _, gap in found)
    note = (
        f"Median of {len(found)}: {what}. The slowest {worst:.0f} frames/s; the longest "
        f"frame {longest:.0f} ms."
    )
    return Row(
        "graph_fps_100m",
        value,
        "1/s",
        None,
        None,
        30.0,
        holds,
        rule,
        interval,
        len(found),
        subject,
        note,
    )
