"""A chat template is a program of whoever made the model: whatever it raises is a 422 with its
words.
"""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.lm import LanguageModel
from tests.api.conftest import PROMPT, steer_body
from tests.api.request.test_problems import problem
from tests.api.request.test_wrong_fields import SWEEP, TRAITS

LIVE: dict[str, dict[str, Any]] = {
    "/api/tokenize": {"prompt": PROMPT},
    "/api/inspect": {"prompt": PROMPT},
    "/api/steer": steer_body(),
    "/api/steer/stream": steer_body(),
    "/api/sweep": SWEEP,
    "/api/traits": TRAITS,
    "/api/reactivation/set": {"sae_id": "layer_2", "prompts": [PROMPT]},
    "/api/runs": {"kind": "inspect", "request": {"prompt": PROMPT, "chat": True}},
}
TEMPLATES = {  # a template, and what of its failure must be told
    "refuses": ("{{ raise_exception('a system turn is needed') }}", "a system turn is needed"),
    "asks for a turn that is not there": ("{{ messages[5].content }}", "has no element 5"),
    "asks for a name that is not there": (
        "{{ messages[0].name.first }}",
        "has no attribute 'name'",
    ),
    "is no template": ("{% for m in messages %}", "endfor"),
    "knows no filter of that name": ("{{ messages | shout }}", "No filter named 'shout'"),
    "adds words to a number": ("{{ 1 + 'a' }}", "unsupported operand type"),
    "divides by nothing": ("{{ 1 / 0 }}", "division by zero"),
    "says it in two lines": ("{{ raise_exception('one\\ntwo') }}", "one two"),
    "calls itself": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
    "reaches for what it may not": ("{{ ''.__class__.__mro__ }}", "__class__"),
}


@pytest.mark.parametrize("kind", TEMPLATES)
def test_what_a_template_raises_is_told(
    client: TestClient, lm: LanguageModel, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    template, words = TEMPLATES[kind]
    monkeypatch.setattr(lm.tokenizer, "chat_template", template)
    told = problem(client.post("/api/tokenize", json={"prompt": "Hi", "chat": True}), 422)
    assert words in told["detail"]
    assert "\n" not in told["detail"]
    assert told["errors"][0]["field"] == "chat"
    assert client.post("/api/tokenize", json={"prompt": "Hi"}).status_code == 200


@pytest.mark.parametrize("path", LIVE)
def test_every_live_endpoint_tells_it(
    client: TestClient, lm: LanguageModel, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(lm.tokenizer, "chat_template", TEMPLATES["refuses"][0])
    body = LIVE[path] | ({} if path == "/api/runs" else {"chat": True})
    assert "a system turn is needed" in problem(client.post(path, json=body), 422)["detail"]


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b'{"prompt":' * 100_000, b'{"prompt": "\\ud83d"}', b"\xff"]
)
@pytest.mark.parametrize("path", LIVE)
def test_a_body_that_no_parser_takes_is_a_problem(
    client: TestClient, path: str, raw: bytes
) -> None:
    reply = client.post(path, content=raw, headers={"Content-Type": "application/json"})
    assert reply.status_code in (400, 413, 422)
    problem(reply, reply.status_code)
