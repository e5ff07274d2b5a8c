"""The shuffled baseline, the index and generated positions on the wire,
against the core run beside it.
"""

import asyncio
import json
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient

from backend.core.lm import LanguageModel
from backend.core.reactivation.baseline import arrangements, shuffled_splits
from backend.core.sae import Sae
from backend.core.steering.generate import generate_arms
from tests.api.conftest import PROMPT, Serve, started
from tests.api.live.test_live import answer

COUNTS = ("firing", "new", "reactivated", "carried")
SET = [PROMPT, "The cat sat on the mat.\n", "What is the capital of the UK?\n"]


def test_generated_positions_are_read_like_the_prompt(
    client: TestClient, lm: LanguageModel
) -> None:
    found = answer(client, "/api/inspect", prompt=PROMPT, sae_ids=["layer_2"], generate=5)
    ids = lm.tokenize(PROMPT)
    made = [step.token_id for step in generate_arms(lm, ids, [[]], max_new_tokens=5)]
    made = [token_id for token_id in made if token_id not in lm.eos_ids]
    assert [token["token_id"] for token in found["tokens"]] == ids + made
    assert found["generated_from"] == len(ids)
    assert found["effective"]["generate"] == 5
    whole = lm.decode((ids + made)[1:])
    again = answer(client, "/api/inspect", prompt=whole, sae_ids=["layer_2"])
    # the text tokenises back to itself
    if [token["token_id"] for token in again["tokens"]] == ids + made:
        assert (
            again["firings"]["layer_2"]["feature_index"]
            == found["firings"]["layer_2"]["feature_index"]
        )
    last = max(found["firings"]["layer_2"]["position"])
    assert last >= len(ids)
    assert max(row["position"] for row in found["next_tokens"]) == len(ids) + len(made) - 1


def test_without_generate_nothing_is_marked_and_nothing_else_changes(client: TestClient) -> None:
    found = answer(client, "/api/inspect", prompt=PROMPT)
    assert found["generated_from"] is None
    # recorded runs keep the ids that they had before it existed
    assert "generate" not in found["effective"]


@pytest.mark.parametrize(("generate", "status"), [(100_000, 422), (-1, 422)])
def test_too_much_to_generate_is_refused(client: TestClient, generate: int, status: int) -> None:
    reply = client.post("/api/inspect", json={"prompt": PROMPT, "generate": generate})
    assert reply.status_code == status
    assert reply.json()["errors"][0]["field"] == "generate"


def test_the_baseline_is_the_core_s(
    client: TestClient, lm: LanguageModel, saes: dict[str, Sae]
) -> None:
    found = answer(
        client, "/api/reactivation", prompt=PROMPT, sae_ids=["layer_2"], shuffles=6, seed=4
    )
    ids = lm.tokenize(PROMPT)
    classes = [token["token_class"] for token in found["tokens"]]
    kept = found["effective"]["kept_positions"]
    assert kept == [max(p for p, one in enumerate(classes) if one == "function")]
    order = arrangements(classes, kept, 6, seed=4)
    expected = shuffled_splits(lm, [saes["layer_2"]], ids, order, [0])["layer_2"].double()
    rows = found["shuffled"]["layer_2"]
    assert [row["position"] for row in rows] == list(range(1, len(ids)))
    for row in rows:
        assert row["kept"] == (row["position"] in kept)
        for k, name in enumerate(COUNTS):
            values = expected[:, row["position"], k]
            assert row[name]["mean"] == pytest.approx(float(values.mean()))
            assert row[name]["interval"] == pytest.approx(
                [float(values.quantile(q)) for q in (0.025, 0.975)], abs=1e-9
            )
    assert found["effective"]["shuffles"] == 6


def test_the_index_of_a_prompt_adds_up_with_inspect(client: TestClient) -> None:
    found = answer(client, "/api/reactivation", prompt=PROMPT, sae_ids=["layer_0"], shuffles=5)
    splits = answer(client, "/api/inspect", prompt=PROMPT, sae_ids=["layer_0"])["splits"]["layer_0"]
    classes = {token["position"]: token["token_class"] for token in found["tokens"]}
    index = found["index"]["layer_0"]
    assert (index["n_prompts"], index["n_shuffles"]) == (1, 5)
    for one in index["classes"]:
        mine = [row for row in splits if classes[row["position"]] == one["token_class"]]
        assert one["n_positions"] == len(mine)
        for name in COUNTS:
            assert one[name] == sum(row[name] for row in mine)
        assert one["share"] == pytest.approx(one["reactivated"] / one["firing"])
        assert one["index"] == pytest.approx(one["share"] - one["shuffled_share"])
        assert one["interval"][0] <= one["index"] + 1e-9
    assert index["difference"]["index_interval"] is None  # one prompt says nothing of others


def test_the_same_seed_gives_the_same_answer(client: TestClient) -> None:
    first, again, other = (
        answer(client, "/api/reactivation", prompt=PROMPT, shuffles=3, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first["shuffled"] != other["shuffled"]


def test_generated_tokens_keep_their_places(client: TestClient) -> None:
    found = answer(
        client, "/api/reactivation", prompt=PROMPT, shuffles=2, generate=3, sae_ids=["layer_2"]
    )
    n_prompt = found["effective"]["n_tokens"]
    assert set(range(n_prompt, len(found["tokens"]))) <= set(found["effective"]["kept_positions"])


def test_a_set_is_the_sum_of_its_prompts(client: TestClient) -> None:
    body = {"prompts": SET, "sae_id": "layer_2", "shuffles": 4}
    found = answer(client, "/api/reactivation/set", **body)
    assert (found["done"], found["total"], found["index"]["n_prompts"]) == (3, 3, 3)
    singles = [
        answer(client, "/api/reactivation", prompt=text, sae_ids=["layer_2"], shuffles=4)["index"][
            "layer_2"
        ]
        for text in SET
    ]
    for place, one in enumerate(found["index"]["classes"]):
        for name in (*COUNTS, "n_positions"):
            assert one[name] == sum(single["classes"][place][name] for single in singles)
        assert one["interval"][0] <= one["interval"][1]
    difference = found["index"]["difference"]
    function, content = found["index"]["classes"]
    assert difference["index"] == pytest.approx(function["index"] - content["index"])
    assert difference["index_interval"] is not None


def test_without_prompts_the_preset_s_own_set_is_used(client: TestClient, serve: Serve) -> None:
    found = answer(client, "/api/reactivation/set", sae_id="layer_0", shuffles=2)
    preset = client.app.state.backend.preset  # type: ignore[attr-defined]
    assert found["total"] == len(preset.prompt_set()) > 200
    assert found["done"] == found["total"]
    assert found["effective"]["prompts"] == "the preset's own set"


def frames(text: str) -> list[tuple[str, dict[str, Any]]]:
    parts = [part.split("\n") for part in text.strip().split("\n\n")]
    return [
        (lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: ")))
        for lines in parts
    ]


def test_the_stream_ends_with_what_the_plain_call_answers(client: TestClient) -> None:
    body = {"prompts": SET * 4, "sae_id": "layer_2", "shuffles": 2}
    told = frames(client.post("/api/reactivation/set/stream", json=body).text)
    assert [name for name, _ in told] == ["start", "progress", "final"]
    assert [frame["seq"] for _, frame in told] == [0, 1, 2]
    assert told[1][1]["result"]["done"] == 8
    assert told[-1][1]["status"] == "done"
    assert told[-1][1]["result"] == answer(client, "/api/reactivation/set", **body)


def test_others_get_their_turn_between_steps_and_a_cancelled_set_keeps_what_it_counted(
    serve: Serve,
) -> None:
    async def scene() -> tuple[int, list[tuple[str, dict[str, Any]]]]:
        async with started(serve()) as client:
            body = {"prompts": [PROMPT] * 400, "sae_id": "layer_2", "shuffles": 2}
            long = asyncio.create_task(client.post("/api/reactivation/set/stream", json=body))
            queue = client._transport.app.state.backend.live.queue  # type: ignore[attr-defined]
            while not queue.tickets:
                await asyncio.sleep(0.01)
            stream_id = queue.tickets[0].stream_id
            other = await client.post("/api/inspect", json={"prompt": PROMPT})
            assert not long.done()  # answered in the midst of it
            cancelled = await client.post(f"/api/steer/cancel/{stream_id}")
            assert cancelled.json()["cancelled"]
            return other.status_code, frames((await long).text)

    status, told = asyncio.run(scene())
    assert status == 200
    name, final = told[-1]
    assert (name, final["status"]) == ("final", "cancelled")
    assert 0 < final["result"]["done"] < 400
    assert final["result"]["index"]["n_prompts"] == final["result"]["done"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/reactivation", {"prompt": PROMPT, "shuffles": 1}, "shuffles"),
        ("/api/reactivation", {"prompt": PROMPT, "sae_ids": ["nowhere"]}, "sae_ids"),
        ("/api/reactivation", {"prompt": PROMPT, "baseline": 3}, "baseline"),
        ("/api/reactivation/set", {"prompts": [], "sae_id": "layer_2"}, "prompts"),
        ("/api/reactivation/set", {"prompts": ["a"] * 401, "sae_id": "layer_2"}, "prompts"),
        ("/api/reactivation/set", {"prompts": ["a"], "sae_id": "nowhere"}, "sae_id"),
    ],
)
def test_bad_requests_name_the_field(
    client: TestClient, path: str, body: dict[str, Any], field: str
) -> None:
    reply = client.post(path, json=body)
    assert reply.status_code == 422, reply.text
    assert reply.json()["errors"][0]["field"] == field


def test_a_prompt_of_special_tokens_alone_has_no_index(client: TestClient) -> None:
    found = answer(client, "/api/reactivation", prompt="<bos>", shuffles=2, sae_ids=["layer_2"])
    assert found["shuffled"]["layer_2"] == []
    assert all(one["index"] is None for one in found["index"]["layer_2"]["classes"])


def test_torch_and_json_agree_on_floats(client: TestClient) -> None:
    """The answer is put together from columns:
    what it says must be the numbers, to the last digit.
    """
    found = answer(client, "/api/inspect", prompt=PROMPT, sae_ids=["layer_2"])
    values = found["firings"]["layer_2"]["activation"]
    assert values == torch.tensor(values, dtype=torch.float32).tolist()
