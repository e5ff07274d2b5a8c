"""What is wrong with a request is told in the client's own names,
with what came and what is allowed.
"""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import PROMPT, steer_body
from tests.api.request.test_problems import problem


def asked(**changes: Any) -> dict[str, Any]:
    """A steer request whose one intervention is changed."""
    body = steer_body()
    body["interventions"][0] |= changes
    return body


SWEEP = {"prompt": PROMPT, "sae_id": "layer_2", "feature_index": 3, "strengths": [1.0]}
TRAITS: dict[str, Any] = {
    "trait_prompt": PROMPT,
    "contrast_prompts": [PROMPT],
    "test_prompts": [PROMPT],
    "success": {"kind": "regex", "pattern": "x"},
}


@pytest.mark.parametrize(
    ("path", "body", "field", "value", "allowed"),
    [
        ("/api/sweep", SWEEP | {"strengths": [1.0, 1e7]}, "strengths", 1e7, "-1e+06 to 1e+06"),
        (
            "/api/sweep",
            SWEEP | {"interventions": steer_body()["interventions"] * 16},
            "interventions",
            "16",
            "at most 15 beside the swept one",
        ),
        (
            "/api/reactivation/set",
            {"sae_id": "nope", "prompts": [PROMPT]},
            "sae_id",
            "nope",
            "one of ['layer_0'",
        ),
        ("/api/tokenize", "{", "body", "{", "valid JSON; at character 1"),
        (
            "/api/steer",
            asked(positions="first"),
            "interventions.0.positions",
            "first",
            "'last_function', 'last' or 'all', or a valid list",
        ),
        (
            "/api/steer",
            asked(positions=[-1]),
            "interventions.0.positions.0",
            -1,
            "greater than or equal to 0",
        ),
        ("/api/steer", asked(feature_index=96), "interventions.0.feature_index", 96, "0 to 95"),
        (
            "/api/sweep",
            SWEEP | {"target": {"kind": "language", "language": "fr"}},
            "target.language",
            "fr",
            "'zh' or 'en'",
        ),
        (
            "/api/sweep",
            SWEEP | {"target": {"kind": "language", "language": "zh", "token_id": 1}},
            "target.token_id",
            1,
            "no such field",
        ),
        (
            "/api/sweep",
            SWEEP | {"target": {"kind": "word"}},
            "target.kind",
            "word",
            "'token' or 'regex'",
        ),
        ("/api/sweep", SWEEP | {"target": {}}, "target.kind", None, "must be given"),
        ("/api/runs", {"kind": "sweep", "request": {}}, "kind", "sweep", "'inspect' or 'steer'"),
        (
            "/api/runs",
            {"kind": "steer", "request": asked(mode="zap")},
            "request.interventions.0.mode",
            "zap",
            "'add'",
        ),
        (
            "/api/traits",
            TRAITS | {"trait_prompt": "<bos>"},
            "trait_prompt",
            "<bos>",
            "a prompt with a function token",
        ),
        (
            "/api/traits",
            TRAITS | {"test_prompts": ["a\n", "<bos>"]},
            "test_prompts.1",
            "<bos>",
            "a function token",
        ),
        ("/api/session", {"token": "s3cret" * 100}, "token", "(not shown)", "512"),
        ("/api/session", '{"token": "s3cret', "body", "(not shown)", "valid JSON"),
    ],
)
def test_what_is_wrong_is_named_as_it_was_sent_with_what_came_and_what_is_allowed(
    client: TestClient, path: str, body: Any, field: str, value: Any, allowed: str
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    found = problem(
        client.post(path, content=content, headers={"Content-Type": "application/json"}), 422
    )
    assert len(found["errors"]) == 1
    error = found["errors"][0]
    assert (error["field"], error["value"]) == (field, value)
    assert allowed in error["allowed"]
    assert found["detail"].startswith(f"{field} is ")
    if value is not None:
        assert str(value) in found["detail"]
        assert allowed in found["detail"]
    assert "s3cret" not in json.dumps(found)


def test_a_prompt_of_a_set_that_is_too_long_is_named(client: TestClient) -> None:
    body = {"sae_id": "layer_0", "prompts": ["a", PROMPT * 60]}
    assert problem(client.post("/api/reactivation/set", json=body), 413)["detail"].startswith(
        "prompts.1: "
    )
