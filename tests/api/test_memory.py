"""A server whose machine is too small: the model is refused, an SAE is left out, with both numbers."""

from pathlib import Path

import pytest

from backend.core import memory
from backend.core.hub import ModelUnavailable
from backend.loading import load_preset_models
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
    free = iter((1_000_000, 1_000_000, 10_000, 1_000_000))  # model, then three SAEs
    monkeypatch.setattr(memory, "available_bytes", lambda device: next(free))
    loaded = load_preset_models(
        tiny_preset(tiny_folder, build_path, n_parameters=1000), device="cpu", dtype=None, threads=1
    )
    assert list(loaded.saes) == ["layer_0", "layer_3"]
    (said,) = loaded.damaged.values()
    assert said.startswith("SAE layer_2 needs 25.5 kB on cpu, where 10.0 kB are free")
