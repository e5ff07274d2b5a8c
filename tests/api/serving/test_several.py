"""Two presets in one server: answers as of a server of one's own, one model in memory at a time."""

import asyncio
import gc
import random
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.servers import api_alone, with_pages
from backend.serving import loading
from backend.serving.several import App, Running, Several
from backend.settings import Settings
from tests.two_presets import NAMES, settings_of_two, two_presets

CLIENTS, STEPS = 20, 6
PROMPTS = ("What is the capital of Russia?\n", "The cat sat on the mat, and the dog.\n")
BASES = {"one": "", "two": "/m/two"}


def asked() -> list[tuple[str, str, dict[str, Any] | None]]:
    """What the clients ask: browsed from the build, and live."""
    edit = {"sae_id": "layer_2", "feature_index": 3, "mode": "add", "value": 8.0}
    reads = [f"/api/coverage?sae_id={sae_id}&max_rank=20" for sae_id in ("layer_0", "layer_3")]
    reads.append("/api/graph?sae_id=layer_2")
    made: list[tuple[str, str, dict[str, Any] | None]] = [("GET", path, None) for path in reads]
    for prompt in PROMPTS:
        made.append(("POST", "/api/inspect", {"prompt": prompt, "sae_ids": ["layer_2"]}))
        steer = {"prompt": prompt, "interventions": [edit | {"positions": "last"}]}
        made.append(("POST", "/api/steer", steer | {"max_new_tokens": 4}))
    return made


@pytest.fixture(scope="module")
def presets_file(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    return two_presets(tmp_path_factory, tiny_folder)


@pytest.fixture
def settings(presets_file: Path, tmp_path: Path) -> Settings:
    return settings_of_two(presets_file, tmp_path / "runs.sqlite", queue=CLIENTS)


class Counted:
    """How many models were in memory after each load, the new one with them."""

    def __init__(self) -> None:
        self.known: list[weakref.ref[object]] = []
        self.there: list[int] = []

    def add(self, model: object) -> None:
        self.known.append(weakref.ref(model))
        gc.collect()
        self.there.append(sum(one() is not None for one in self.known))

    def forget(self) -> None:
        """Count from here on."""
        self.known.clear()
        self.there.clear()


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    load = loading.load_preset_models

    def watched(*given: Any, **named: Any) -> loading.Loaded:
        loaded = load(*given, **named)
        counted.add(loaded.lm.model)
        return loaded

    monkeypatch.setattr(loading, "load_preset_models", watched)
    return counted


@asynccontextmanager
async def running(app: App) -> AsyncIterator[httpx.AsyncClient]:
    made = Running(app)
    await made.start()
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=120) as http:
        yield http
    await made.stop()


async def alone(settings: Settings, name: str) -> list[Any]:
    """The answers of a server of that preset alone."""
    own = settings.model_copy(update={"preset": name, "memory": None})
    api = api_alone(own)
    async with running(api) as http:
        await asyncio.to_thread(api.state.backend.live.ready.wait, 60)
        return [(await http.request(how, path, json=body)).json() for how, path, body in asked()]


def test_clients_that_switch_at_random_get_the_answers_of_single_servers(
    settings: Settings, models: Counted
) -> None:
    async def client(http: httpx.AsyncClient, seed: int, wanted: dict[str, list[Any]]) -> None:
        drawn = random.Random(seed)
        for _ in range(STEPS):
            name, at = drawn.choice(NAMES), drawn.randrange(len(asked()))
            how, path, body = asked()[at]
            answer = await http.request(how, BASES[name] + path, json=body)
            assert answer.status_code == 200, answer.text
            assert same(answer.json(), wanted[name][at]), (name, path)

    async def run() -> None:
        wanted = {name: await alone(settings, name) for name in NAMES}
        assert not same(wanted["one"][-1], wanted["two"][-1]), "the presets cannot be told apart"
        models.forget()
        async with running(with_pages(settings, only=False)) as http:
            await asyncio.gather(*(client(http, seed, wanted) for seed in range(CLIENTS)))

    asyncio.run(run())
    assert len(models.there) > 2, "there was no switch"
    assert set(models.there) == {1}


def same(one: Any, other: Any) -> bool:
    """Equal, numbers to what a forward pass of several prompts at once differs by."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(same(a, b) for a, b in pairs)
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-4, abs=1e-5)
    return bool(one == other)


def test_both_stay_where_there_is_room(settings: Settings, models: Counted) -> None:
    async def run() -> None:
        roomy = settings.model_copy(update={"memory": 3 * (settings.memory or 0)})
        async with running(with_pages(roomy, only=False)) as http:
            for base in ("", "/m/two", "", "/m/two"):
                read = await http.post(f"{base}/api/tokenize", json={"prompt": PROMPTS[0]})
                assert read.status_code == 200, read.text

    asyncio.run(run())
    assert models.there == [1, 2]


def test_browsing_a_build_loads_no_model(settings: Settings, models: Counted) -> None:
    async def run() -> None:
        async with running(with_pages(settings, only=False)) as http:
            for path in ("/coverage", "/api/coverage?sae_id=layer_0", "/api/capabilities", "/"):
                assert (await http.get(f"/m/two{path}")).status_code == 200
            said = (await http.get("/m/two/api/health")).json()
            assert (said["live"], said["status"]) == ("live", "live")
            assert said["live_detail"] == "live once used: Tiny two is not in memory now"
            can = (await http.get("/m/two/api/capabilities")).json()
            assert can["live"]
            assert [one["sae_id"] for one in can["saes"] if one["live"]] == [
                "layer_0",
                "layer_2",
                "layer_3",
            ]

    asyncio.run(run())
    assert models.there == [1]  # the default's, at the start


def test_the_default_s_description_is_that_of_a_single_server(settings: Settings) -> None:
    async def run() -> None:
        single = api_alone(settings)
        async with running(with_pages(settings, only=False)) as http:
            assert (await http.get("/openapi.json")).json() == single.openapi()
            below = (await http.get("/m/two/openapi.json")).json()
            assert below.pop("servers") == [{"url": "/m/two"}]
            assert below == single.openapi()
            docs = (await http.get("/m/two/docs")).text
            assert "/m/two/openapi.json" in docs
            assert (await http.get("/m/two/docs/assets/swagger-ui.css")).status_code == 200

    asyncio.run(run())


def test_addresses_in_answers_hold_the_preset(settings: Settings) -> None:
    async def run() -> None:
        async with running(with_pages(settings, only=False)) as http:
            body = {"kind": "inspect", "request": {"prompt": PROMPTS[0], "sae_ids": ["layer_0"]}}
            made = await http.post("/m/two/api/runs", json=body)
            run_id = made.json()["run_id"]
            assert made.json()["url"] == f"/m/two/r/{run_id}"
            assert made.headers["location"] == f"/m/two/api/runs/{run_id}"
            file = await http.get(f"/m/two/api/runs/{run_id}/file?format=notebook")
            assert "http://test/m/two" in file.text
            claims = (await http.get("/m/two/api/claims")).json()["claims"]
            links = [one["link"] for one in claims if one["link"]]
            assert links
            assert all(link.startswith("/m/two/") for link in links)
            page = (await http.get("/m/two/coverage")).text
            assert '<html lang="en" data-fs-base="/m/two">' in page
            assert '"http://test/m/two/coverage"' in page  # og:url

    asyncio.run(run())


@pytest.mark.parametrize(
    ("asked_for", "leads_to"),
    [
        ("/m/one/coverage?sae=layer_0", "/coverage?sae=layer_0"),
        ("/m/one", "/"),
        ("/m/one//example.org/x", "/example.org/x"),
        ("/m/one/token/%2F", "/token//"),
    ],
)
def test_the_default_s_prefix_leads_to_its_paths(
    settings: Settings, asked_for: str, leads_to: str
) -> None:
    async def run() -> None:
        async with running(with_pages(settings, only=True)) as http:
            told = await http.get(asked_for)
            assert (told.status_code, told.headers["location"]) == (307, leads_to)

    asyncio.run(run())


def test_what_is_not_served_is_said(settings: Settings) -> None:
    async def run() -> None:
        async with running(with_pages(settings, only=True)) as http:
            told = await http.get("/m/two/api/health")
            assert told.status_code == 404
            assert "'two' is not served here" in told.json()["detail"]

    asyncio.run(run())


def test_a_model_that_is_larger_than_what_is_allowed_is_not_loaded(settings: Settings) -> None:
    async def run() -> None:
        small = settings.model_copy(update={"memory": 1000})
        app = with_pages(small, only=False)
        assert isinstance(app, Several)
        async with running(app) as http:
            told = await http.post("/m/two/api/tokenize", json={"prompt": PROMPTS[0]})
            assert told.status_code == 503
            assert "--memory allows 1.0 kB" in told.json()["detail"]
            assert (await http.get("/m/two/api/coverage?sae_id=layer_0")).status_code == 200

    asyncio.run(run())
