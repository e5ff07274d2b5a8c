"""A recorded run as a file: JSON, Parquet and notebook hold all of it, and the notebook runs."""

import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import PROMPT, steer_body
from tests.api.request.test_problems import problem
from tests.api.runs.test_store import record


@pytest.mark.parametrize("kind", ["inspect", "steer"])
def test_a_run_as_a_file(client: TestClient, kind: str) -> None:
    request = (
        {"prompt": PROMPT, "sae_ids": ["layer_2"]}
        if kind == "inspect"
        else steer_body(controls=True)
    )
    run = client.get(
        f"/api/runs/{record(client, {'kind': kind, 'request': request})['run_id']}"
    ).json()
    path = f"/api/runs/{run['run_id']}/file"
    as_json = client.get(path)
    assert as_json.json() == run
    assert as_json.headers["content-disposition"].endswith(
        f'"functionscope-run-{run["run_id"]}.json"'
    )
    table = pq.read_table(io.BytesIO(client.get(path, params={"format": "parquet"}).content))
    assert json.loads(table.schema.metadata[b"request"]) == run["request"]
    if kind == "inspect":
        columns = run["result"]["firings"]["layer_2"]
        assert table["feature_index"].to_pylist() == columns["feature_index"]
        assert table["activation"].to_pylist() == pytest.approx(columns["activation"])
    else:
        written = [row["token_id"] for row in table.to_pylist() if row["arm"] == "steered"]
        assert written == run["result"]["steered"]["token_ids"][0]
    problem(client.get(path, params={"format": "exe"}), 422)
    problem(client.get("/api/runs/00/file"), 404)


def rebuilt(table: Any) -> dict[str, Any]:
    """The run that a Parquet file was made of, from its rows and its metadata alone."""
    run = {
        name.decode(): json.loads(value)
        for name, value in table.schema.metadata.items()
        if name != b"ARROW:schema"
    }
    rows, result = table.to_pylist(), run["result"]
    if run["kind"] == "inspect":
        for sae_id, columns in result["firings"].items():
            own = [row for row in rows if row["sae_id"] == sae_id]
            columns |= {
                name: [row[name] for row in own]
                for name in ("position", "feature_index", "activation")
            }
        return run
    for name, arm in {
        "baseline": result["baseline"],
        "steered": result["steered"],
        **result["controls"],
    }.items():
        samples = [
            [row for row in rows if (row["arm"], row["sample"]) == (name, k)]
            for k in range(len(arm["texts"]))
        ]
        arm["token_ids"] = [[row["token_id"] for row in sample] for sample in samples]
        arm["probabilities"] = [[row["probability"] for row in sample] for sample in samples]
    return run


@pytest.mark.parametrize(
    ("kind", "request_body"),
    [
        ("inspect", {"prompt": PROMPT + "whole", "sae_ids": ["layer_2", "layer_0"]}),
        ("inspect", {"prompt": PROMPT + "whole", "theta": 1e20}),
        ("steer", steer_body(max_new_tokens=0)),
        ("steer", steer_body(controls=True, samples=2, temperature=1.5)),
    ],
)
def test_the_parquet_of_a_run_loses_nothing(
    client: TestClient, kind: str, request_body: dict[str, Any]
) -> None:
    """Also where there is no row at all: nothing fires, or nothing was generated."""
    body = {"kind": kind, "request": request_body, "title": "A title", "note": "A note"}
    run = client.get(f"/api/runs/{record(client, body)['run_id']}").json()
    path = f"/api/runs/{run['run_id']}/file"
    assert (
        rebuilt(pq.read_table(io.BytesIO(client.get(path, params={"format": "parquet"}).content)))
        == run
    )


@pytest.mark.parametrize("kind", ["inspect", "steer"])
def test_the_notebook_makes_the_number_again(
    client: TestClient,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its cells are run as they stand; only the socket is replaced by the API in this process."""
    request = {"prompt": PROMPT, "sae_ids": ["layer_2"]} if kind == "inspect" else steer_body()
    body = {
        "kind": kind,
        "request": request | {"prompt": PROMPT + "notebook"},
        "title": "<img src=x onerror=1>",
    }
    notebook = client.get(
        f"/api/runs/{record(client, body)['run_id']}/file", params={"format": "notebook"}
    ).json()
    assert notebook["nbformat"] == 4
    assert "<img" not in "".join(notebook["cells"][0]["source"])

    def opened(sent: Any) -> io.BytesIO:
        path = sent.full_url.removeprefix("http://testserver")
        return io.BytesIO(
            client.request(
                sent.method, path, content=sent.data, headers=dict(sent.header_items())
            ).content
        )

    monkeypatch.setattr("urllib.request.urlopen", opened)
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)  # a notebook is code that is run
    said = capsys.readouterr().out
    assert "tokens agree: True" in said
    assert (
        ("0 in one of them only" in said)
        if kind == "inspect"
        else ("steered texts agree: True" in said)
    )
