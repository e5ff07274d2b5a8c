"""One tiny real build and one tiny real model behind a real API;
every test gets its own runs file.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.core.lm import LanguageModel
from backend.core.presets import Preset
from backend.core.sae import Sae
from backend.core.store import Store
from backend.main import create_api
from backend.serving.live import Live
from backend.serving.loading import Loaded
from backend.settings import Settings
from tests.tiny_build import SAE_IDS, own_build, sentences, tiny_preset

PROMPT = "What is the capital of Russia?\n"


@pytest.fixture(scope="session")
def build_path(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of the tiny model and two of its three SAEs, made by the jobs."""
    return own_build(tmp_path_factory, "api", tiny_folder, SAE_IDS[:2], sentences())


@pytest.fixture(scope="session")
def store(build_path: Path) -> Iterator[Store]:
    opened = Store.open(build_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def loaded(lm: LanguageModel, saes: dict[str, Sae]) -> Loaded:
    return Loaded(lm, saes, "model-hash", {sae_id: f"hash of {sae_id}" for sae_id in saes})


@pytest.fixture(scope="session")
def preset(tiny_folder: Path, build_path: Path) -> Preset:
    return tiny_preset(tiny_folder, build_path)


Serve = Callable[..., FastAPI]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(runs=tmp_path_factory.mktemp("runs") / "runs.sqlite", threads=1, queue=2)


@pytest.fixture(scope="session")
def serve(store: Store, loaded: Loaded, settings: Settings, preset: Preset) -> Serve:
    """Make an API; keywords replace its parts."""

    def make(**parts: Any) -> FastAPI:
        own: Settings = parts.get("settings", settings)
        live = parts.get("live") or Live(lambda: loaded, waiting=own.queue)
        return create_api(parts.get("store", store), live, own, preset=parts.get("preset", preset))

    return make


@pytest.fixture(scope="session")
def client(serve: Serve) -> Iterator[TestClient]:
    """A started API whose model is loaded.

    Unexpected errors are not raised: they must be 500 problems.
    """
    app = serve()
    with TestClient(app, raise_server_exceptions=False) as made:
        assert app.state.backend.live.ready.wait(10)
        yield made


@asynccontextmanager
async def started(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """For tests of what happens at the same time: one event loop, as in production."""
    async with app.router.lifespan_context(app):
        app.state.backend.live.ready.wait(10)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", timeout=30
        ) as client:
            yield client


def steer_body(**changes: Any) -> dict[str, Any]:
    """A small good request to steer."""
    intervention = {
        "sae_id": "layer_2",
        "feature_index": 3,
        "mode": "add",
        "value": 8.0,
        "positions": "last",
    }
    return {"prompt": PROMPT, "interventions": [intervention], "max_new_tokens": 4} | changes
