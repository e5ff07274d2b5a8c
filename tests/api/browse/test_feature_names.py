"""What features of a build are called, from its edges to the wire."""

import numpy as np
import pytest
from fastapi.testclient import TestClient

from backend.core.store import Store, feature_names
from backend.core.store.feature_names import N_NAMES
from tests.api.conftest import PROMPT


def test_features_of_a_build_are_named_by_their_edges(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = store.edges("layer_2")
    tokens = store.token_rows(range(1000))
    rows = store.features("layer_2", range(96))
    differing = 0
    for row in rows:
        mine = everything.feature_index == row.feature_index
        scores = {}
        for t, n in zip(everything.token_id[mine], everything.n_firings[mine], strict=True):
            share = n / row.n_firings
            scores[int(t)] = share * np.log(share / tokens[int(t)].share)
        best = sorted((t for t, s in scores.items() if s > 0), key=lambda t: (-scores[t], t))
        assert row.name_token_ids == (best[:N_NAMES] or row.top_token_ids[:N_NAMES])
        differing += row.name_token_ids != row.top_token_ids[:N_NAMES]
    assert differing > 0  # or the names would be the most frequent tokens
    with_many = Store.open(store.path)
    monkeypatch.setattr(feature_names, "NAMED_EDGES", len(everything.token_id) - 1)
    for row in with_many.features("layer_2", range(96)):  # too many: named by count
        assert row.name_token_ids == row.top_token_ids[:N_NAMES]
    with_many.close()


def test_lists_and_prompts_tell_the_names(client: TestClient, store: Store) -> None:
    named = {row.feature_index: row.name_token_ids for row in store.features("layer_2", range(96))}
    listed = client.get("/api/features", params={"sae_id": "layer_2", "limit": 96}).json()
    assert listed["features"]
    for row in listed["features"]:
        assert [one["token_id"] for one in row["name_tokens"]] == named[row["feature_index"]]
    texts = {i: row.text for i, row in store.token_rows(range(1000)).items()}
    info = client.post("/api/inspect", json={"prompt": PROMPT}).json()["feature_info"]["layer_2"]
    for index, note in info.items():
        assert note["name_tokens"] == [texts[i] for i in named[int(index)]]
    token_id = listed["features"][0]["top_tokens"][0]["token_id"]
    asked = {"sae_id": "layer_2", "notes": "true"}
    token = client.get(f"/api/tokens/{token_id}", params=asked).json()
    (layer,) = token["layers"]
    assert layer["edges"]
    for edge in layer["edges"]:
        told = [one["token_id"] for one in edge["note"]["name_tokens"]]
        assert told == named[edge["feature_index"]]
