"""What does not fit is said once the model is live: by health, on the card and with a run."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.link_note import health_note
from app.parts.cards.saes import saes_card
from backend.core.fit import Readings
from backend.schemas import Health
from backend.schemas.saes import SaeCard
from backend.serving.fitting import Fits
from backend.serving.live import Live
from backend.serving.loading import Loaded
from backend.settings import Settings
from tests.api.conftest import PROMPT, Serve


@pytest.fixture
def checking(settings: Settings, tmp_path: Path) -> Settings:
    """With a store of runs of its own: one that others recorded says nothing of what was tried."""
    return settings.model_copy(update={"check_saes": True, "runs": tmp_path / "runs.sqlite"})


def cards(client: TestClient, loaded: Loaded) -> dict[str, dict[str, Any]]:
    return {sae_id: client.get(f"/api/saes/{sae_id}").json() for sae_id in loaded.saes}


def tried(client: TestClient, loaded: Loaded) -> dict[str, dict[str, Any]]:
    """The cards, once nothing is being tried any more."""
    deadline = time.monotonic() + 60
    while any(one["tried"] in ("off", "checking") for one in cards(client, loaded).values()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return cards(client, loaded)


def test_what_does_not_fit_is_said_everywhere(
    serve: Serve, checking: Settings, loaded: Loaded
) -> None:
    """The tiny SAEs are random."""
    app = serve(settings=checking, live=Live(lambda: loaded, waiting=1))
    with TestClient(app) as client:
        found = tried(client, loaded)
        health = Health.model_validate(client.get("/api/health").json())
        body = {"kind": "inspect", "request": {"prompt": PROMPT, "sae_ids": ["layer_2"]}}
        made = client.post("/api/runs", json=body)
        run = client.get(f"/api/runs/{made.json()['run_id']}").json()
    assert {one["tried"] for one in found.values()} == {"checked"}
    one = found["layer_2"]
    assert one["explained_variance"] is None
    assert one["explained_variance_here"]["value"] < 0.2
    assert one["explained_variance_here"]["measured"] == "here"
    assert one["positions_here"]["value"] > 128
    assert one["recovered_loss_here"] is not None
    assert any("SAE layer_2 explains" in said for said in one["warnings"])
    assert health.status == "degraded"
    assert set(one["warnings"]) <= set(health.why)
    assert one["warnings"][0] in str(health_note(health))
    shown = str(saes_card([SaeCard.model_validate(one)]))
    assert one["warnings"][0] in shown
    assert f"{one['explained_variance_here']['value']:.3f}" in shown
    assert run["provenance"]["warnings"] == one["warnings"]


def test_until_then_and_without_it_nothing_is_claimed(
    serve: Serve, settings: Settings, loaded: Loaded
) -> None:
    with TestClient(serve(settings=settings)) as client:
        assert {one["tried"] for one in cards(client, loaded).values()} == {"off"}
    live = Live(lambda: loaded, waiting=1)
    assert Fits(live, wanted=True).state("layer_2") == "checking"
    assert Fits(live, wanted=False).warnings_of(loaded.saes) == []


def test_who_asks_goes_first(loaded: Loaded) -> None:
    """While a request holds a place, no SAE is tried; afterwards all are."""

    async def go() -> None:
        live = Live(lambda: loaded, waiting=4)
        fits = Fits(live, wanted=True)
        live.start()
        ticket = live.queue.enter()
        fits.start()
        await asyncio.sleep(0.5)
        assert fits.found == {}
        await live.queue.leave(ticket)
        async with asyncio.timeout(60):
            while len(fits.found) < len(loaded.saes):
                await asyncio.sleep(0.1)
        await fits.close()
        live.close()

    asyncio.run(go())


def test_it_ends_with_the_server_while_the_model_is_loading(
    serve: Serve, checking: Settings, loaded: Loaded
) -> None:
    released = threading.Event()

    def load() -> Loaded:
        released.wait(30)
        return loaded

    began = time.monotonic()
    with TestClient(serve(settings=checking, live=Live(load, waiting=1))) as client:
        assert client.get("/api/health").json()["live"] == "loading"
    assert time.monotonic() - began < 15
    released.set()


def test_a_text_that_cannot_be_read_is_said_and_the_rest_works(
    serve: Serve, checking: Settings, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Readings, lm: object, layers: object) -> None:
        raise ValueError("no such alphabet")

    monkeypatch.setattr(Readings, "__init__", refuse)
    app = serve(settings=checking, live=Live(lambda: loaded, waiting=1))
    with TestClient(app) as client:
        found = tried(client, loaded)
        assert {one["untried"] for one in found.values()} == {"no such alphabet"}
        shown = str(saes_card([SaeCard.model_validate(one) for one in found.values()]))
        assert "Could not be tried on a short text: no such alphabet" in shown
        assert client.post("/api/inspect", json={"prompt": PROMPT}).status_code == 200
