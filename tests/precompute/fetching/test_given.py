"""A job's SAEs: folders as they are, a release's from where it was fetched to, else fetched."""

import shutil
from pathlib import Path

import pytest
import torch

from backend.core import presets
from backend.core.presets import SaeSource
from precompute.fetching import given
from precompute.job import BadInput


def test_a_release_is_fetched_once(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: object
) -> None:
    fetched: list[str | None] = []

    def fetch(source: SaeSource, *, dtype: torch.dtype) -> Path:
        assert dtype == torch.bfloat16
        fetched.append(source.id)
        return Path(shutil.copytree(tiny_folder / "saes" / "layer_3", source.path))

    monkeypatch.setattr(given, "fetch_sae", fetch)
    monkeypatch.setattr(presets, "DEFAULT_HOME", tmp_path)
    folder = tiny_folder / "saes" / "layer_2"
    wanted = [str(folder), "a-release:layer 3/width_16k"]
    for _ in range(2):
        folders = given.sae_folders(wanted, (), "bfloat16")
        assert folders == (folder, tmp_path / "saes" / "a-release" / "layer-3-width_16k")
        assert fetched == ["layer 3/width_16k"]
    preset = (SaeSource("layer_2", 2, folder),)
    assert given.sae_folders(None, preset, "float32") == (folder,)
    with pytest.raises(BadInput, match="there is no SAE at 'gone'; allowed"):
        given.sae_folders(["gone"], preset, "float32")
