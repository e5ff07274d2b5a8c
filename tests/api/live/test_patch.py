"""Patch maps over HTTP: the core's numbers, the order of the frames, and what is refused before
anything runs."""

import asyncio
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api import ApiClient, ApiProblem
from backend import schemas as wire
from backend.core.lm import LanguageModel
from backend.core.patching import PatchMap
from tests.api.conftest import Serve, started
from tests.api.live.test_stream import frames
from tests.tiny import N_LAYERS

A, B = "What is the capital of Russia?\n", "What is the capital of dog?\n"
ANSWERS = {
    "answer_a": {"kind": "token", "token_id": 61},
    "answer_b": {"kind": "token", "token_id": 262},
}


def patch_body(**changes: Any) -> dict[str, Any]:
    return {"prompt_a": A, "prompt_b": B} | ANSWERS | changes


def patched(client: TestClient, **changes: Any) -> list[tuple[str, dict[str, Any]]]:
    reply = client.post("/api/patch", json=patch_body(**changes))
    assert reply.status_code == 200, reply.text
    return frames(reply.text)


def test_rows_come_layer_by_layer_and_are_the_cores(client: TestClient, lm: LanguageModel) -> None:
    found = patched(client)
    assert [event for event, _ in found] == ["start", "map", *["row"] * N_LAYERS, "final"]
    assert [data["seq"] for _, data in found] == list(range(len(found)))
    result = found[-1][1]["result"]
    assert [data["row"] for event, data in found if event == "row"] == result["rows"]
    assert [data["done"] for event, data in found if event == "row"] == list(range(1, N_LAYERS + 1))
    a, b = lm.tokenize(A), lm.tokenize(B)
    assert (result["positions"], result["subject"], result["unmatched"]) == ([6, 7, 8], [6], [])
    assert result["positions_a"] == [6, 7, 8]
    made = PatchMap(lm, a, b, answer_a=61, answer_b=262)
    assert result["ends"]["cells"]["log_odds"] == pytest.approx(
        made.ends.log_odds.tolist(), abs=1e-4
    )
    for row, expected in zip(result["rows"], made.rows(), strict=True):
        assert (row["source"], row["layer"], row["sham"]) == ("a", expected.layer, 0.0)
        assert row["cells"]["log_odds"] == pytest.approx(expected.cells.log_odds.tolist(), abs=1e-4)
        assert row["cells"]["token_id"] == expected.cells.token_ids.tolist()
        assert row["cells"]["text"] == [lm.token_text(i) for i in row["cells"]["token_id"]]
        assert row["cells"]["probability_a"] == pytest.approx(expected.cells.p_a.tolist(), rel=1e-3)


def test_sets_are_by_class_and_by_spelling_and_everything_gives_as_answer(
    client: TestClient,
) -> None:
    result = patched(client)[-1][1]["result"]
    sets = {one["name"]: one["positions"] for one in result["sets"]}
    classes = {t["position"]: t["token_class"] for t in result["tokens_b"]}
    assert sets["all"] == [6, 7, 8]
    assert sets["subject"] == [6]
    assert sets["punctuation"] == [7, 8]
    assert sets["function"] == [p for p in (7, 8) if classes[p] == "function"]
    assert sets["content"] == [p for p in (7, 8) if classes[p] == "content"]
    for row in result["rows"]:
        assert row["sets"]["log_odds"][0] == pytest.approx(
            result["ends"]["cells"]["log_odds"][0], abs=1e-4
        )


def test_a_flip_is_a_greedy_token_that_is_as_answer(client: TestClient, lm: LanguageModel) -> None:
    own = int(lm.forward([lm.tokenize(A)]).logits[0, -1].argmax())
    other = {"kind": "token", "token_id": (own + 1) % lm.vocab_size}
    result = patched(client, answer_a={"kind": "token", "token_id": own}, answer_b=other)[-1][1][
        "result"
    ]
    for row in result["rows"]:
        assert row["cells"]["flipped"] == [token_id == own for token_id in row["cells"]["token_id"]]
        assert row["sets"]["flipped"][0] is True
    assert result["ends"]["cells"]["flipped"][0] is True
    assert result["ends"]["answer_a"]["text"] == lm.token_text(own)


def greedy(lm: LanguageModel, text: str) -> dict[str, Any]:
    return {
        "kind": "token",
        "token_id": int(lm.forward([lm.tokenize(text)]).logits[0, -1].argmax()),
    }


def test_an_unrelated_prompt_is_a_control_of_as_many_rows(
    client: TestClient, lm: LanguageModel
) -> None:
    other = "The cat sat on the mat.\n"
    found = patched(client, unrelated=other)
    result = found[-1][1]["result"]
    assert result["n_rows"] == len(result["rows"]) == 2 * N_LAYERS
    assert [row["source"] for row in result["rows"]] == ["a"] * N_LAYERS + ["unrelated"] * N_LAYERS
    made = PatchMap(
        lm, lm.tokenize(A), lm.tokenize(B), answer_a=61, answer_b=262, unrelated=lm.tokenize(other)
    )
    for row, expected in zip(result["rows"][N_LAYERS:], made.unrelated_rows(), strict=True):
        assert row["cells"]["log_odds"] == pytest.approx(expected.cells.log_odds.tolist(), abs=1e-4)
    assert result["effective"]["unrelated"] == other


def test_subjects_of_different_length_are_aligned_from_the_right(client: TestClient) -> None:
    result = patched(client, prompt_b="What is the capital of the UK?\n")[-1][1]["result"]
    assert (result["positions"], result["positions_a"]) == ([7, 8, 9], [6, 7, 8])
    assert (result["subject"], result["unmatched"]) == ([7], [6])


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"prompt_b": A}, "prompt_b", "nothing differs"),
        ({"prompt_b": "What is the capital of the UK"}, "prompt_b", "end differently"),
        ({"answer_b": ANSWERS["answer_a"]}, "answer_b", "nothing would show"),
        ({"answer_a": {"kind": "token", "token_id": 10**6}}, "answer_a.token_id", "0 to"),
        ({"answer_a": {"kind": "token", "text": "Russia? The cat"}}, "answer_a.text", "one token"),
        ({"unrelated": "A"}, "unrelated", "4 are needed"),
        ({"chat": 1}, "chat", ""),
        ({"layers": [1]}, "layers", ""),
    ],
)
def test_what_cannot_be_patched_is_refused_by_name(
    client: TestClient, changes: dict[str, Any], field: str, words: str
) -> None:
    reply = client.post("/api/patch", json=patch_body(**changes))
    assert reply.status_code == 422, reply.text
    (error,) = reply.json()["errors"]
    assert error["field"] == field
    assert words in error["allowed"] or words in reply.json()["detail"], reply.json()


def test_prompts_with_one_answer_end_the_stream_with_a_sentence(
    client: TestClient, lm: LanguageModel
) -> None:
    """What A is greedily followed by is known when it was run."""
    event, data = patched(client, answer_a=None, answer_b=greedy(lm, A))[-1]
    assert (event, data["problem"]["status"]) == ("error", 422)
    assert "name two answers that differ" in data["problem"]["detail"]


def test_the_bound_on_cells_is_in_the_limits(serve: Serve, settings: Any) -> None:
    app = serve(settings=settings.model_copy(update={"max_patch_cells": 3 * N_LAYERS}))
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(10)
        assert client.get("/api/capabilities").json()["limits"]["patch_cells"] == 3 * N_LAYERS
        assert client.post("/api/patch", json=patch_body()).status_code == 200
        refused = client.post("/api/patch", json=patch_body(unrelated="The cat sat on the mat.\n"))
        assert refused.status_code == 422
        assert "4 layers × 3 positions × 2 sources = 24" in refused.json()["errors"][0]["allowed"]


def test_others_go_between_layers_and_a_cancelled_map_keeps_its_rows(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    async def run() -> tuple[str, dict[str, Any]]:
        app = serve()
        queue = app.state.backend.live.queue
        async with started(app) as client:

            async def patching() -> list[tuple[str, dict[str, Any]]]:
                found = frames((await client.post("/api/patch", json=patch_body())).text)
                order.append("patch")
                return found

            async def inspecting() -> None:
                while not queue.tickets:
                    await asyncio.sleep(0.001)
                stream_id = queue.tickets[0].stream_id
                assert (await client.post("/api/inspect", json={"prompt": A})).status_code == 200
                order.append("inspect")
                assert (await client.post(f"/api/steer/cancel/{stream_id}")).json()["cancelled"]

            found, _ = await asyncio.gather(patching(), inspecting())
            return found[-1]

    slow_rows(monkeypatch)
    event, data = asyncio.run(run())
    assert order == ["inspect", "patch"]
    assert (event, data["status"]) == ("final", "cancelled")
    assert len(data["result"]["rows"]) < data["result"]["n_rows"]


def slow_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model's layers take milliseconds: as long as a real one's, so that there is time to
    come between."""
    import time

    once = PatchMap.rows

    def rows(self: PatchMap, stop: Any) -> Any:
        for row in once(self, stop):
            time.sleep(0.2)
            yield row

    monkeypatch.setattr(PatchMap, "rows", rows)


def test_the_client_reads_the_stream_to_its_end(serve: Serve, lm: LanguageModel) -> None:
    async def run() -> None:
        app = serve()
        api = ApiClient.in_process(app)
        async with app.router.lifespan_context(app):
            app.state.backend.live.ready.wait(10)
            found = await api.patch(wire.PatchRequest.model_validate(patch_body()))
            assert [row.layer for row in found.rows] == list(range(N_LAYERS))
            same = wire.PatchRequest.model_validate(
                patch_body(answer_a=None, answer_b=greedy(lm, A))
            )
            with pytest.raises(ApiProblem, match="name two answers that differ"):
                await api.patch(same)

    asyncio.run(run())
