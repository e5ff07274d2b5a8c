"""What a person waits for: a fresh process to a usable page, and the answer to the mouse."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.bench.report import Row, judged
from tests.bench.timing import median_interval

CHROMIUM = Path(os.environ.get("FUNCTIONSCOPE_CHROMIUM") or "/usr/bin/chromium")
PATIENCE_S = 120
# the frame's own sign that the page is drawn and the model answers
LIVE = ".fs-live--live"
PAGE = "#frame-page h1"
TOKEN = ".fs-fm-strip .fs-token"
HOVERS = 60

# The time from the mouse event's own stamp to the first frame after the first change of the page.
# The stamp is taken at `pointerover`, the first event of a move: at `mouseover` the page has
# answered already, and the change that is seen next is the one of the next move.
WATCH = """
() => {
  window.benchHovers = [];
  let since = null;
  document.addEventListener('pointerover', (event) => {
    if (event.target.closest('.fs-fm-strip .fs-token')) since = event.timeStamp;
  }, true);
  new MutationObserver(() => {
    if (since === null) return;
    const start = since;
    since = null;
    const drawn = () => window.benchHovers.push(performance.now() - start);
    requestAnimationFrame(() => setTimeout(drawn, 0));
  }).observe(document.body, {
    subtree: true, childList: true, attributes: true, characterData: true,
  });
}
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium; RuntimeError when there is none."""
    if not CHROMIUM.exists():
        raise RuntimeError(
            f"no Chromium at {CHROMIUM}: install one, or name it in FUNCTIONSCOPE_CHROMIUM"
        )
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True)
class Serving:
    """A process that serves: its base URL, its id."""

    url: str
    pid: int


@contextmanager
def serving(preset: str = "lab") -> Iterator[Serving]:
    """A fresh `functionscope serve` of the preset on a free port, with an empty store of runs."""
    port = free_port()
    with tempfile.TemporaryDirectory() as data:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.cli", "serve", "--preset", preset, "--port", str(port)],
            # not XDG_DATA_HOME: unpacked weights lie there
            env={**os.environ, "FUNCTIONSCOPE_RUNS": f"{data}/runs.sqlite", "HF_HUB_OFFLINE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Serving(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def open_live(page: Page, url: str) -> None:
    """Load `url` as soon as somebody listens;
    wait until the page is drawn and says that the model is live.
    """
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    deadline = time.monotonic() + PATIENCE_S
    while True:
        # not by page.goto: Chromium goes on with a failed navigation behind our back
        try:
            socket.create_connection(address).close()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    page.goto(url)
    page.wait_for_selector(PAGE, timeout=1000 * PATIENCE_S)
    page.wait_for_selector(LIVE, timeout=1000 * PATIENCE_S)


def startup_s(rounds: int) -> Row:
    """Fresh process to the first usable page: drawn, and live. The Chromium is already open."""
    measured: list[float] = []
    with chromium() as browser:
        for _ in range(rounds):
            page = browser.new_page()
            start = time.perf_counter()
            with serving() as server:
                open_live(page, server.url)
                measured.append(time.perf_counter() - start)
            page.close()
    value, interval = median_interval(measured)
    holds, rule = judged(value, 10.0, "<=", "seconds")
    note = (
        "Start of the process to the Overview drawn in Chromium and saying that the model is "
        "live; files in cache."
    )
    return Row(
        "startup_s",
        value,
        "s",
        None,
        None,
        10.0,
        holds,
        rule,
        interval,
        rounds,
        "the lab model",
        note,
    )


def hover_ms(url: str, prompt: str, n_tokens: int, subject: str) -> Row:
    """The mouse over a token of a long prompt to the painted answer, as the page itself sees it."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{url}/reactivation?{urlencode({'prompt': prompt})}")
        # a function: no eval, no policy
        drawn = "([selector, n]) => document.querySelectorAll(selector).length >= n"
        page.wait_for_function(drawn, arg=[TOKEN, n_tokens], timeout=60_000)
        page.wait_for_load_state("networkidle")
        page.locator(TOKEN).first.evaluate("token => token.scrollIntoView({block: 'center'})")
        spots = [
            spot for spot in map(middle_in_view, page.locator(TOKEN).all()) if spot is not None
        ]
        page.evaluate(WATCH)
        for number in range(HOVERS):
            page.mouse.move(*spots[(7 * number) % len(spots)])
            page.wait_for_timeout(60)
        measured = [float(ms) for ms in page.evaluate("window.benchHovers")]
    if len(measured) < HOVERS // 2:
        raise RuntimeError(f"only {len(measured)} of {HOVERS} hovers changed the page")
    value, interval = median_interval(measured)
    holds, rule = judged(value, 50.0, "<=", "ms")
    note = (
        f"Mouse event to the next painted frame on the Reactivation page, {n_tokens}-token "
        "prompt, 1440 × 900."
    )
    return Row(
        "hover_ms",
        value,
        "ms",
        None,
        None,
        50.0,
        holds,
        rule,
        interval,
        len(measured),
        subject,
        note,
    )


def middle_in_view(token: Locator) -> tuple[float, float] | None:
    """Where to put the mouse on a token; None when it is scrolled away or covered."""
    box = token.bounding_box()
    if box is None:
        return None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    on_top = token.evaluate("(token, [x, y]) => document.elementFromPoint(x, y) === token", [x, y])
    return (x, y) if on_top else None
