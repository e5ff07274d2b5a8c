"""Reconstructions at the edge: no firing at all."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from backend.core.sae import Sae
from tests.tiny import D_MODEL, tiny_sae_dir


def test_where_nothing_fires_the_reconstruction_is_b_dec(tmp_path: Path) -> None:
    folder = tiny_sae_dir(tmp_path, 0)
    weights = load_file(folder / "sae_weights.safetensors")
    weights["threshold"] += 1e6
    save_file(weights, folder / "sae_weights.safetensors")
    sae = Sae.load(folder)
    resid = torch.ones(3, D_MODEL)
    assert len(sae.encode(resid).position) == 0
    assert torch.equal(sae.decode(sae.encode(resid), 3), weights["b_dec"].expand(3, -1))
