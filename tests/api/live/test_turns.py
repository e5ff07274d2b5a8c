"""Conversations over HTTP: several turns and a system turn, on every live route, and in runs."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.lm import LanguageModel, Turn
from backend.core.presets import Preset
from tests.api.conftest import PROMPT, Serve, steer_body
from tests.api.live.test_live import answer
from tests.api.request.test_problems import problem
from tests.core.lm.test_chat import NO_SYSTEM

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi."},
    {"role": "assistant", "content": "Hello."},
]
TALK = {"prompt": PROMPT, "chat": True, "turns": TURNS}
FEATURE = {"sae_id": "layer_2", "feature_index": 3}
ROUTES: dict[str, dict[str, Any]] = {
    "/api/inspect": {},
    "/api/reactivation": {"shuffles": 2},
    "/api/steer": {"interventions": [], "max_new_tokens": 1},
    "/api/strength": {"features": [FEATURE]},
}


def expected(lm: LanguageModel) -> list[int]:
    turns = [Turn(one["role"], one["content"]) for one in TURNS]  # type: ignore[arg-type]
    return lm.converse([*turns, Turn("user", PROMPT)]).token_ids


def test_a_conversation_is_read_whole_and_the_templates_tokens_are_marked(
    client: TestClient, lm: LanguageModel
) -> None:
    found = answer(client, "/api/tokenize", **TALK)
    assert [token["token_id"] for token in found["tokens"]] == expected(lm)
    said = "".join(token["text"] for token in found["tokens"] if not token["template"])
    assert said == "Be brief.Hi.Hello." + PROMPT
    own = [token["text"] for token in found["tokens"] if token["template"]]
    assert own[0] == "<bos>"
    assert "".join(own).endswith("user\n<eos>\nmodel\n")
    assert found["last_function"] is not None
    plain = answer(client, "/api/tokenize", prompt=PROMPT)
    assert not any(token["template"] for token in plain["tokens"])


@pytest.mark.parametrize("path", ROUTES)
def test_every_live_route_takes_the_turns(client: TestClient, lm: LanguageModel, path: str) -> None:
    found = answer(client, path, **TALK, **ROUTES[path])
    assert found["effective"]["turns"] == TURNS
    assert found["effective"]["n_tokens"] == len(expected(lm))
    alone = answer(client, path, prompt=PROMPT, chat=True, **ROUTES[path])
    assert "turns" not in alone["effective"]  # recorded runs keep their ids


def test_a_template_token_can_be_edited(client: TestClient) -> None:
    tokens = answer(client, "/api/tokenize", **TALK)["tokens"]
    last = max(token["position"] for token in tokens if token["template"])
    edit = FEATURE | {"mode": "add", "value": 40.0, "positions": [last]}
    found = answer(client, "/api/steer", **TALK, interventions=[edit], max_new_tokens=1)
    assert found["applied_positions"] == [last]
    assert found["kl"] > 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/tokenize", {"prompt": PROMPT}),
        ("/api/inspect", {"prompt": PROMPT}),
        ("/api/steer", steer_body()),
        ("/api/reactivation/set", {"prompts": [PROMPT], "sae_id": "layer_2"}),
        ("/api/steer/set", {"prompts": [PROMPT], "interventions": steer_body()["interventions"]}),
        ("/api/patch", {"prompt_a": PROMPT, "prompt_b": "What is the capital of the UK?\n"}),
    ],
)
def test_a_system_turn_that_the_template_does_not_take_is_one_sentence(
    client: TestClient,
    lm: LanguageModel,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    body: dict[str, Any],
) -> None:
    monkeypatch.setattr(lm.tokenizer, "chat_template", NO_SYSTEM)
    told = problem(client.post(path, json=body | {"chat": True, "turns": TURNS}), 422)
    (error,) = told["errors"]
    assert (error["field"], error["value"]) == ("turns.0.role", "system")
    assert "takes no system turn" in error["allowed"]
    assert "write it into the first user turn" in error["allowed"]


@pytest.mark.parametrize(
    ("change", "field", "status"),
    [
        ({"chat": False}, "turns", 422),
        ({"turns": [{"role": "robot", "content": "x"}]}, "turns.0.role", 422),
        ({"turns": [{"role": "user"}]}, "turns.0.content", 422),
        ({"turns": [{"role": "user", "content": "x" * 20_001}]}, None, 413),
        ({"turns": [{"role": "user", "content": "x " * 2_000}]}, None, 413),
    ],
)
def test_turns_that_cannot_be_are_refused(
    client: TestClient, change: dict[str, Any], field: str | None, status: int
) -> None:
    told = problem(client.post("/api/tokenize", json=TALK | change), status)
    if field:
        assert told["errors"][0]["field"] == field


def test_a_conversation_is_recorded_and_another_one_is_another_run(client: TestClient) -> None:
    ids = set()
    for turns in (TURNS, TURNS[1:], []):
        body = {"kind": "inspect", "request": TALK | {"turns": turns, "sae_ids": ["layer_2"]}}
        run_id = client.post("/api/runs", json=body).json()["run_id"]
        run = client.get(f"/api/runs/{run_id}").json()
        assert run["request"]["turns"] == turns
        ids.add(run_id)
    assert len(ids) == 3


def test_what_is_said_to_a_set_before_each_prompt(client: TestClient) -> None:
    edits = [FEATURE | {"mode": "add", "value": 40.0, "positions": "last"}]
    body = {"interventions": edits, "chat": True, "turns": TURNS, "max_new_tokens": 3}
    many = answer(client, "/api/steer/set", prompts=[PROMPT], **body)
    one = answer(client, "/api/steer", prompt=PROMPT, **body)
    assert many["rows"][0]["answers"]["steered"]["text"] == one["steered"]["texts"][0]
    alone = answer(client, "/api/steer/set", prompts=[PROMPT], **(body | {"turns": []}))
    assert many["rows"] != alone["rows"]
    index = {"sae_id": "layer_2", "shuffles": 2, "chat": True, "turns": TURNS}
    found = answer(client, "/api/reactivation/set", prompts=[PROMPT], **index)
    assert found["effective"]["turns"] == TURNS
    classes = answer(
        client,
        "/api/reactivation",
        **TALK,
        sae_ids=["layer_2"],
        shuffles=2,
    )["index"]["layer_2"]["classes"]
    assert [one["firing"] for one in found["index"]["classes"]] == [
        one["firing"] for one in classes
    ]


@pytest.mark.parametrize("prompt_format", ["plain", "chat"])
def test_a_preset_says_whether_its_prompts_are_turns(
    serve: Serve, preset: Preset, prompt_format: str
) -> None:
    with TestClient(serve(preset=replace(preset, prompt_format=prompt_format))) as client:
        opening = client.get("/api/capabilities").json()["opening"]
    assert opening["chat"] is (prompt_format == "chat")
