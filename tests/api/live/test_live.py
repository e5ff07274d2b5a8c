"""Inspect and steer: what the wire says against the core, run beside it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.generate import kl
from backend.core.steering.prefill import next_token
from backend.routes.live import steer as steer_route
from backend.settings import Settings
from tests.api.conftest import PROMPT, SAE_IDS, Serve, steer_body


def answer(client: TestClient, path: str, **body: Any) -> dict[str, Any]:
    reply = client.post(path, json=body)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def test_tokenize_counts_from_bos_and_finds_the_last_function_token(
    client: TestClient, lm: LanguageModel
) -> None:
    found = answer(client, "/api/tokenize", prompt=PROMPT)
    assert [token["token_id"] for token in found["tokens"]] == lm.tokenize(PROMPT)
    assert [token["position"] for token in found["tokens"]] == list(range(len(found["tokens"])))
    assert found["tokens"][0]["token_class"] == "special"
    assert found["tokens"][found["last_function"]]["text"] == "\n"
    assert answer(client, "/api/tokenize", prompt="<bos>")["last_function"] is None


def test_chat_wraps_the_prompt(client: TestClient, lm: LanguageModel) -> None:
    found = answer(client, "/api/tokenize", prompt="Hi", chat=True)
    assert [token["token_id"] for token in found["tokens"]] == lm.tokenize("Hi", chat=True)


def test_inspect_gives_every_firing(
    client: TestClient, lm: LanguageModel, saes: dict[str, Sae]
) -> None:
    found = answer(client, "/api/inspect", prompt=PROMPT, theta=5.0)
    ids = lm.tokenize(PROMPT)
    for sae_id in SAE_IDS:
        resid = lm.resid_post([ids], [saes[sae_id].layer])[saes[sae_id].layer][0]
        expected = saes[sae_id].encode(resid, theta=5.0)
        columns = found["firings"][sae_id]
        assert columns["position"] == expected.position.tolist()
        assert columns["feature_index"] == expected.feature_index.tolist()
        assert columns["activation"] == pytest.approx(expected.activation.tolist(), rel=1e-5)
        assert found["residual_norms"][sae_id] == pytest.approx(
            resid.norm(dim=-1).tolist(), rel=1e-5
        )
        assert set(found["feature_info"][sae_id]) == {
            str(i) for i in expected.feature_index.unique().tolist()
        }
    assert found["effective"]["sae_ids"] == list(SAE_IDS)


def test_inspect_splits_add_up_and_leave_special_positions_out(client: TestClient) -> None:
    found = answer(client, "/api/inspect", prompt=PROMPT, sae_ids=["layer_2"])
    columns = found["firings"]["layer_2"]
    assert [split["position"] for split in found["splits"]["layer_2"]] == list(
        range(1, len(found["tokens"]))
    )
    for split in found["splits"]["layer_2"]:
        assert split["firing"] == columns["position"].count(split["position"])
        assert split["firing"] == split["new"] + split["reactivated"]
        assert split["carried"] <= split["reactivated"]


def test_inspect_next_tokens(client: TestClient, lm: LanguageModel) -> None:
    found = answer(client, "/api/inspect", prompt=PROMPT, next_tokens=3, sae_ids=[])
    logits = lm.forward([lm.tokenize(PROMPT)]).logits[0].softmax(-1)
    assert len(found["next_tokens"]) == 3 * len(found["tokens"])
    for row in found["next_tokens"]:
        assert row["probability"] == pytest.approx(
            float(logits[row["position"], row["token_id"]]), rel=1e-4
        )
    features_only = answer(client, "/api/inspect", prompt=PROMPT, next_tokens=0)
    assert features_only["next_tokens"] == []
    assert features_only["firings"] == answer(client, "/api/inspect", prompt=PROMPT)["firings"]


def test_features_unknown_to_the_build_have_nulls(client: TestClient) -> None:
    info = answer(client, "/api/inspect", prompt=PROMPT)["feature_info"]
    assert all(
        one["density"] is None and one["top_tokens"] == [] for one in info["layer_3"].values()
    )
    assert any(one["density"] for one in info["layer_2"].values())


def test_steering_with_nothing_changes_nothing(client: TestClient) -> None:
    found = answer(client, "/api/steer", prompt=PROMPT, interventions=[], max_new_tokens=8)
    assert found["steered"] == found["baseline"]
    assert found["kl"] == 0
    assert found["applied_positions"] == []


def test_steering_gives_the_kl_of_the_next_token(
    client: TestClient, lm: LanguageModel, saes: dict[str, Sae]
) -> None:
    found = answer(client, "/api/steer", **steer_body())
    ids = lm.tokenize(PROMPT)
    edit = Intervention.on_feature(saes["layer_2"], 3, "add", 8.0, positions=(len(ids) - 1,))
    baseline, steered = next_token(lm, ids, [[], [edit]])
    assert found["kl"] == pytest.approx(kl(steered, baseline), rel=1e-4)
    assert found["kl"] > 0.01
    assert found["kl"] == found["steered"]["kl"]
    best = torch.topk(steered.exp(), 20)
    assert [one["token_id"] for one in found["steered"]["next_tokens"]] == best.indices.tolist()
    assert [one["probability"] for one in found["steered"]["next_tokens"]] == pytest.approx(
        best.values.tolist(), rel=1e-4
    )
    assert found["steered"]["token_ids"][0][0] == int(steered.argmax())


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("last", [-1]), ("all", None), ("last_function", [-1]), ([3, 1, 3], [1, 3])],
)
def test_positions_are_resolved_and_echoed(
    client: TestClient, rule: Any, expected: list[int] | None
) -> None:
    body = steer_body(max_new_tokens=0)
    body["interventions"][0]["positions"] = rule
    found = answer(client, "/api/steer", **body)
    n = len(found["tokens"])
    wanted = list(range(n)) if expected is None else [p % n for p in expected]
    assert found["applied_positions"] == wanted
    assert found["effective"]["interventions"][0]["positions"] == wanted
    assert found["baseline"]["texts"] == [""]


@pytest.mark.parametrize("mode", ["add", "clamp", "scale", "ablate"])
def test_every_mode_has_its_controls(client: TestClient, mode: str) -> None:
    body = steer_body(controls=True, max_new_tokens=2)
    body["interventions"][0] |= {
        "mode": mode,
        "value": 0.0 if mode == "ablate" else 6.0,
        "positions": "all",
    }
    body["interventions"][0]["positions"] = [2, 7]
    found = answer(client, "/api/steer", **body)
    assert list(found["controls"]) == ["content_position", "random_feature", "sign_flipped"]
    assert all(arm["sentence"].endswith(".") for arm in found["controls"].values())
    assert all(len(arm["texts"]) == 1 for arm in found["controls"].values())


def test_a_control_that_cannot_reach_the_next_token_says_so(client: TestClient) -> None:
    body = steer_body(controls=True, max_new_tokens=0)
    said = {}
    for sae_id in ("layer_2", "layer_3"):  # the last of the tiny model's four layers is 3
        body["interventions"][0]["sae_id"] = sae_id
        elsewhere = answer(client, "/api/steer", **body)["controls"]["content_position"]
        said[sae_id] = ("0 by construction" in elsewhere["sentence"], elsewhere["kl"] == 0)
    assert said == {"layer_2": (False, False), "layer_3": (True, True)}


def test_a_flipped_sign_is_the_negative_value(client: TestClient) -> None:
    flipped = answer(client, "/api/steer", **steer_body(controls=True))["controls"]["sign_flipped"]
    body = steer_body()
    body["interventions"][0]["value"] = -8.0
    negative = answer(client, "/api/steer", **body)
    assert flipped["kl"] == pytest.approx(negative["kl"], rel=1e-4)


def test_samples_are_the_same_for_the_same_seed(client: TestClient) -> None:
    body = steer_body(samples=3, temperature=1.0, seed=5, max_new_tokens=6)
    first, again = (answer(client, "/api/steer", **body) for _ in range(2))
    assert first == again
    assert len(set(first["baseline"]["texts"])) > 1
    other = answer(client, "/api/steer", **(body | {"seed": 6}))
    assert other["baseline"]["texts"] != first["baseline"]["texts"]


def test_the_sentence_says_what_is_done(client: TestClient) -> None:
    found = answer(client, "/api/steer", **steer_body(max_new_tokens=0))
    assert found["sentence"] == "Add 8 × feature 3 of layer_2 (after layer 2) at “↵” (position 8)."


def test_controls_that_cannot_be_run_are_named_with_the_reason(
    client: TestClient, serve: Serve, settings: Settings
) -> None:
    body = steer_body(controls=True, max_new_tokens=0)
    assert "controls_left_out" not in answer(client, "/api/steer", **body)["effective"]
    body["interventions"][0]["positions"] = "all"
    found = answer(client, "/api/steer", **body)
    assert list(found["controls"]) == ["random_feature", "sign_flipped"]
    left_out = found["effective"]["controls_left_out"]
    assert list(left_out) == ["content_position"]
    assert "no content token that no intervention edits" in left_out["content_position"]
    found = answer(client, "/api/steer", **body | {"interventions": []})
    assert found["controls"] == {}
    assert set(found["effective"]["controls_left_out"]) == {
        "content_position",
        "random_feature",
        "sign_flipped",
    }
    assert (
        "controls_left_out"
        not in answer(client, "/api/steer", **body | {"controls": False})["effective"]
    )
    no_build = settings.model_copy(update={"build": Path("none.duckdb")})
    with TestClient(serve(store=None, settings=no_build)) as alone:
        assert alone.app.state.backend.live.ready.wait(10)  # type: ignore[attr-defined]
        found = answer(alone, "/api/steer", **steer_body(controls=True, max_new_tokens=0))
        assert "without a build" in found["effective"]["controls_left_out"]["content_position"]


def test_a_run_keeps_the_id_that_it_had_before_left_out_controls_were_named(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = steer_body(controls=True, max_new_tokens=0)
    body["interventions"][0]["positions"] = "all"
    run = {"kind": "steer", "request": body}
    with monkeypatch.context() as before:
        before.setattr(steer_route, "left_out", lambda *_: {})
        old = client.post("/api/runs", json=run).json()
    assert client.post("/api/runs", json=run).json() == old | {"reused": True, "delete_token": None}
