"""Where the weights of a preset cannot be had: its fallback, one sentence, and no exit."""

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from huggingface_hub import constants

from backend.core.packages import Packaged
from backend.core.presets import load_preset
from backend.serving.fallback import preset_to_serve
from backend.settings import Settings
from tests.api.conftest import Serve


@pytest.fixture
def without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(Packaged, "find", lambda _: None)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.usefixtures("without_weights")
def test_the_lab_model_is_served_instead_and_one_sentence_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    served = preset_to_serve(Settings(preset="gemma-3-270m"))
    said = capsys.readouterr().err.strip()
    assert served.name == "lab"
    assert said == f"functionscope: {served.note}"
    assert "\n" not in said
    assert served.note.startswith("Lab model is served instead of Gemma 3 270M: its packages are")
    assert "make weights" in served.note


@pytest.mark.usefixtures("without_weights")
def test_without_a_model_or_with_a_named_build_nothing_is_replaced(tmp_path: Path) -> None:
    for own in ({"live": False}, {"build": tmp_path}):
        settings = Settings(preset="gemma-3-270m", **own)
        assert preset_to_serve(settings).name == "gemma-3-270m"
    assert preset_to_serve(Settings(preset="lab")) == load_preset("lab")


def test_with_the_weights_the_preset_itself_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Packaged, "find", lambda _: (tmp_path / "part",))
    assert preset_to_serve(Settings(preset="gemma-3-270m")).name == "gemma-3-270m"


def test_health_says_the_sentence_and_capabilities_the_licence(
    serve: Serve, preset: object
) -> None:
    noted = replace(preset, note="Another model is served.", licence="Terms.", origin="4 bits")  # type: ignore[type-var]
    with TestClient(serve(preset=noted)) as client:
        assert client.get("/api/health").json()["why"][0] == "Another model is served."
        card = client.get("/api/capabilities").json()
        assert (card["licence"], card["origin"]) == ("Terms.", "4 bits")
