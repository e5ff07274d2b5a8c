"""The trait search over HTTP: its stream, its refusals, and that it is the core's search."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.intervals import wilson
from backend.core.lm import LanguageModel
from backend.core.steering.trait_rows import (
    ArmJudged,
    Finding,
    LayerTried,
    SetTried,
    Share,
    StrengthTried,
)
from backend.routes.live.trait_wire import finding_sentence
from tests.api.live.test_stream import frames

CONTRAST = ["What is the capital of Russia?\n", "The cat sat.\n"]
TEST = ["The dog sat by the door.\n", "What is the capital of the UK?\n", "Speak Chinese.\n"]


def traits_body(**changes: Any) -> dict[str, Any]:
    body = {
        "trait_prompt": "Speak Chinese.\n",
        "contrast_prompts": CONTRAST,
        "test_prompts": TEST,
        "success": {"kind": "regex", "pattern": "."},
        "max_new_tokens": 3,
        "alphas": [4.0],
    }
    return body | changes


def searched(client: TestClient, **changes: Any) -> list[tuple[str, dict[str, Any]]]:
    reply = client.post("/api/traits", json=traits_body(**changes))
    assert reply.status_code == 200, reply.text
    return frames(reply.text)


def test_a_search_streams_its_steps_and_ends_with_the_finding(client: TestClient) -> None:
    found = searched(client, instruction="Speak Chinese. {prompt}")
    assert [event for event, _ in found] == ["start"] + ["progress"] * (len(found) - 2) + ["final"]
    result = found[-1][1]["result"]
    steps = [data for event, data in found if event == "progress"]
    assert [step["layer"] for step in steps if step["layer"]] == result["layers"]
    assert [step["trial"] for step in steps if step["trial"]] == result["trials"]
    assert [step["strength"] for step in steps if step["strength"]] == result["strengths"]
    assert [step["arm"] for step in steps if step["arm"]] == result["arms"]
    assert [one["sae_id"] for one in result["layers"]] == ["layer_0", "layer_2", "layer_3"]
    best = max(one["success"]["successes"] for one in result["layers"])
    assert (
        next(one for one in result["layers"] if one["success"]["successes"] == best)["sae_id"]
        == result["sae_id"]
    )
    for arm in result["arms"]:
        low, high = wilson(arm["success"]["successes"], len(TEST))
        assert arm["success"]["interval"] == pytest.approx([low, high])
        assert len(arm["texts"]) == len(TEST)
    assert {arm["name"] for arm in result["arms"]} >= {"none", "difference_of_means", "asking"}
    assert result["effective"]["position"] == max(
        token["position"]
        for token in client.post("/api/tokenize", json={"prompt": "Speak Chinese.\n"}).json()[
            "tokens"
        ]
    )


def test_the_first_token_can_be_the_trait(client: TestClient, lm: LanguageModel) -> None:
    """A token target succeeds when it is the greedy next token,
    so without edits it is the baseline's own.
    """
    ids = lm.tokenize(TEST[0])
    own = int(lm.forward([ids], logits_to_keep=1).logits[0, -1].argmax())
    result = searched(client, success={"kind": "token", "token_id": own}, test_prompts=[TEST[0]])[
        -1
    ][1]["result"]
    assert next(arm for arm in result["arms"] if arm["name"] == "none")["success"]["successes"] == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"contrast_prompts": []}, "contrast_prompts"),
        ({"contrast_prompts": ["The cat.\n"] * 1000}, "contrast_prompts"),
        ({"contrast_prompts": ["The cat.\n", "<bos>"]}, "contrast_prompts.1"),
        ({"instruction": "Speak Chinese."}, "instruction"),
        ({"alphas": []}, "alphas"),
        ({"alphas": [0.0]}, "alphas"),
        ({"sae_ids": ["nothing"]}, "sae_ids"),
        ({"success": {"kind": "regex", "pattern": "("}}, "success.pattern"),
        ({"max_new_tokens": 10**6}, "max_new_tokens"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_name(
    client: TestClient, changes: dict[str, Any], field: str
) -> None:
    reply = client.post("/api/traits", json=traits_body(**changes))
    assert reply.status_code == 422, reply.text
    assert reply.json()["errors"][0]["field"] == field


def test_a_prompt_that_is_too_long_is_named(client: TestClient) -> None:
    reply = client.post("/api/traits", json=traits_body(test_prompts=["The cat.\n" * 200]))
    assert reply.status_code == 413
    assert reply.json()["detail"].startswith("test_prompts.0")


def test_one_sae_can_be_searched_alone(client: TestClient) -> None:
    result = searched(client, sae_ids=["layer_2"], alphas=None)[-1][1]["result"]
    assert [one["sae_id"] for one in result["layers"]] == ["layer_2"]
    assert result["effective"]["alphas"][0].startswith("1 × the layer's")


def test_the_finding_names_every_arm_with_its_strength() -> None:
    shown = {"none": 0, "features": 2, "feature": 10, "random_feature": 3}
    found = Finding(
        layers=[LayerTried("layer_7", 7, Share(8, 10), 25)],
        trials=[SetTried(19.4, 2, Share(7, 10))],
        strengths=[StrengthTried(19.4, Share(4, 10)), StrengthTried(77.54, Share(9, 10))],
        arms=[ArmJudged(name, Share(n, 10), []) for name, n in shown.items()],
        sae_id="layer_7",
        layer=7,
        alpha=19.4,
        k=2,
        feature_index=1062,
        feature_alpha=77.54,
    )
    assert finding_sentence(found) == (
        "Layer 7 does best (8 of 10 contrast prompts); k = 2: feature 1062 of layer_7. On the "
        "test prompts the k strongest together, at α 19.4, show the trait in 2 of 10; the "
        "feature alone, at α 77.5, in 10 of 10 (on the contrast prompts 9 of 10); a random "
        "feature of that size in 3 of 10."
    )
    found.k = None
    assert finding_sentence(found).endswith(
        "no sum of its features induces the trait at any α that was tried."
    )
