"""Sets of one's own over HTTP: read from a text or a file, steered prompt by prompt, recorded."""

import base64
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.intervals import wilson
from tests.api.conftest import PROMPT, Serve
from tests.api.live.test_live import answer
from tests.api.live.test_stream import frames
from tests.api.request.test_problems import problem

SET = [PROMPT, "The cat sat on the mat.\n", "What is the capital of the UK?\n", "\n"]
ADDED = {
    "sae_id": "layer_2",
    "feature_index": 3,
    "mode": "add",
    "value": 40.0,
    "positions": "last",
}
ARMS = ["baseline", "steered", "content_position", "random_feature", "sign_flipped"]


def set_body(**changes: Any) -> dict[str, Any]:
    return {"prompts": SET, "interventions": [ADDED], "max_new_tokens": 3} | changes


def test_a_pasted_text_is_read(client: TestClient) -> None:
    found = answer(client, "/api/prompts", text='{"prompt": "a"}\n{"prompt": 1}\n')
    assert (found["prompts"], found["n_prompts"], found["column"]) == (["a"], 1, "prompt")
    assert found["wrong"] == [{"row": 2, "what": "has '1' as 'prompt'; allowed is a text"}]
    assert found["effective"]["format"] == "jsonl"


def test_a_file_larger_than_another_body_may_be_is_read(client: TestClient) -> None:
    settings = client.app.state.backend.settings  # type: ignore[attr-defined]
    text = "id,prompt\n" + "\n".join(f"{n},{'word ' * 200}{n}" for n in range(300))
    assert len(text) > settings.max_body_bytes
    file = base64.b64encode(text.encode()).decode()
    found = answer(client, "/api/prompts", file=file, name="set.csv")
    assert (found["n_prompts"], found["column"]) == (300, "prompt")
    too_long = {"text": "x" * (settings.max_upload_bytes + 1)}
    told = problem(client.post("/api/prompts", json=too_long), 413)
    assert str(settings.max_upload_bytes) in told["detail"]
    problem(client.post("/api/tokenize", json={"prompt": "x" * settings.max_body_bytes}), 413)


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "body", "exactly one of text and file"),
        ({"text": "a", "file": "YQ=="}, "body", "exactly one of text and file"),
        ({"file": "?"}, "file", "base64"),
        ({"file": "/w==", "name": "set.csv"}, "file", "byte 0 is no UTF-8"),
        ({"text": "a,b\n1,2", "format": "csv", "column": "c"}, "column", "one of 'a', 'b'"),
        ({"text": "a", "format": "xls"}, "format", "'lines', 'jsonl', 'csv' or 'parquet'"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    client: TestClient, body: dict[str, Any], field: str, said: str
) -> None:
    told = problem(client.post("/api/prompts", json=body), 422)
    assert told["errors"][0]["field"] == field
    assert said in told["errors"][0]["allowed"]


def test_more_prompts_than_one_set_takes_are_counted(serve: Serve) -> None:
    from backend.settings import Settings

    with TestClient(serve(settings=Settings(max_set_prompts=2, threads=1))) as small:
        found = answer(small, "/api/prompts", text="a\nb\nc")
    assert (found["prompts"], found["n_prompts"]) == (["a", "b"], 3)


def test_every_prompt_is_answered_in_every_arm(client: TestClient) -> None:
    success = {"kind": "regex", "pattern": "[aeiou]"}
    found = answer(client, "/api/steer/set", **set_body(success=success))
    assert [arm["name"] for arm in found["arms"]] == ARMS
    assert (found["done"], found["total"]) == (4, 4)
    for place, row in enumerate(found["rows"]):
        assert row["prompt"] == place
        one = answer(
            client,
            "/api/steer",
            prompt=SET[place],
            interventions=[ADDED],
            max_new_tokens=3,
            controls=True,
        )
        alone = {"baseline": one["baseline"], "steered": one["steered"], **one["controls"]}
        assert row["answers"].keys() == alone.keys()
        for name, arm in alone.items():
            assert row["answers"][name]["text"] == arm["texts"][0]
            same = arm["token_ids"][0] == one["baseline"]["token_ids"][0]
            assert row["answers"][name]["changed"] is not same
    for arm in found["arms"]:
        own = [
            row["answers"][arm["name"]] for row in found["rows"] if arm["name"] in row["answers"]
        ]
        n = sum(one["success"] for one in own)
        assert (arm["success"]["successes"], arm["success"]["n"]) == (n, len(own))
        assert arm["success"]["interval"] == pytest.approx(list(wilson(n, len(own))))
    assert found["arms"][0]["changed"] is None
    assert found["arms"][1]["changed"]["successes"] > 0
    assert found["arms"][2]["success"]["n"] == 3  # "\n" has no content token
    assert found["arms"][1]["sentence"] == (
        "Add 40 × feature 3 of layer_2 (after layer 2) at each prompt's last token."
    )


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"prompts": []}, 422, "prompts"),
        ({"prompts": ["a"] * 401}, 422, "at most 400 texts"),
        ({"prompts": [PROMPT, "a b " * 400]}, 413, "prompts.1"),
        ({"interventions": []}, 422, "interventions"),
        ({"interventions": [ADDED | {"positions": [3]}]}, 422, "positions"),
        ({"interventions": [ADDED | {"feature_index": 10**6}]}, 422, "feature_index"),
        (
            {"prompts": [PROMPT, "x"], "interventions": [ADDED | {"positions": "last_function"}]},
            422,
            'prompts.1 is "x"; allowed: a prompt with a function token',
        ),
        ({"max_new_tokens": 10_000}, 422, "max_new_tokens"),
        ({"success": {"kind": "regex", "pattern": "("}}, 422, "success.pattern"),
    ],
)
def test_a_set_that_cannot_be_steered_is_refused_whole(
    client: TestClient, change: dict[str, Any], status: int, said: str
) -> None:
    told = problem(client.post("/api/steer/set", json=set_body(**change)), status)
    assert said in told["detail"]


def test_behind_a_prefix_and_without_controls(client: TestClient) -> None:
    found = answer(client, "/api/steer/set", **set_body(prefix="Q: Who?\nA: I.\n", controls=False))
    one = answer(
        client,
        "/api/steer",
        prompt=SET[1],
        prefix="Q: Who?\nA: I.\n",
        interventions=[ADDED],
        max_new_tokens=3,
    )
    assert found["rows"][1]["answers"]["steered"]["text"] == one["steered"]["texts"][0]
    assert [arm["name"] for arm in found["arms"]] == ARMS[:2]
    assert found["arms"][1]["success"] is None  # nothing was said to be a success


def test_the_stream_tells_the_prompts_as_they_are_answered(client: TestClient) -> None:
    many = [f"{text}{n}" for n in range(5) for text in SET[:3]]
    body = set_body(prompts=many)
    reply = client.post("/api/steer/set/stream", json=body)
    events = frames(reply.text)
    told = [row for event, data in events if event == "answers" for row in data["rows"]]
    assert [event for event, _ in events][0] == "start"
    assert len([event for event, _ in events if event == "answers"]) > 1
    final = events[-1][1]
    assert final["status"] == "done"
    assert told == final["result"]["rows"]
    assert final["result"] == answer(client, "/api/steer/set", **body)


RUNS: dict[str, dict[str, Any]] = {
    "steer_set": set_body(),
    "reactivation_set": {"prompts": SET[:3], "sae_id": "layer_2", "shuffles": 3},
}


@pytest.mark.parametrize("kind", RUNS)
def test_a_set_is_recorded_as_it_ends_and_opens_again(client: TestClient, kind: str) -> None:
    body = {"kind": kind, "request": RUNS[kind], "title": f"own {kind}"}
    events = frames(client.post("/api/runs/stream", json=body).text)
    final = events[-1][1]
    assert final["status"] == "done"
    run = client.get(f"/api/runs/{final['run']['run_id']}").json()
    assert final["run"]["reused"] is False
    assert (run["kind"], run["title"]) == (kind, f"own {kind}")
    assert run["request"]["prompts"] == RUNS[kind]["prompts"]
    assert run["result"] == final["result"]
    again = frames(client.post("/api/runs/stream", json=body).text)
    assert [event for event, _ in again] == ["start", "final"]  # not run again
    assert again[-1][1]["run"] == final["run"] | {"reused": True, "delete_token": None}
    assert again[-1][1]["result"] == final["result"]
    posted = client.post("/api/runs", json={"kind": kind, "request": RUNS[kind]})
    assert posted.json()["run_id"] == final["run"]["run_id"]
    other = frames(client.post("/api/runs/stream", json=body | {"title": "another"}).text)
    assert (other[-1][0], other[-1][1]["problem"]["status"]) == ("error", 409)


@pytest.mark.parametrize("kind", RUNS)
def test_other_prompts_are_another_run(client: TestClient, kind: str) -> None:
    ids = {
        client.post(
            "/api/runs", json={"kind": kind, "request": RUNS[kind] | {"prompts": prompts}}
        ).json()["run_id"]
        for prompts in (SET[:2], SET[1:3], [SET[1], SET[0]])
    }
    assert len(ids) == 3


@pytest.mark.parametrize("kind", RUNS)
def test_a_stopped_set_keeps_what_came_and_is_not_recorded(client: TestClient, kind: str) -> None:
    many = [f"{text}{n} and {n}" for n in range(40) for text in SET[:3]]
    body = {"kind": kind, "request": RUNS[kind] | {"prompts": many}}
    queue = client.app.state.backend.live.queue  # type: ignore[attr-defined]
    stream_id = None
    with client.stream("POST", "/api/runs/stream", json=body) as reply:
        text = ""
        for piece in reply.iter_text():
            text += piece
            if stream_id is None and "event: start" in text:
                stream_id = reply.headers["x-stream-id"]
            if stream_id and ("event: answers" in text or "event: progress" in text):
                queue.cancel(stream_id)
    final = frames(text)[-1][1]
    assert final["run"] is None
    assert final["status"] == "cancelled"
    assert 0 < final["result"]["done"] < len(many)


def test_a_run_of_a_set_as_a_file(client: TestClient) -> None:
    import io

    import pyarrow.parquet as pq

    for kind, request in RUNS.items():
        run_id = client.post("/api/runs", json={"kind": kind, "request": request}).json()["run_id"]
        run = client.get(f"/api/runs/{run_id}").json()
        path = f"/api/runs/{run_id}/file"
        table = pq.read_table(io.BytesIO(client.get(path, params={"format": "parquet"}).content))
        rows = table.to_pylist()
        assert json.loads(table.schema.metadata[b"request"]) == run["request"]
        if kind == "steer_set":
            told = [(row["prompt"], row["arm"], row["answer"]) for row in rows]
            expected = [
                (SET[row["prompt"]], arm, one["text"])
                for row in run["result"]["rows"]
                for arm, one in row["answers"].items()
            ]
            assert told == expected
        else:
            assert [row["index"] for row in rows] == [
                one["index"] for one in run["result"]["index"]["classes"]
            ]
        notebook = client.get(path, params={"format": "notebook"}).json()
        code = "".join("".join(cell["source"]) for cell in notebook["cells"])
        assert f'"/api/{kind.replace("_", "/")}"' in code
