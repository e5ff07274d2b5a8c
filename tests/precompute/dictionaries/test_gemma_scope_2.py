"""Dictionaries by release and id: Gemma Scope 2's `params.safetensors`, fetched and read as the
job reads any other.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.core import presets
from backend.core.sae import Sae
from precompute.dictionaries.given import check_layer, named
from precompute.job import BadInput
from tests.precompute.fetching import hub_server
from tests.tiny import D_MODEL, D_SAE, tiny_sae_dir

RELEASE, REPO, LAYER = "gemma-scope-2-270m-pt-res", "google/gemma-scope-2-270m-pt", 5
SEEDS = {
    "first seed": "layer_5_width_262k_l0_medium",
    "second seed": "layer_5_width_262k_l0_medium_seed_1",
}


def scope(folder: Path) -> None:
    """Two tiny SAEs where the release has its own, laid out as it lays them out."""
    for seed, sae_id in enumerate(SEEDS.values()):
        weights = load_file(
            tiny_sae_dir(folder / sae_id, LAYER, seed=seed) / "sae_weights.safetensors"
        )
        there = folder / "resid_post" / sae_id
        there.mkdir(parents=True)
        lower = {name.replace("W_", "w_"): weight for name, weight in weights.items()}
        save_file(lower, there / "params.safetensors")
        config = {"architecture": "jump_relu", "model_name": "gemma-v3-270m-pt"}
        (there / "config.json").write_text(json.dumps(config), "utf-8")


def test_two_seeds_of_gemma_scope_2_are_two_dictionaries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both fetched by name; firings of each equal JumpReLU in plain NumPy on its own file."""
    monkeypatch.setattr(presets, "DEFAULT_HOME", tmp_path / "home")
    scope(tmp_path / "scope")
    with hub_server.serving(monkeypatch, tmp_path / "cache") as hub:
        hub.repos = {REPO: tmp_path / "scope"}
        given = [f"{name}={RELEASE}:{sae_id}" for name, sae_id in SEEDS.items()]
        found = named(given, "float32")
    assert [name for _, name in found] == list(SEEDS)
    check_layer(found, LAYER)
    with pytest.raises(BadInput, match="after layer 5; --layer is 12"):
        check_layer(found, 12)
    resid = 3 * torch.randn(50, D_MODEL, generator=torch.Generator().manual_seed(1))
    fired = []
    for folder, name in found:
        params = load_file(tmp_path / "scope/resid_post" / SEEDS[name] / "params.safetensors")
        pre = resid.numpy() @ params["w_enc"].numpy() + params["b_enc"].numpy()
        expected = np.where(pre > params["threshold"].numpy(), np.maximum(pre, 0), 0)
        sae = Sae.load(folder, sae_id=name)
        assert (sae.d_sae, sae.layer) == (D_SAE, LAYER)
        np.testing.assert_allclose(sae.encode_dense(resid).numpy(), expected, atol=1e-4)
        fired.append(expected > 0)
    assert fired[0].any()
    assert (fired[0] != fired[1]).any()
