"""One error shape for every failure, whatever is sent."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.api.conftest import PROMPT, Serve, steer_body

ENDPOINTS = ("/api/tokenize", "/api/inspect", "/api/steer", "/api/steer/stream", "/api/runs")


def problem(reply: Any, status: int) -> dict[str, Any]:
    """The body of a failure, checked for its shape."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    body = reply.json()
    assert {"type", "title", "status", "detail", "request_id"} <= set(body)
    assert body["status"] == status
    assert body["request_id"] == reply.headers["x-request-id"]
    return dict(body)


def test_unknown_paths_are_404_and_wrong_methods_405(client: TestClient) -> None:
    problem(client.get("/api/nothing"), 404)
    problem(client.post("/api/tokens/1/more", json={}), 404)
    problem(client.get("/elsewhere"), 404)
    refused = client.get("/api/inspect")
    assert "POST" in problem(refused, 405)["detail"]
    assert refused.headers["allow"] == "POST"


def test_a_client_request_id_is_kept_only_when_harmless(client: TestClient) -> None:
    assert (
        client.get("/api/health", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"]
        == "mine-1"
    )
    made = client.get("/api/health", headers={"X-Request-Id": "a b<script>"}).headers[
        "x-request-id"
    ]
    assert made.isalnum()


@pytest.mark.parametrize(
    "path",
    [
        "/api/health?verbose=1",
        "/api/capabilities?x=1",
        "/api/tokens?limt=3",
        "/api/tokens?limit=1&limit=2",
        "/api/tokens?limit=0",
        "/api/tokens?limit=100000",
        "/api/tokens?offset=-1",
        "/api/tokens?offset=99999999999999999999",
        "/api/tokens?token_class=verb",
        "/api/tokens?order=size",
        "/api/tokens/abc",
        "/api/tokens/-1",
        "/api/tokens/99999999999999999999",
        "/api/tokens/3?limit=nan",
        "/api/coverage",
        "/api/coverage?sae_id=none",
        "/api/coverage?sae_id=layer_0&theta=nan",
        "/api/coverage?sae_id=layer_0&theta=inf",
        "/api/coverage?sae_id=layer_0&theta=0.123",
        "/api/coverage?sae_id=layer_0&min_count=7",
        "/api/coverage?sae_id=layer_0&min_count=99999999999999999999",
        "/api/coverage?sae_id=layer_0&denominator=all",
        "/api/coverage?sae_id=layer_0&order=alphabet",
        "/api/coverage?sae_id=layer_0&max_rank=0",
        "/api/coverage?sae_id=layer_0&max_rank=99999999",
        "/api/features?q=a",
        "/api/features?sae_id=none",
        "/api/features?sae_id=layer_0&min_density=0.9&max_density=0.1",
        "/api/features?sae_id=layer_0&order=nice",
        "/api/features/layer_0/abc",
        "/api/features/layer_0/-1",
        "/api/export/tokens?format=xls",
        "/api/export/tokens?sae_id=layer_0",
        "/api/export/edges",
        "/api/runs/abc?x=1",
    ],
)
def test_bad_queries_name_the_field_and_the_value(client: TestClient, path: str) -> None:
    body = problem(client.get(path), 422)
    assert all({"field", "value", "allowed"} <= set(error) for error in body["errors"])
    assert body["errors"][0]["field"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/tokenize", {}, "prompt"),
        ("/api/tokenize", {"prompt": 3}, "prompt"),
        ("/api/tokenize", {"prompt": "a", "chat": "yes"}, "chat"),
        ("/api/tokenize", {"prompt": "a", "temperature": 1}, "temperature"),
        ("/api/inspect", {"prompt": "a", "theta": -1}, "theta"),
        ("/api/inspect", {"prompt": "a", "theta": "0"}, "theta"),
        ("/api/inspect", {"prompt": "a", "next_tokens": 10**6}, "next_tokens"),
        ("/api/inspect", {"prompt": "a", "sae_ids": ["nope"]}, "sae_ids"),
        ("/api/inspect", {"prompt": "a", "sae_ids": ["layer_0", "layer_0"]}, "sae_ids"),
        ("/api/steer", {"prompt": "a"}, "interventions"),
        ("/api/steer", steer_body(max_new_tokens=129), "max_new_tokens"),
        ("/api/steer", steer_body(samples=9, temperature=1), "samples"),
        ("/api/steer", steer_body(samples=2), "samples"),
        ("/api/steer", steer_body(temperature=99), "temperature"),
        ("/api/steer", steer_body(seed=-1), "seed"),
        ("/api/steer", steer_body(seed=2**63), "seed"),
        ("/api/runs", {"kind": "sweep", "request": {}}, ""),
        ("/api/runs", {"kind": "inspect", "request": {"prompt": "a", "zz": 1}}, "zz"),
        ("/api/runs", {"kind": "inspect", "request": {"prompt": "a"}, "title": "x" * 201}, "title"),
    ],
)
def test_bad_bodies_name_the_field(
    client: TestClient, path: str, body: dict[str, Any], field: str
) -> None:
    found = problem(client.post(path, json=body), 422)
    assert found["errors"][0]["field"].endswith(field)
    assert found["errors"][0]["allowed"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sae_id": "nope"}, "sae_id"),
        ({"feature_index": 96}, "feature_index"),
        ({"feature_index": 10**30}, "feature_index"),
        ({"mode": "zap"}, "mode"),
        ({"value": 1e7}, "value"),
        ({"value": 10**400}, "value"),
        ({"positions": []}, "positions"),
        ({"positions": [999]}, "positions"),
        ({"positions": [10**30]}, "positions"),
        ({"positions": [-1]}, "positions"),
        ({"positions": "first"}, "positions"),
        ({"mode": "ablate", "value": 2.0}, "interventions.0"),
        ({"strength": 2.0}, "strength"),
    ],
)
def test_bad_interventions_name_their_field(
    client: TestClient, change: dict[str, Any], field: str
) -> None:
    body = steer_body()
    body["interventions"][0] |= change
    found = problem(client.post("/api/steer", json=body), 422)
    assert any(field in error["field"] for error in found["errors"]), found


def test_a_value_is_needed_where_the_mode_takes_one(client: TestClient) -> None:
    body = steer_body()
    del body["interventions"][0]["value"]
    assert "needs a value" in problem(client.post("/api/steer", json=body), 422)["detail"]


def test_contradicting_interventions_are_refused(client: TestClient) -> None:
    body = steer_body()
    body["interventions"] = [
        {**body["interventions"][0], "mode": "clamp"},
        {**body["interventions"][0], "mode": "scale"},
    ]
    assert "contradict" in problem(client.post("/api/steer", json=body), 422)["detail"]


def test_too_many_interventions(client: TestClient) -> None:
    body = steer_body(interventions=steer_body()["interventions"] * 17)
    assert "16" in problem(client.post("/api/steer", json=body), 422)["detail"]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(client: TestClient, text: str) -> None:
    raw = json.dumps(steer_body()).replace("8.0", text)
    reply = client.post("/api/steer", content=raw, headers={"Content-Type": "application/json"})
    assert problem(reply, 422)["errors"][0]["field"] == "interventions.0.value"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"x"',
        b"[" * 50_000,
        b'{"prompt": ' + b"9" * 5000 + b"}",
    ],
)
@pytest.mark.parametrize("path", ENDPOINTS)
def test_bodies_that_are_no_request(client: TestClient, path: str, raw: bytes) -> None:
    reply = client.post(path, content=raw, headers={"Content-Type": "application/json"})
    assert reply.status_code in (400, 422)
    problem(reply, reply.status_code)


def test_a_body_that_is_too_long_is_413_with_both_numbers(client: TestClient) -> None:
    body = problem(client.post("/api/inspect", json={"prompt": "a" * 300_000}), 413)
    assert "262144" in body["detail"]
    chunks = (b" " * 65_536 for _ in range(8))
    reply = client.post(
        "/api/inspect", content=chunks, headers={"Content-Type": "application/json"}
    )
    assert "262144" in problem(reply, 413)["detail"]


def test_a_prompt_that_is_too_long_is_413_with_both_numbers(client: TestClient) -> None:
    for path, body in (
        ("/api/tokenize", {}),
        ("/api/inspect", {}),
        ("/api/steer", {"interventions": []}),
    ):
        many_chars = problem(client.post(path, json={"prompt": "a" * 100_000, **body}), 413)[
            "detail"
        ]
        assert "100000" in many_chars
        assert "20000" in many_chars
        many_tokens = problem(client.post(path, json={"prompt": "\n" * 300, **body}), 413)["detail"]
        assert "301" in many_tokens
        assert "256" in many_tokens


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        " ",
        "\x00\x01\x07\x1b",
        "😀🇷🇺👩‍👩‍👧",
        "<bos><eos><pad>",
        "<script>alert(1)</script>",
        "\u202eabc",
        "\ufffd",
        "a\r\nb",
    ],
)
def test_odd_prompts_are_read_like_any_other(client: TestClient, prompt: str) -> None:
    tokens = client.post("/api/tokenize", json={"prompt": prompt})
    assert tokens.status_code == 200
    inspected = client.post("/api/inspect", json={"prompt": prompt, "next_tokens": 1})
    assert inspected.status_code == 200
    assert inspected.json()["tokens"] == tokens.json()["tokens"]
    steered = client.post(
        "/api/steer", json={"prompt": prompt, "interventions": [], "max_new_tokens": 1}
    )
    assert steered.status_code == 200


def test_a_lone_surrogate_is_refused(client: TestClient) -> None:
    raw = b'{"prompt": "a\\ud800b"}'
    for path in ("/api/tokenize", "/api/inspect"):
        reply = client.post(path, content=raw, headers={"Content-Type": "application/json"})
        assert problem(reply, 422)["errors"][0]["field"] == "prompt"


def test_last_function_without_a_function_token_is_refused(client: TestClient) -> None:
    body = steer_body(prompt="<bos><eos>")
    body["interventions"][0]["positions"] = "last_function"
    assert "no function token" in problem(client.post("/api/steer", json=body), 422)["detail"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = (
    "prompt",
    "chat",
    "sae_ids",
    "theta",
    "next_tokens",
    "interventions",
    "samples",
    "seed",
    "kind",
    "request",
)


@hypothesis_settings(max_examples=60, deadline=None, derandomize=True)
@given(path=st.sampled_from(ENDPOINTS), field=st.sampled_from(FIELDS), value=JSON)
def test_no_body_makes_the_server_fail(
    client: TestClient, path: str, field: str, value: Any
) -> None:
    base: dict[str, Any] = (
        {"prompt": PROMPT} if path != "/api/runs" else {"kind": "inspect", "request": {}}
    )
    raw = json.dumps(base | {field: value})
    reply = client.post(path, content=raw, headers={"Content-Type": "application/json"})
    assert reply.status_code < 500, reply.text
    if reply.status_code >= 400:
        problem(reply, reply.status_code)


@hypothesis_settings(max_examples=40, deadline=None, derandomize=True)
@given(
    path=st.sampled_from(
        ("tokens", "tokens/3", "coverage", "features", "features/layer_0/1", "export/tokens")
    ),
    query=st.dictionaries(
        st.sampled_from(
            ("sae_id", "q", "limit", "offset", "order", "theta", "max_rank", "min_density")
        ),
        st.text(max_size=6)
        | st.sampled_from(("layer_0", "1", "1e400", "-1", "\x00", "%", "'; DROP")),
        max_size=3,
    ),
)
def test_no_query_makes_the_server_fail(
    client: TestClient, path: str, query: dict[str, str]
) -> None:
    reply = client.get(f"/api/{path}", params=query)
    assert reply.status_code < 500, reply.text


def test_without_a_model_live_endpoints_say_what_to_do(serve: Serve) -> None:
    from backend.serving.live import Live

    with TestClient(serve(live=Live(None, waiting=1))) as client:
        assert (
            "No live model"
            in problem(client.post("/api/inspect", json={"prompt": "a"}), 503)["detail"]
        )
        assert client.get("/api/health").json()["live"] == "absent"
        assert client.get("/api/tokens").status_code == 200


def test_an_unexpected_error_is_a_500_problem_without_its_text(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("backend.routes.live.inspect.read_prompt", fail)
    assert "secret" not in json.dumps(
        problem(client.post("/api/tokenize", json={"prompt": "a"}), 500)
    )
