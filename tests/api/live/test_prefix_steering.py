"""Steering, sweeps, strengths and traits behind a prefix are those of the whole text."""

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import steer_body
from tests.api.live.prefix_case import PREFIX, SPLIT, WHOLE, same_tokens
from tests.api.live.test_live import answer
from tests.api.live.test_stream import frames
from tests.api.live.test_sweep import sweep_body
from tests.api.live.test_traits import traits_body


@pytest.mark.parametrize("frozen", [False, True])
def test_steering_is_the_whole_text_s(client: TestClient, n: int, frozen: bool) -> None:
    """Five arms, the drawn content position and the sizes of the controls included, with edits that
    read the stream.
    """
    edits = [
        {
            "sae_id": "layer_2",
            "feature_index": 3,
            "mode": "clamp",
            "value": 9.0,
            "positions": "last",
        },
        {
            "sae_id": "layer_0",
            "feature_index": 5,
            "mode": "add",
            "value": 4.0,
            "positions": [n + 1],
        },
    ]
    body = steer_body(interventions=edits, controls=True, freeze_attention=frozen, max_new_tokens=6)
    found = answer(client, "/api/steer", **body | SPLIT)
    at = found["controls"]["content_position"]["positions"]
    assert at[0] >= n
    whole = answer(client, "/api/steer", **body | {"prompt": WHOLE})
    assert found["applied_positions"] == whole["applied_positions"]
    arms = {"baseline", "steered", "random_feature", "sign_flipped"}
    for name in arms:
        one, other = ({**answered, **answered["controls"]}[name] for answered in (found, whole))
        assert one["texts"] == other["texts"]
        assert one["kl"] == pytest.approx(other["kl"], abs=1e-4)
        same_tokens(one["next_tokens"][:5], other["next_tokens"][:5])
    assert found["kl"] > 0


def test_every_position_means_every_one_after_the_prefix(client: TestClient, n: int) -> None:
    body = steer_body(**SPLIT, max_new_tokens=0)
    body["interventions"][0]["positions"] = "all"
    found = answer(client, "/api/steer", **body)
    assert found["applied_positions"] == list(range(n, len(found["tokens"])))
    assert "at every position of the prompt after its prefix" in found["sentence"]


def test_an_edit_within_the_prefix_is_refused_with_the_reason(client: TestClient, n: int) -> None:
    body = steer_body(**SPLIT)
    body["interventions"][0]["positions"] = [n - 1, n]
    swept = {"positions": [1, n]}
    for path, sent, field in (
        ("steer", body, "interventions.0.positions"),
        ("sweep", sweep_body(**SPLIT) | swept, "positions"),
    ):
        reply = client.post(f"/api/{path}", json=sent)
        assert reply.status_code == 422
        (error,) = reply.json()["errors"]
        assert error["field"] == field
        assert (
            f"the {n} before are the prefix, which is run once, without interventions"
            in error["allowed"]
        )
    reply = client.post(
        "/api/steer",
        json=steer_body(
            prefix=PREFIX,
            prompt="cat",
            interventions=[
                {
                    "sae_id": "layer_2",
                    "feature_index": 3,
                    "mode": "add",
                    "value": 8.0,
                    "positions": "last_function",
                }
            ],
        ),
    )
    assert reply.status_code == 422
    assert "no function token" in reply.json()["detail"]


def test_a_stream_too(client: TestClient) -> None:
    body = steer_body(**SPLIT, controls=True, max_new_tokens=5)
    found = frames(client.post("/api/steer/stream", json=body).text)
    assert found[-1][1]["result"] == client.post("/api/steer", json=body).json()


def test_a_sweep_is_the_whole_text_s(client: TestClient, n: int) -> None:
    last = len(answer(client, "/api/tokenize", **SPLIT)["tokens"]) - 1
    axes = {"positions": [n, last], "max_new_tokens": 3}
    found, whole = (
        frames(client.post("/api/sweep", json=sweep_body(**own) | axes).text)[-1][1]["result"]
        for own in (SPLIT, {"prompt": WHOLE})
    )
    assert found["prefix_length"] == n
    assert [cell["text"] for cell in found["cells"]] == [cell["text"] for cell in whole["cells"]]
    for one, other in zip(found["cells"], whole["cells"], strict=True):
        assert one["kl"] == pytest.approx(other["kl"], abs=1e-4)
    every = frames(client.post("/api/sweep", json=sweep_body(**SPLIT) | {"positions": "all"}).text)[
        -1
    ][1]["result"]
    assert every["positions"] == list(range(n, last + 1))


def test_strength_is_told_after_the_prefix(client: TestClient, n: int) -> None:
    chosen = [{"sae_id": "layer_2", "feature_index": 3}]
    found = answer(client, "/api/strength", **SPLIT, features=chosen)
    whole = answer(client, "/api/strength", prompt=WHOLE, features=chosen)
    (one,), (other,) = found["features"], whole["features"]
    for name in ("residual_norm", "activation"):
        assert one["positions"][name][:n] == [None] * n
        assert one["positions"][name][n:] == pytest.approx(other["positions"][name][n:], abs=1e-3)
    assert one["positions"]["token_act_max"] == other["positions"]["token_act_max"]


def test_a_trait_search_behind_a_prefix(client: TestClient) -> None:
    """The prompts are those with the prefix written out; the last function token stays."""
    found = frames(client.post("/api/traits", json=traits_body(prefix=PREFIX)).text)[-1][1][
        "result"
    ]
    body = traits_body()
    written = {
        "trait_prompt": PREFIX + body["trait_prompt"],
        "contrast_prompts": [PREFIX + text for text in body["contrast_prompts"]],
        "test_prompts": [PREFIX + text for text in body["test_prompts"]],
    }
    whole = frames(client.post("/api/traits", json=body | written).text)[-1][1]["result"]
    assert found["effective"]["prefix"] == PREFIX
    for name in ("layers", "trials", "strengths", "arms", "k", "feature_index"):
        assert found[name] == whole[name]
