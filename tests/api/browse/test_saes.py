"""The card of an SAE: each figure with where it was measured, live and from files alone."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.presets import Preset, SaeSource
from backend.core.store import Store
from backend.schemas.saes import SaeCard
from backend.serving.live import Live
from tests.api.conftest import Serve
from tests.core.sae.test_stated import TRAINED, folder
from tests.tiny import D_SAE

IN_BUILD, NOT_IN_BUILD = "layer_2", "layer_3"  # the build counts the first two of three SAEs
BUILD = {"l0", "n_active", "never_fires", "never_fires_share", "positions"}
FIGURES = {name for name, field in SaeCard.model_fields.items() if "Figure" in str(field)}


def without_model(serve: Serve, preset: Preset, **parts: Any) -> TestClient:
    """A started API that has no model."""
    return TestClient(
        serve(live=Live(None, waiting=2), preset=preset, **parts), raise_server_exceptions=False
    )


@pytest.fixture
def trained(preset: Preset, tmp_path: Path) -> Preset:
    """The preset with an SAE after layer 2 whose folder states every figure."""
    (source,) = (one for one in preset.saes if one.sae_id == IN_BUILD)
    path = folder(tmp_path, **TRAINED, training="by hand")
    return replace(preset, saes=(replace(source, path=path),), licence="Free.", origin="Made up.")


@pytest.fixture
def files_only(serve: Serve, trained: Preset) -> Iterator[TestClient]:
    with without_model(serve, trained) as client:
        yield client


def test_what_training_and_the_build_measured_stands_on_one_card(
    files_only: TestClient, store: Store
) -> None:
    card = files_only.get(f"/api/saes/{IN_BUILD}").json()
    row = next(one for one in store.saes() if one.sae_id == IN_BUILD)
    place = ("sae_id", "layer", "hook", "architecture", "width", "live", "in_build", "unread")
    here = (IN_BUILD, 2, "blocks.2.hook_resid_post", "jumprelu", D_SAE, False, True, "")
    assert tuple(card[name] for name in place) == here
    assert (card["licence"], card["origin"], card["training"]) == ("Free.", "Made up.", "by hand")
    told = {"l0_trained" if name == "l0" else name: value for name, value in TRAINED.items()}
    assert {name: card[name]["value"] for name in told} == told
    assert {card[name]["measured"] for name in told} == {"training"}
    counted = {name: card[name]["value"] for name in BUILD}
    assert counted["never_fires"] == D_SAE - row.n_active
    assert counted["never_fires_share"] == (D_SAE - row.n_active) / D_SAE
    assert (counted["l0"], counted["n_active"]) == (row.l0, row.n_active)
    assert counted["l0"] * counted["positions"] == pytest.approx(row.n_firings)
    assert {card[name]["measured"] for name in BUILD} == {"build"}
    assert card["l0_published"] is None


def test_an_sae_that_the_build_does_not_hold_has_its_trainings_figures_alone(
    client: TestClient,
) -> None:
    card = client.get(f"/api/saes/{NOT_IN_BUILD}").json()
    assert (card["live"], card["in_build"], card["corpus"]) == (True, False, None)
    known = {name for name in FIGURES if card[name] is not None}
    assert known == {"l0_trained"}  # all that the tiny SAE's cfg.json states
    assert card["l0_trained"] == {"value": 10.0, "measured": "training"}


def test_the_card_is_the_same_live_and_from_files(
    client: TestClient, serve: Serve, preset: Preset
) -> None:
    with without_model(serve, preset) as files:
        told = files.get(f"/api/saes/{IN_BUILD}").json()
    assert told | {"live": True} == client.get(f"/api/saes/{IN_BUILD}").json()
    assert told["live"] is False


def test_an_sae_that_was_not_fetched_has_what_its_release_published(
    serve: Serve, preset: Preset, tmp_path: Path
) -> None:
    away = SaeSource("far", 1, tmp_path / "far", release="some-release", id="a/b", d_sae=64, l0=9.0)
    with without_model(serve, replace(preset, saes=(away,))) as files:
        card = files.get("/api/saes/far").json()
    assert (card["layer"], card["width"], card["hook"]) == (1, 64, None)
    assert (card["release"], card["release_id"]) == ("some-release", "a/b")
    assert card["l0_published"] == {"value": 9.0, "measured": "published"}
    assert {name for name in FIGURES if card[name] is not None} == {"l0_published"}
    assert f"There is no folder {tmp_path / 'far'}" in card["unread"]


def test_a_folder_that_cannot_be_read_leaves_the_builds_figures_and_says_why(
    files_only: TestClient, trained: Preset
) -> None:
    path = trained.saes[0].path / "cfg.json"
    config = json.loads(path.read_text("utf-8"))
    config["metadata"]["loss"] = "low"
    path.write_text(json.dumps(config), "utf-8")
    card = files_only.get(f"/api/saes/{IN_BUILD}").json()
    assert card["unread"] == f"{path}: metadata.loss is 'low'; needed: a finite number."
    assert {name for name in FIGURES if card[name] is not None} == BUILD


def test_the_folder_of_another_sae_lends_the_builds_none_of_its_figures(
    files_only: TestClient, trained: Preset
) -> None:
    path = trained.saes[0].path / "cfg.json"
    text = path.read_text("utf-8").replace("blocks.2.", "blocks.1.")
    path.write_text(text, "utf-8")
    card = files_only.get(f"/api/saes/{IN_BUILD}").json()
    assert (card["layer"], card["width"]) == (2, D_SAE)
    assert "holds an SAE after layer 1" in card["unread"]
    assert {name for name in FIGURES if card[name] is not None} == BUILD


def test_an_unknown_id_is_a_404_that_names_the_known_ones(client: TestClient) -> None:
    answer = client.get("/api/saes/layer_9")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == (
        "There is no SAE 'layer_9' here; known: layer_0, layer_2, layer_3."
    )


def test_capabilities_state_the_models_size_without_a_model(
    files_only: TestClient, preset: Preset
) -> None:
    told = files_only.get("/api/capabilities").json()
    assert (told["model_info"], told["n_parameters"]) == (None, preset.n_parameters)
