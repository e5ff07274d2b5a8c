"""`page_clicks`: what a person waits for on the pages, in a real browser.

Each control of Coverage, Graph and Consolidation is used in turn. From the click's own stamp to the
first frame after the last change within the window: new numbers, new lines. Meanwhile the longest
task of the main thread, which is how long the page answers nobody, and the main thread's CPU time,
which a busy machine disturbs less than times.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
from playwright.sync_api import Browser, CDPSession, Locator, Page

from tests.bench.browser import chromium, open_live, serving
from tests.bench.page_watch import ARM, CONTROLS, QUIET, READ, READY, WATCH
from tests.bench.report import Row, judged

PATHS = ("/coverage", "/graph", "/consolidation")
CLICK_MS, TASK_MS, REQUESTS, WARM_MS = 300.0, 100.0, 40.0, 1500.0
# without a change, a request or a callback: what the click brought is there
QUIET_MS = 600
SETTLE_MS = 120_000
WINDOW: Any = {"width": 1440, "height": 900}


@dataclass(frozen=True)
class Control:
    """`kind`: choice, chips, list, range or button; `selector`: of its group, or itself."""

    name: str
    kind: str
    selector: str


@dataclass
class Clicks:
    """One control, milliseconds: each of its clicks that changed the page."""

    name: str
    in_view: list[float] = field(default_factory=list)
    """to the last change within the window"""
    whole: list[float] = field(default_factory=list)
    """to the last change of the page"""
    longest: list[float] = field(default_factory=list)
    """the longest task of the main thread, 0 where none took 50 ms"""
    cpu: list[float] = field(default_factory=list)
    """CPU time of the main thread"""
    server: list[float] = field(default_factory=list)
    """CPU time of the server, all threads"""


def page_clicks(rounds: int, subject: str, preset: str) -> list[Row]:
    """Of each page: the requests of an empty browser, the wait of a warm one, every control."""
    rows: list[Row] = []
    every: list[Clicks] = []
    with serving(preset) as server, chromium() as browser:
        url = server.url
        page = browser.new_page(viewport=WINDOW)
        open_live(page, url)  # the server has answered once
        for path in PATHS:
            rows.append(_requests(browser, url, path, subject))
            rows.append(_interactive(page, url, path, rounds, subject))
            _open(page, url + path)
            page.evaluate(WATCH)
            for found in page.evaluate(CONTROLS):
                clicks = _clicks(page, path[1:], Control(*found), rounds, server.pid)
                every += [clicks] if clicks.whole else []
    return [*rows, *(row for one in every for row in _rows(one, subject)), _worst(every, subject)]


def _open(page: Page, address: str) -> None:
    page.goto(address, timeout=SETTLE_MS)
    page.wait_for_function(READY, timeout=SETTLE_MS)
    page.wait_for_load_state("networkidle", timeout=SETTLE_MS)


def _clicks(page: Page, on: str, control: Control, rounds: int, pid: int) -> Clicks:
    """Each of its values in turn, round and round; what changes nothing is left out."""
    clicks = Clicks(f"{on}_{control.name}")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    for _ in range(rounds):
        act = next_value(page, control)
        page.evaluate(ARM)
        before, of_server = _thread_ms(session), _server_ms(pid)
        act()
        page.wait_for_function(QUIET, arg=QUIET_MS, timeout=SETTLE_MS)
        in_view, whole, task = page.evaluate(READ)
        if whole is not None:
            clicks.in_view += [] if in_view is None else [in_view]
            clicks.whole.append(whole)
            clicks.longest.append(task)
            clicks.cpu.append(_thread_ms(session) - before)
            clicks.server.append(_server_ms(pid) - of_server)
    session.detach()
    told = f"median {statistics.median(clicks.whole):.0f} ms" if clicks.whole else "changes nothing"
    print(f"  {clicks.name}: {told}", file=sys.stderr, flush=True)
    return clicks


def _thread_ms(session: CDPSession) -> float:
    """CPU time of the page's main thread so far."""
    told = session.send("Performance.getMetrics")["metrics"]
    return 1e3 * float(next(one["value"] for one in told if one["name"] == "ThreadTime"))


def _server_ms(pid: int) -> float:
    """CPU time of a process so far, in the system's ticks of 10 ms."""
    times = psutil.Process(pid).cpu_times()
    return 1e3 * float(times.user + times.system)


def next_value(page: Page, control: Control) -> Callable[[], None]:
    """What chooses the value after the present one, the first after the last; a list is opened
    here, before the clock starts. Of chips, the first one goes on and off.
    """
    group = page.locator(control.selector).first
    group.scroll_into_view_if_needed()
    if control.kind == "list":
        return _next_option(page, group)
    if control.kind == "choice":
        radios = group.locator("input[type=radio]")
        n = radios.count()
        now = [radios.nth(i).is_checked() for i in range(n)].index(True)
        return group.locator("label").nth((now + 1) % n).click
    if control.kind == "range":
        at_end = group.evaluate("one => Number(one.value) >= Number(one.max)")
        return lambda: group.press("Home" if at_end else "ArrowRight")
    return (group.locator("label").first if control.kind == "chips" else group).click


def _next_option(page: Page, group: Locator) -> Callable[[], None]:
    """A group of the bar, or the field of a list itself."""
    inner = group.locator("[aria-haspopup=listbox]")
    (inner.first if inner.count() else group).click()
    options = page.locator("[role=option]:visible")
    options.first.wait_for()
    chosen = [options.nth(i).get_attribute("aria-selected") for i in range(options.count())]
    now = chosen.index("true") if "true" in chosen else -1
    return options.nth((now + 1) % len(chosen)).click


def percentile_95(measured: Sequence[float]) -> float:
    """The nearest rank: with fewer than 20, the largest."""
    ranked = sorted(measured)
    return ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))]


def _rows(clicks: Clicks, subject: str) -> list[Row]:
    """The wait, and the longest task."""
    n, cpu = len(clicks.whole), statistics.median(clicks.cpu)
    of_server = statistics.median(clicks.server)
    # what lies below the window alone is judged too
    seen = clicks.in_view or clicks.whole
    waited = (
        f"95th percentile of {len(seen)} clicks to the last change within the window; median "
        f"{statistics.median(seen):.0f} ms, of the whole page "
        f"{statistics.median(clicks.whole):.0f} ms. CPU time a click, medians: the main thread's "
        f"{cpu:.0f} ms, the server's {of_server:.0f} ms."
    )
    held = (
        f"The longest task of the main thread in {n} clicks; median of a click's longest "
        f"{statistics.median(clicks.longest):.0f} ms, 0 where none took 50."
    )
    high, longest = percentile_95(seen), max(clicks.longest)
    return [
        _row(f"page_{clicks.name}", high, "ms", CLICK_MS, seen, subject, waited),
        _row(f"page_{clicks.name}_task", longest, "ms", TASK_MS, clicks.longest, subject, held),
    ]


def _worst(every: Sequence[Clicks], subject: str) -> Row:
    """The control that is waited for longest."""
    worst = max(every, key=lambda one: percentile_95(one.in_view or one.whole))
    held = max(every, key=lambda one: max(one.longest))
    seen = worst.in_view or worst.whole
    note = (
        f"By that percentile the slowest of {len(every)} controls is {worst.name}, median "
        f"{statistics.median(seen):.0f} ms; the longest task, {max(held.longest):.0f} ms, is "
        f"{held.name}’s."
    )
    return _row("page_worst", percentile_95(seen), "ms", CLICK_MS, seen, subject, note)


def _interactive(page: Page, url: str, path: str, rounds: int, subject: str) -> Row:
    """A page opened again: from its navigation's start to its controls, with nothing empty."""
    took = []
    for _ in range(max(3, rounds // 2)):
        page.goto(url + path, timeout=SETTLE_MS)
        page.wait_for_function(READY, timeout=SETTLE_MS)
        took.append(float(page.evaluate("performance.now()")))
    note = "Opened again, its files in the browser's cache: until its controls stand; median."
    name = f"page_{path[1:]}_warm"
    return _row(name, statistics.median(took), "ms", WARM_MS, took, subject, note)


def _requests(browser: Browser, url: str, path: str, subject: str) -> Row:
    """How many requests a browser makes that has never been here."""
    context = browser.new_context(viewport=WINDOW)
    page, asked = context.new_page(), list[str]()
    page.on("request", lambda sent: asked.append(sent.url))
    _open(page, url + path)
    context.close()
    n = float(len([one for one in asked if one.startswith("http")]))
    note = "Requests of the page in an empty browser, until nothing is under way."
    return _row(f"page_{path[1:]}_requests", n, "1", REQUESTS, [n], subject, note)


def _row(
    name: str,
    value: float,
    unit: str,
    target: float,
    measured: Sequence[float],
    subject: str,
    note: str,
) -> Row:
    """Beside the value the least and the most that was measured."""
    holds, rule = judged(value, target, "<=", "ms" if unit == "ms" else "requests")
    ends = (min(measured), max(measured))
    return Row(
        name, value, unit, None, None, target, holds, rule, ends, len(measured), subject, note
    )
