"""Recorded runs: one id for one request, unchanged by a restart; and what makes the id another."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from fastapi.testclient import TestClient

from backend.core.fingerprints import tokenizer_hash
from backend.core.runs import RunStore, run_id_of
from backend.serving.live import Live
from backend.serving.loading import Loaded
from backend.settings import Settings
from tests.api.conftest import PROMPT, Serve, steer_body

INSPECT = {"kind": "inspect", "request": {"prompt": PROMPT}}
STEER = {"kind": "steer", "request": steer_body(samples=2, temperature=1.0)}


def record(client: TestClient, body: dict[str, Any]) -> dict[str, Any]:
    reply = client.post("/api/runs", json=body)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


@pytest.mark.parametrize("body", [INSPECT, STEER])
def test_a_run_opens_to_what_the_endpoint_answers(client: TestClient, body: dict[str, Any]) -> None:
    made = record(client, body)
    run = client.get(f"/api/runs/{made['run_id']}").json()
    assert made["url"] == f"/r/{made['run_id']}"
    assert run["kind"] == body["kind"]
    assert run["result"] == client.post(f"/api/{body['kind']}", json=body["request"]).json()
    assert run["provenance"]["model_hash"] == "model-hash"
    assert run["request"].items() >= {"prompt": PROMPT}.items()
    again = client.post(f"/api/{body['kind']}", json=run["request"])
    assert again.json() == run["result"]


def test_the_same_request_is_run_once_and_keeps_its_id_over_a_restart(
    serve: Serve, tmp_path: Path
) -> None:
    own = Settings(runs=tmp_path / "runs.sqlite", threads=1)
    answers = []
    for _ in range(2):
        app = serve(settings=own)
        with TestClient(app) as client:
            app.state.backend.live.ready.wait(10)
            made = record(client, INSPECT)
            answers.append((made, client.get(f"/api/runs/{made['run_id']}").json()))
    (first, run), (second, same_run) = answers
    assert (first["reused"], second["reused"]) == (False, True)
    assert first["run_id"] == second["run_id"]
    assert run == same_run


def test_defaults_spelled_out_are_the_same_request(client: TestClient) -> None:
    spelled = {
        "prompt": PROMPT,
        "chat": False,
        "theta": 0,
        "next_tokens": 10,
        "sae_ids": ["layer_0", "layer_2", "layer_3"],
    }
    assert (
        record(client, {"kind": "inspect", "request": spelled})["run_id"]
        == record(client, INSPECT)["run_id"]
    )


def test_whatever_determines_the_result_changes_the_id(
    client: TestClient, serve: Serve, loaded: Loaded
) -> None:
    ids = [
        record(client, INSPECT)["run_id"],
        record(client, {"kind": "inspect", "request": {"prompt": PROMPT + " "}})["run_id"],
        record(client, {"kind": "inspect", "request": {"prompt": PROMPT, "theta": 1.0}})["run_id"],
        record(client, STEER)["run_id"],
        record(client, {"kind": "steer", "request": STEER["request"] | {"seed": 1}})["run_id"],
    ]
    other = replace(loaded, fingerprint="other weights")
    app = serve(live=Live(lambda: other, waiting=2))
    with TestClient(app) as another:
        app.state.backend.live.ready.wait(10)
        ids.append(record(another, INSPECT)["run_id"])
    assert len(set(ids)) == len(ids)


def test_a_title_is_given_once(client: TestClient) -> None:
    body = {"kind": "inspect", "request": {"prompt": "a title"}}
    run_id = record(client, body)["run_id"]
    assert record(client, body | {"title": "Mine", "note": "first"})["run_id"] == run_id
    run = client.get(f"/api/runs/{run_id}").json()
    assert (run["title"], run["note"]) == ("Mine", "first")
    refused = client.post("/api/runs", json=body | {"title": "Another"})
    assert refused.status_code == 409
    assert "Mine" in refused.json()["detail"]
    assert client.get(f"/api/runs/{run_id}").json()["title"] == "Mine"


def test_a_recorded_run_opens_without_a_model(serve: Serve, client: TestClient) -> None:
    run_id = record(client, INSPECT)["run_id"]
    with TestClient(serve(live=Live(None, waiting=1))) as without:
        assert without.get(f"/api/runs/{run_id}").json()["run_id"] == run_id
        assert without.post("/api/runs", json=INSPECT).status_code == 503


def test_unknown_runs_are_404(client: TestClient) -> None:
    assert client.get("/api/runs/0123456789").status_code == 404
    assert client.get("/api/runs/%00").status_code == 404


def test_a_file_that_cannot_be_used_is_a_503_that_names_it(serve: Serve, tmp_path: Path) -> None:
    broken = tmp_path / "runs.sqlite"
    broken.write_bytes(b"not a database at all" * 100)
    app = serve(settings=Settings(runs=broken, threads=1))
    with TestClient(app, raise_server_exceptions=False) as client:
        app.state.backend.live.ready.wait(10)
        for reply in (client.get("/api/runs/abc"), client.post("/api/runs", json=INSPECT)):
            assert reply.status_code == 503
            assert str(broken) in reply.json()["detail"]
            assert "FUNCTIONSCOPE_RUNS" in reply.json()["detail"]


def test_an_id_does_not_depend_on_the_order_of_keys() -> None:
    assert run_id_of("inspect", {"a": 1, "b": 2}) == run_id_of("inspect", {"b": 2, "a": 1})
    assert run_id_of("inspect", {"a": 1}) != run_id_of("steer", {"a": 1})
    with pytest.raises(ValueError, match="Out of range"):
        run_id_of("inspect", {"a": float("nan")})


def test_runs_do_not_change(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "deep" / "runs.sqlite")
    assert store.get("x") is None
    assert store.put("x", "inspect", request={}, result={"n": 1}, provenance={}) is not None
    assert store.put("x", "inspect", request={}, result={"n": 2}, provenance={}) is None
    row = store.get("x")
    assert row is not None
    assert row.result == {"n": 1}
    with pytest.raises(KeyError):
        store.label("unknown", "title", None)
    store.close()


def test_a_run_says_on_which_versions_it_was_made_and_its_id_does_not_depend_on_them(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"kind": "steer", "request": steer_body(max_new_tokens=0, prompt=PROMPT + "versions")}
    made = client.post("/api/runs", json=body).json()
    provenance = client.get(f"/api/runs/{made['run_id']}").json()["provenance"]
    assert provenance["torch_version"] == torch.__version__
    assert provenance["transformers_version"] == transformers.__version__
    assert provenance["tokenizer_hash"] is None  # this model was made in memory
    monkeypatch.setattr(transformers, "__version__", "99")
    assert client.post("/api/runs", json=body).json()["run_id"] == made["run_id"]


def test_the_hash_of_a_tokenizer_is_over_its_files_alone() -> None:
    files = {
        "tokenizer.json": "a" * 64,
        "tokenizer_config.json": "b" * 64,
        "model.safetensors": "c" * 64,
    }
    whole = tokenizer_hash(files)
    assert whole == tokenizer_hash(files | {"model.safetensors": "d" * 64})
    assert whole != tokenizer_hash(files | {"tokenizer.json": "d" * 64})
    assert whole != tokenizer_hash(files | {"chat_template.jinja": "d" * 64})
    assert tokenizer_hash({"model.safetensors": "c" * 64}) is None


@pytest.mark.parametrize(
    ("kind", "request_body", "run_id"),
    [
        ("inspect", {}, "2eb5784337db7af97d7f"),
        ("inspect", {"theta": 1.0, "generate": 3, "sae_ids": ["layer_2"]}, "407e04fb0fae965df5ab"),
        ("steer", {"interventions": []}, "28b498d1db60ccb99833"),
        (
            "steer",
            {"interventions": [], "samples": 2, "temperature": 1.0, "freeze_attention": True},
            "3496ffc4a073b3413744",
        ),
    ],
)
def test_links_that_were_given_out_stay_the_same(
    serve: Serve, tmp_path: Path, kind: str, request_body: dict[str, Any], run_id: str
) -> None:
    """Ids of version 0.1 on the tiny model, without a build: a field that is added later does not
    change them.
    """
    own = Settings(runs=tmp_path / "runs.sqlite", threads=1, build=tmp_path / "none.duckdb")
    with TestClient(app := serve(store=None, settings=own)) as client:
        assert app.state.backend.live.ready.wait(10)
        body = {"kind": kind, "request": {"prompt": PROMPT} | request_body}
        assert record(client, body)["run_id"] == run_id
