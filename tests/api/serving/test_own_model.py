"""A model and SAEs given by options alone are live, under a name that links can rely on."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend.core import presets
from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.servers import api_alone
from backend.settings import Settings
from tests.api.conftest import PROMPT


def test_options_are_enough_to_be_live(
    tiny_folder: Path,
    build_path: Path,
    lm: LanguageModel,
    saes: dict[str, Sae],
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presets, "DEFAULT_HOME", tmp_path)
    own = Settings(
        **settings.model_dump(exclude={"preset", "model", "sae", "build"}),
        model=str(tiny_folder / "model"),
        sae=(str(tiny_folder / "saes" / "layer_0"), str(tiny_folder / "saes" / "layer_2")),
        build=build_path,
    )
    app = api_alone(own)
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(30)
        told = client.get("/api/capabilities").json()
        assert told["preset"].startswith("model-")
        assert (told["model"], told["live_state"]) == ("model", "live")
        assert told["build"]["name"] == build_path.name
        assert [(sae["sae_id"], sae["live"], sae["in_build"]) for sae in told["saes"]] == [
            ("layer_0", True, True),
            ("layer_2", True, True),
        ]
        firings = client.post("/api/inspect", json={"prompt": PROMPT}).json()["firings"]
    sae = saes["layer_2"]
    expected = sae.encode(lm.resid_post([lm.tokenize(PROMPT)], [2])[2][0])
    assert firings["layer_2"]["feature_index"] == expected.feature_index.tolist()


def test_several_saes_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNCTIONSCOPE_SAE", "one,release:two/three")
    assert Settings().sae == ("one", "release:two/three")
