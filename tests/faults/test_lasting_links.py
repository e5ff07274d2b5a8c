"""A run link made before a restart,
an upgrade of the store's schema and a re-made build opens to the same picture.
"""

import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from app.api import ApiClient
from app.main import create_dashboard
from backend.main import create_api
from backend.serving.live import Live
from backend.serving.loading import Loaded
from backend.settings import Settings
from tests.browser.conftest import browser  # noqa: F401  (the fixture)
from tests.tiny_build import SAE_IDS, make_build, random_words, sentences, tiny_job, tiny_preset

pytestmark = pytest.mark.browser

PROMPT = "What is the capital of Russia?\n"
PUSH = {"sae_id": "layer_2", "feature_index": 3, "mode": "add", "value": 8.0, "positions": "last"}
REQUESTS: dict[str, dict[str, Any]] = {
    "inspect": {"prompt": PROMPT, "sae_ids": ["layer_2"]},
    "steer": {"prompt": PROMPT, "interventions": [PUSH], "max_new_tokens": 4, "controls": True},
}
# What belongs to the frame, and may change with the build, is not in the picture.
PICTURE = "#run-page"


@contextmanager
def serving(make: Callable[[], Any], port: int) -> Iterator[str]:
    """A server in this process, gone at the end: the next one is a restart."""
    app = make()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        assert app.state.backend.live.ready.wait(30)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


def to_version_1(path: Path) -> None:
    """The store as the first program left it: without the column and the tables that came later."""
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE run DROP COLUMN delete_hash")
        connection.execute("DROP TABLE build")
        connection.execute("DROP TABLE store")
    connection.close()


def pictures(page: Page, url: str, runs: dict[str, str]) -> dict[str, tuple[str, bytes]]:
    """Per run: every word and number on it, and its screenshot."""
    found = {}
    for kind, address in runs.items():
        page.goto(url + address)
        expect(page.locator("#run-page .fs-facts-list")).to_be_visible(timeout=120_000)
        expect(page.locator(".fs-fm-lane, .fs-arm, .fs-run-arm").first).to_be_visible()
        page.wait_for_timeout(1500)  # fonts and canvases
        part = page.locator(PICTURE)
        found[kind] = (part.inner_text(), part.screenshot(animations="disabled"))
    return found


def test_a_run_link_outlives_restart_upgrade_and_rebuild(
    browser: Browser,  # noqa: F811
    tiny_folder: Path,
    tmp_path: Path,
    loaded: Loaded,
) -> None:
    path = make_build(tiny_job(tiny_folder, tmp_path / "build", SAE_IDS[:2], sentences()))
    settings = Settings(runs=tmp_path / "runs.sqlite", threads=1)

    def make() -> Any:
        app = create_api(
            None, Live(lambda: loaded, waiting=4), settings, preset=tiny_preset(tiny_folder, path)
        )
        create_dashboard(ApiClient.in_process(app), app)
        return app

    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(120_000)
    page = context.new_page()
    with serving(make, 0) as url:
        bodies = {kind: {"kind": kind, "request": request} for kind, request in REQUESTS.items()}
        runs = {
            kind: httpx.post(f"{url}/api/runs", json=body, timeout=60).json()["url"]
            for kind, body in bodies.items()
        }
        before = pictures(page, url, runs)
        identity = httpx.get(f"{url}/api/builds", timeout=60).json()["builds"][0]["identity"]
    to_version_1(settings.runs)
    make_build(tiny_job(tiny_folder, tmp_path / "again", SAE_IDS[:2], random_words(), out=path))
    with serving(make, int(url.rpartition(":")[2])) as again:
        assert again == url
        assert (
            httpx.get(f"{url}/api/builds", timeout=60).json()["builds"][0]["identity"] != identity
        )
        after = pictures(page, again, runs)
    context.close()
    for kind, (words, picture) in before.items():
        assert after[kind][0] == words, kind
        assert after[kind][1] == picture, f"the screenshot of the {kind} run differs"
