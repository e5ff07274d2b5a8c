"""A real server on a tiny real build, and a real Chromium that looks at it.

For every browser test:
  `live_server_url`  address of the running server, e.g. http://127.0.0.1:43210 (session)
  `page`             a new page in a new context, 1440 x 900, light. When the test ends it fails if
                     the page logged an error, raised one, or asked another host for anything.
  `page_problems`    what `page` collected so far; a test that provokes a failure on purpose clears
                     it
  `browser`          the Chromium, for a context of one's own (session)

Chromium is $FUNCTIONSCOPE_CHROMIUM, else /usr/bin/chromium; without it every test here is skipped,
and `python -m tests.left_out` counts them aloud.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.api import ApiClient
from app.main import create_dashboard
from backend.core.companions.file import companion_path
from backend.core.lm import LanguageModel
from backend.core.opening import read_opening
from backend.core.presets import Demonstration, Preset
from backend.core.sae import Sae
from backend.main import create_api
from backend.serving.live import Live
from backend.serving.loading import Loaded
from backend.settings import Settings
from tests.listening import listening
from tests.tiny import D_SAE
from tests.tiny_build import SAE_IDS, own_build, random_words, tiny_preset

CHROMIUM = Path(os.environ.get("FUNCTIONSCOPE_CHROMIUM") or "/usr/bin/chromium")
# Without the background flags Chromium looks up its maker's hosts at every start.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
PAIR = ("What is the capital of Russia?\n", "What is the capital of the UK?\n")
LAB = Path(__file__).resolve().parents[2] / "precompute" / "lab"
WAIT_MS = 90_000
expect.set_options(timeout=WAIT_MS)  # a loaded machine is slow, and a wrong page stays wrong


@pytest.fixture(scope="session")
def browser_build(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of the tiny model with all of its SAEs, made by the jobs; beside it the shipped
    results of training. It names no setting that Coverage opens on: the paper's is.
    """
    build = own_build(
        tmp_path_factory, "browser", tiny_folder, SAE_IDS, random_words(), n_tokens=5_000
    )
    with duckdb.connect(str(build)) as written:
        written.execute("DELETE FROM provenance WHERE key = 'coverage_opening'")
    shutil.copy(
        companion_path(LAB / "lab.duckdb", "consolidation"), companion_path(build, "consolidation")
    )
    return build


@pytest.fixture(scope="session")
def browser_preset(tiny_folder: Path, browser_build: Path) -> Preset:
    shown = Demonstration(
        title="A push",
        prompt=PAIR[0],
        sae_id="layer_2",
        feature_index=3,
        mode="add",
        value=8.0,
        positions="last_function",
        note="random weights",
    )
    own = {
        "title": "tiny",
        "default_prompt": PAIR[0],
        "prompts": (PAIR,),
        "opening": read_opening({}, pair=PAIR, prompt=PAIR[0], sae_ids=set(SAE_IDS)),
        "demonstrations": (shown,),
    }
    return tiny_preset(tiny_folder, browser_build, **own)


@pytest.fixture(scope="session")
def live_server_url(
    lm: LanguageModel,
    saes: dict[str, Sae],
    browser_preset: Preset,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The whole product in this process, on a free port of the loopback interface."""
    assert all(sae.d_sae == D_SAE for sae in saes.values())
    loaded = Loaded(lm, saes, "model-hash", {sae_id: f"hash of {sae_id}" for sae_id in saes})
    settings = Settings(runs=tmp_path_factory.mktemp("browser-runs") / "runs.sqlite", threads=1)
    api = create_api(
        None, Live(lambda: loaded, waiting=settings.queue), settings, preset=browser_preset
    )
    create_dashboard(ApiClient.in_process(api), api)
    with listening(api) as url:
        yield url


# one for the process: other folders use the fixture too, and Playwright starts once
_LAUNCHED: list[Browser] = []


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Browser:
    if not CHROMIUM.exists():
        pytest.skip(
            f"no Chromium at {CHROMIUM}: install Debian's chromium or set FUNCTIONSCOPE_CHROMIUM"
        )
    if not _LAUNCHED:
        playwright = sync_playwright().start()
        request.config.add_cleanup(playwright.stop)
        _LAUNCHED.append(playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS))
        request.config.add_cleanup(_LAUNCHED[0].close)  # before the other: last in, first out
    return _LAUNCHED[0]


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    made.set_default_timeout(WAIT_MS)
    yield made
    made.close()


@pytest.fixture
def page_problems() -> list[str]:
    return []


@pytest.fixture
def page(context: BrowserContext, live_server_url: str, page_problems: list[str]) -> Iterator[Page]:
    made = context.new_page()
    watch(made, live_server_url, page_problems)
    yield made
    assert page_problems == [], "\n".join(page_problems)


def watch(page: Page, url: str, problems: list[str]) -> None:
    """Collect what no page may do: log or raise an error, or ask another host."""
    page.on("pageerror", lambda error: problems.append(f"page error: {error}"))
    page.on(
        "console",
        lambda said: problems.append(f"console: {said.text}") if said.type == "error" else None,
    )
    own = (url, "data:", "blob:")
    page.on(
        "request",
        lambda sent: None if sent.url.startswith(own) else problems.append(f"external: {sent.url}"),
    )
