"""Sweeps, strength units and frozen attention over HTTP, against the steer answer and the core."""

import asyncio
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.lm import LanguageModel
from backend.core.lm.frozen_attention import frozen
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.generate import kl
from backend.core.steering.prefill import prefill
from backend.core.store import Store
from tests.api.conftest import PROMPT, Serve, started, steer_body
from tests.api.live.test_stream import frames


def sweep_body(**changes: Any) -> dict[str, Any]:
    body = {
        "prompt": PROMPT,
        "sae_id": "layer_2",
        "feature_index": 3,
        "mode": "add",
        "strengths": [-8.0, 4.0, 16.0],
        "positions": [2, 5, 6],
        "max_new_tokens": 4,
    }
    return body | changes


def swept(client: TestClient, **changes: Any) -> list[tuple[str, dict[str, Any]]]:
    reply = client.post("/api/sweep", json=sweep_body(**changes))
    assert reply.status_code == 200, reply.text
    return frames(reply.text)


@pytest.mark.parametrize("freeze", [False, True])
def test_a_cell_is_the_steer_answer_of_the_same_setting(client: TestClient, freeze: bool) -> None:
    held = {
        "sae_id": "layer_0",
        "feature_index": 1,
        "mode": "clamp",
        "value": 5.0,
        "positions": [3],
    }
    found = swept(
        client,
        interventions=[held],
        target={"kind": "token", "token_id": 61},
        freeze_attention=freeze,
    )
    assert found[-1][1]["result"]["effective"]["freeze_attention"] is freeze
    assert [event for event, _ in found] == ["start", "sweep", "cells", "final"]
    assert [data["seq"] for _, data in found] == list(range(len(found)))
    result = found[-1][1]["result"]
    assert result["cells"] == found[2][1]["cells"]
    assert {(cell["strength"], cell["position"]) for cell in result["cells"]} == {
        (strength, position) for strength in (-8.0, 4.0, 16.0) for position in (2, 5, 6)
    }
    for cell in result["cells"]:
        edit = {"sae_id": "layer_2", "feature_index": 3, "mode": "add", "value": cell["strength"]}
        body = steer_body(
            interventions=[held, edit | {"positions": [cell["position"]]}], freeze_attention=freeze
        )
        steered = client.post("/api/steer", json=body).json()
        assert cell["kl"] == pytest.approx(steered["kl"], rel=1e-4, abs=1e-6)
        assert (cell["text"], cell["token_ids"]) == (
            steered["steered"]["texts"][0],
            steered["steered"]["token_ids"][0],
        )
        assert cell["next_token"]["token_id"] == steered["steered"]["next_tokens"][0]["token_id"]
        assert result["baseline"]["text"] == steered["baseline"]["texts"][0]
    assert len({cell["kl"] for cell in result["cells"]}) == 9


def test_targets_are_measured_on_the_next_token_or_on_the_text(
    client: TestClient, lm: LanguageModel
) -> None:
    by_id = swept(client, target={"kind": "token", "token_id": 61}, max_new_tokens=0)[-1][1][
        "result"
    ]
    by_text = swept(client, target={"kind": "token", "text": lm.token_text(61)}, max_new_tokens=0)[
        -1
    ][1]["result"]
    assert [cell["target"] for cell in by_id["cells"]] == [
        cell["target"] for cell in by_text["cells"]
    ]
    assert all(0 < cell["target"] < 1 and cell["text"] == "" for cell in by_id["cells"])
    whole = swept(client, target={"kind": "regex", "pattern": "."})[-1][1]["result"]
    assert {cell["target"] for cell in whole["cells"]} <= {0.0, 1.0}
    language = swept(client, target={"kind": "language", "language": "zh"})[-1][1]["result"]
    assert all(cell["target"] in (0.0, 1.0) for cell in language["cells"])
    assert swept(client)[-1][1]["result"]["cells"][0]["target"] is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"strengths": [1.0, 1.0]}, "strengths"),
        ({"strengths": []}, "strengths"),
        ({"strengths": [float(i) for i in range(1000)]}, "strengths"),
        ({"mode": "ablate"}, "mode"),
        ({"sae_id": "nothing"}, "sae_id"),
        ({"feature_index": 10**6}, "feature_index"),
        ({"positions": [99]}, "positions"),
        ({"target": {"kind": "regex", "pattern": "("}}, "target.pattern"),
        ({"target": {"kind": "token", "text": "Russia? The cat"}}, "target.text"),
        ({"target": {"kind": "token", "token_id": 10**6}}, "target.token_id"),
        ({"target": {"kind": "token"}}, "target"),
        ({"target": {"kind": "language", "language": "zh"}, "max_new_tokens": 0}, "max_new_tokens"),
        ({"max_new_tokens": 10**6}, "max_new_tokens"),
        ({"temperature": 1.0}, "temperature"),
    ],
)
def test_what_cannot_be_swept_is_refused_by_name(
    client: TestClient, changes: dict[str, Any], field: str
) -> None:
    reply = client.post("/api/sweep", json=sweep_body(**changes))
    assert reply.status_code == 422, reply.text
    assert reply.json()["errors"][0]["field"] == field


def test_the_bound_on_cells_is_in_the_limits(client: TestClient) -> None:
    limit = client.get("/api/capabilities").json()["limits"]["sweep_cells"]
    strengths = [float(i) for i in range(limit // 3 + 1)]
    reply = client.post("/api/sweep", json=sweep_body(strengths=strengths))
    assert reply.status_code == 422
    assert str(limit) in reply.json()["errors"][0]["allowed"]


def test_a_pattern_that_takes_too_long_ends_the_sweep_with_a_422(
    client: TestClient, monkeypatch
) -> None:
    monkeypatch.setattr("backend.core.steering.targets.RegexTarget.shown", _slow)
    event, data = swept(client, target={"kind": "regex", "pattern": "a"})[-1]
    assert (event, data["problem"]["status"]) == ("error", 422)
    assert data["problem"]["errors"][0]["field"] == "target.pattern"


def _slow(*_: Any) -> bool:
    raise ValueError("pattern took more than 0.2 s")


def test_others_go_between_the_steps_of_a_sweep(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inspect that comes while a sweep runs is answered before the sweep ends."""
    monkeypatch.setattr("backend.core.steering.sweep.ROWS", 1)
    order: list[str] = []

    async def run() -> None:
        async with started(serve()) as client:

            async def sweeping() -> None:
                body = sweep_body(positions="all", strengths=[float(i) for i in range(1, 9)])
                reply = await client.post("/api/sweep", json=body)
                assert frames(reply.text)[-1][1]["status"] == "done"
                order.append("sweep")

            async def inspecting() -> None:
                await asyncio.sleep(0.05)
                assert (
                    await client.post("/api/inspect", json={"prompt": PROMPT})
                ).status_code == 200
                order.append("inspect")

            await asyncio.gather(sweeping(), inspecting())

    asyncio.run(run())
    assert order == ["inspect", "sweep"]


def test_a_cancelled_sweep_keeps_its_cells(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.core.steering.sweep.ROWS", 1)

    async def run() -> list[tuple[str, dict[str, Any]]]:
        app = serve()
        async with started(app) as client:

            async def cancelling() -> None:
                queue = app.state.backend.live.queue
                while not queue.tickets:
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.1)
                reply = await client.post(f"/api/steer/cancel/{queue.tickets[0].stream_id}")
                assert reply.json()["cancelled"]

            body = sweep_body(positions="all", strengths=[float(i) for i in range(1, 65)])
            reply, _ = await asyncio.gather(client.post("/api/sweep", json=body), cancelling())
            return frames(reply.text)

    found = asyncio.run(run())
    final = found[-1][1]
    assert (found[-1][0], final["status"]) == ("final", "cancelled")
    told = sum(len(data["cells"]) for event, data in found if event == "cells")
    if final["result"] is not None:
        assert len(final["result"]["cells"]) == told < final["result"]["n_cells"]


def test_frozen_attention_is_that_of_the_baseline(
    client: TestClient, lm: LanguageModel, saes: dict[str, Sae]
) -> None:
    body = steer_body(freeze_attention=True, max_new_tokens=0)
    body["interventions"][0] |= {"sae_id": "layer_0", "positions": [2]}
    found = client.post("/api/steer", json=body).json()
    edit = [Intervention.on_feature(saes["layer_0"], 3, "add", 8.0, positions=(2,))]
    with frozen(lm.model):
        pass
    expected = prefill(lm, lm.tokenize(PROMPT), [[], edit], freeze_attention=True).log_probs
    assert found["kl"] == pytest.approx(kl(expected[1], expected[0]), rel=1e-4)
    free = client.post("/api/steer", json=body | {"freeze_attention": False}).json()
    assert found["kl"] != pytest.approx(free["kl"], rel=1e-3)
    assert found["effective"]["freeze_attention"] is True
    assert "attends as the baseline" in found["steered"]["sentence"]


def test_arms_tell_probabilities_and_where_they_part(client: TestClient) -> None:
    found = client.post(
        "/api/steer", json=steer_body(controls=True, samples=2, temperature=1.0, seed=3)
    ).json()
    for arm in (found["baseline"], found["steered"], *found["controls"].values()):
        for ids, shares, other, parts in zip(
            arm["token_ids"],
            arm["probabilities"],
            found["baseline"]["token_ids"],
            arm["first_divergence"],
            strict=True,
        ):
            assert len(ids) == len(shares)
            assert all(0 < share <= 1 for share in shares)
            differing = [i for i, (a, b) in enumerate(zip(ids, other, strict=False)) if a != b]
            assert parts == (differing[0] if differing else None)
    assert found["baseline"]["first_divergence"] == [None, None]
    assert found["steered"]["positions"] == found["applied_positions"]
    assert found["controls"]["content_position"]["positions"] != found["applied_positions"]


def test_the_content_control_is_drawn_by_the_seed(client: TestClient) -> None:
    def drawn(seed: int) -> list[int]:
        body = steer_body(
            controls=True,
            max_new_tokens=0,
            seed=seed,
            prompt="The cat sat on the mat by the door.\n",
        )
        found: list[int] = client.post("/api/steer", json=body).json()["controls"][
            "content_position"
        ]["positions"]
        return found

    assert drawn(1) == drawn(1)
    assert len({tuple(drawn(seed)) for seed in range(8)}) > 1


def test_strength_units_are_those_of_model_and_build(
    client: TestClient, lm: LanguageModel, saes: dict[str, Sae], store: Store
) -> None:
    row = next(one for one in store.search_features("layer_2", limit=5)[0] if one.act_q999)
    wanted = [
        {"sae_id": "layer_2", "feature_index": row.feature_index},
        {"sae_id": "layer_3", "feature_index": 0},
    ]
    found = client.post("/api/strength", json={"prompt": PROMPT, "features": wanted}).json()
    known, unknown = found["features"]
    ids = lm.tokenize(PROMPT)
    resid = lm.resid_post([ids], [2])[2][0]
    assert known["act_q999"] == pytest.approx(row.act_q999)
    assert known["n_firings"] == row.n_firings
    assert known["decoder_norm"] == pytest.approx(
        float(saes["layer_2"].decoder_rows([row.feature_index])[0].norm())
    )
    assert known["positions"]["residual_norm"] == pytest.approx(
        resid.norm(dim=-1).tolist(), rel=1e-5
    )
    expected = saes["layer_2"].feature_activation(resid, row.feature_index).tolist()
    assert known["positions"]["activation"] == pytest.approx(expected, rel=1e-5)
    edges = store.edges("layer_2", ids)
    for position, token_id in enumerate(ids):
        mine = (edges.token_id == token_id) & (edges.feature_index == row.feature_index)
        assert known["positions"]["token_firings"][position] == int(edges.n_firings[mine].sum())
        largest = known["positions"]["token_act_max"][position]
        assert (largest is None) == (not mine.any())
        assert largest is None or largest == pytest.approx(float(edges.act_max[mine][0]))
    assert (unknown["act_q999"], unknown["n_firings"]) == (None, None)
    assert "does not have this SAE" in unknown["note"]
    assert found["last_function"] == len(ids) - 1


def test_strength_of_what_is_not_there_is_refused(client: TestClient) -> None:
    for wanted, field in (
        ([], "features"),
        ([{"sae_id": "x", "feature_index": 0}], "features.0.sae_id"),
        ([{"sae_id": "layer_2", "feature_index": 10**6}], "features.0.feature_index"),
    ):
        reply = client.post("/api/strength", json={"prompt": PROMPT, "features": wanted})
        assert reply.status_code == 422
        assert reply.json()["errors"][0]["field"] == field
