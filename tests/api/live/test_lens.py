"""Residuals in words over HTTP, against the core and against what the model says."""

import asyncio
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api import ApiClient
from backend import schemas as wire
from backend.core.lm import LanguageModel
from backend.core.patching import read_words
from tests.api.conftest import PROMPT, Serve
from tests.tiny import N_LAYERS


def read(client: TestClient, **changes: Any) -> dict[str, Any]:
    reply = client.post("/api/lens", json={"prompt": PROMPT} | changes)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def test_every_layer_of_the_last_position_and_the_last_layer_is_the_models_own(
    client: TestClient,
) -> None:
    found = read(client, k=5)
    last = len(found["tokens"]) - 1
    assert [(row["layer"], row["position"]) for row in found["rows"]] == [
        (layer, last) for layer in range(N_LAYERS)
    ]
    inspected = client.post("/api/inspect", json={"prompt": PROMPT, "next_tokens": 5}).json()[
        "next_tokens"
    ]
    own = [one for one in inspected if one["position"] == last]
    assert [t["token_id"] for t in found["rows"][-1]["tokens"]] == [one["token_id"] for one in own]
    for mine, theirs in zip(found["rows"][-1]["tokens"], own, strict=True):
        assert mine["text"] == theirs["text"]
        assert mine["probability"] == pytest.approx(theirs["probability"], rel=1e-3)
    assert found["effective"]["layers"] == list(range(N_LAYERS))
    assert found["effective"]["positions"] == [last]


def test_layers_positions_and_watched_tokens_are_as_asked_for(
    client: TestClient, lm: LanguageModel
) -> None:
    watched = [{"kind": "token", "token_id": 61}, {"kind": "token", "text": lm.token_text(262)}]
    found = read(client, positions=[3, 5], layers=[2, 0], k=3, watched=watched)
    assert [(row["layer"], row["position"]) for row in found["rows"]] == [
        (2, 3),
        (2, 5),
        (0, 3),
        (0, 5),
    ]
    core = read_words(lm, lm.tokenize(PROMPT), [3, 5], layers=[2, 0], k=3, watched=[61, 262])
    for row, ids, ranks in zip(
        found["rows"],
        core.token_ids.flatten(0, 1).tolist(),
        core.watched_ranks.flatten(0, 1).tolist(),
        strict=True,
    ):
        assert [t["token_id"] for t in row["tokens"]] == ids
        assert [(w["token_id"], w["rank"]) for w in row["watched"]] == list(
            zip([61, 262], ranks, strict=True)
        )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"positions": [99]}, "positions"),
        ({"positions": []}, "positions"),
        ({"layers": [N_LAYERS]}, "layers"),
        ({"layers": [1, 1]}, "layers"),
        ({"layers": []}, "layers"),
        ({"k": 0}, "k"),
        ({"k": 10**4}, "k"),
        ({"watched": [{"kind": "token", "token_id": 10**6}]}, "watched.0.token_id"),
        ({"watched": [{"kind": "language", "language": "zh"}]}, "watched.0.kind"),
        ({"position": 3}, "position"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    client: TestClient, changes: dict[str, Any], field: str
) -> None:
    reply = client.post("/api/lens", json={"prompt": PROMPT} | changes)
    assert reply.status_code == 422, reply.text
    assert reply.json()["errors"][0]["field"] == field


def test_the_bound_on_rows_is_in_the_limits(serve: Serve, settings: Any) -> None:
    app = serve(settings=settings.model_copy(update={"max_lens_rows": N_LAYERS}))
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(10)
        assert client.get("/api/capabilities").json()["limits"]["lens_rows"] == N_LAYERS
        assert client.post("/api/lens", json={"prompt": PROMPT}).status_code == 200
        refused = client.post("/api/lens", json={"prompt": PROMPT, "positions": [1, 2]})
        assert "this is 4 × 2 = 8" in refused.json()["errors"][0]["allowed"]


def test_the_client_asks_for_it_by_type(serve: Serve) -> None:
    async def run() -> wire.LensResponse:
        app = serve()
        async with app.router.lifespan_context(app):
            app.state.backend.live.ready.wait(10)
            return await ApiClient.in_process(app).lens(wire.LensRequest(prompt=PROMPT, k=2))

    found = asyncio.run(run())
    assert [len(row.tokens) for row in found.rows] == [2] * N_LAYERS
