"""A server whose machine is too small: model, SAE or request refused, with both numbers."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient

from backend.core import memory
from backend.core.hub import ModelUnavailable
from backend.routes.live.inspect import bytes_together, plan_inspect
from backend.routes.live.inspect_together import fits
from backend.routes.request.limits import room
from backend.schemas import InspectRequest
from backend.serving.live import Live
from backend.serving.loading import Loaded, load_preset_models
from backend.settings import Settings
from tests.api.conftest import PROMPT, Serve, steer_body
from tests.api.live.test_patch import patch_body
from tests.api.live.test_sweep import sweep_body
from tests.tiny import D_MODEL, D_SAE
from tests.tiny_build import tiny_preset


def test_a_model_that_does_not_fit_is_refused(
    tiny_folder: Path, build_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = tiny_preset(tiny_folder, build_path, n_parameters=10**9)
    monkeypatch.setattr(memory, "available_bytes", lambda device: 1_500_000_000)
    with pytest.raises(ModelUnavailable, match=r"needs 4\.0 GB on cpu, where 1\.5 GB are free"):
        load_preset_models(preset, device="cpu", dtype=None, threads=1)


def test_an_sae_that_does_not_fit_is_named_and_left_out(
    tiny_folder: Path, build_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # model, all SAEs together, then each
    free = iter((1_000_000, 1_000_000, 1_000_000, 10_000, 1_000_000))
    monkeypatch.setattr(memory, "available_bytes", lambda device: next(free))
    loaded = load_preset_models(
        tiny_preset(tiny_folder, build_path, n_parameters=1000), device="cpu", dtype=None, threads=1
    )
    assert list(loaded.saes) == ["layer_0", "layer_3"]
    (said,) = loaded.damaged.values()
    assert said.startswith("SAE layer_2 needs 25.5 kB on cpu, where 10.0 kB are free")


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("inspect", {"prompt": PROMPT}, "Inspecting 31 positions with 3 SAEs needs"),
        (
            "inspect",
            {"prompt": PROMPT, "sae_ids": ["layer_0"], "generate": 4},
            "Inspecting 35 positions with 1 SAE ",
        ),
        (
            "steer",
            steer_body(samples=2, temperature=1.0, controls=True),
            "Generating 10 texts needs",
        ),
        ("steer/stream", steer_body(), "Generating 2 texts needs"),
        ("sweep", sweep_body(), "Sweeping 9 cells at a time needs"),
        ("patch", patch_body(), "Patching 3 positions needs"),
        ("lens", {"prompt": PROMPT}, "Reading 4 residuals in words needs"),
    ],
)
def test_a_request_that_takes_more_than_there_is_is_refused_before_it_waits(
    serve: Serve, settings: Settings, path: str, body: dict[str, Any], said: str
) -> None:
    app = serve(settings=settings.model_copy(update={"live_bytes": 2000}))
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(10)
        assert client.get("/api/capabilities").json()["limits"]["live_bytes"] == 2000
        reply = client.post(f"/api/{path}", json=body)
        assert (reply.status_code, reply.headers["content-type"]) == (
            413,
            "application/problem+json",
        )
        detail = reply.json()["detail"]
        assert detail.startswith(
            said.replace("31", str(n_tokens(client))).replace("35", str(n_tokens(client) + 4))
        )
        assert re.search(
            r"needs [\d.]+ [kM]B on cpu beside the weights, where 2\.0 kB are there for it: send",
            detail,
        )


def n_tokens(client: TestClient) -> int:
    return len(client.post("/api/tokenize", json={"prompt": PROMPT}).json()["tokens"])


def test_prompts_are_joined_only_as_far_as_there_is_room(loaded: Loaded, serve: Serve) -> None:
    with TestClient(serve()) as client:
        served = client.app.state.backend  # type: ignore[attr-defined]
        served.live.ready.wait(10)
        plans = [plan_inspect(InspectRequest(prompt=PROMPT), served)] * 3
        n = len(plans[0].prompt.token_ids)
        two = bytes_together(loaded.lm, [n, n], [True, True], plans[0].saes)
    assert fits(plans[:2], two)
    assert not fits(plans, two)
    assert fits(plans, None)
    short = replace(plans[0], prompt=replace(plans[0].prompt, token_ids=[2, 5]))
    assert not fits([plans[0], short], None)  # more padding than prompt


def test_an_inspect_of_three_saes_under_a_budget_for_two_answers_the_same(
    tiny_folder: Path, build_path: Path, serve: Serve, client: TestClient
) -> None:
    preset, encoder = tiny_preset(tiny_folder, build_path), D_MODEL * D_SAE * 4
    budgeted = load_preset_models(
        preset, device="cpu", dtype=None, threads=1, sae_budget=2 * encoder
    )
    assert budgeted.pager is not None
    with TestClient(serve(live=Live(lambda: budgeted, waiting=2))) as paging:
        assert paging.app.state.backend.live.ready.wait(10)  # type: ignore[attr-defined]
        for body in (
            {"prompt": PROMPT},
            {"prompt": "The cat sat", "sae_ids": ["layer_3", "layer_0"], "theta": 5.0},
        ):
            found, expected = (
                one.post("/api/inspect", json=body).json() for one in (paging, client)
            )
            assert found == expected
            assert any(columns["position"] for columns in found["firings"].values())
        for path, asked in (("steer", steer_body(controls=True)), ("steer", clamped())):
            found, expected = (
                one.post(f"/api/{path}", json=asked).json() for one in (paging, client)
            )
            assert found["steered"]["token_ids"] == expected["steered"]["token_ids"]
            assert found["kl"] == pytest.approx(expected["kl"], rel=1e-4)
        assert (
            paging.get("/api/health").json()["live_detail"]
            == "live on cpu, SAEs paged within 24.6 kB"
        )
    assert budgeted.pager.moves > 3
    assert budgeted.pager.held <= 2 * encoder


def clamped() -> dict[str, Any]:
    body = steer_body()
    body["interventions"][0] |= {"mode": "clamp"}
    return body


def test_saes_that_fit_are_not_paged_and_one_that_never_fits_is_named(
    tiny_folder: Path, build_path: Path
) -> None:
    preset, encoder = tiny_preset(tiny_folder, build_path), D_MODEL * D_SAE * 4
    enough = load_preset_models(
        preset, device="cpu", dtype=None, threads=1, sae_budget=100 * encoder
    )
    assert enough.pager is None
    none = load_preset_models(preset, device="cpu", dtype=None, threads=1, sae_budget=encoder - 1)
    assert none.saes == {}
    assert all("are there for SAEs" in said for said in none.damaged.values())
    assert len(none.damaged) == 3


def test_without_a_budget_saes_share_four_fifths_of_what_is_free(
    tiny_folder: Path, build_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda device: 40_000)
    preset = tiny_preset(tiny_folder, build_path, n_parameters=1000)
    loaded = load_preset_models(preset, device="cpu", dtype=None, threads=1)
    assert loaded.pager is not None
    assert loaded.pager.budget == 32_000
    assert room(settings, loaded) == 8_000  # the rest is promised to SAEs that have not moved in
    loaded.saes["layer_0"].encode(torch.zeros(1, D_MODEL))
    assert room(settings, loaded) == 8_000 + D_MODEL * D_SAE * 4
