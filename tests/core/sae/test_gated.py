"""Gated SAEs fire as their two formulas say, worked by hand and in plain NumPy, paged or not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.core.sae import Sae
from backend.core.sae.paging import PagedSae, Pager
from tests.tiny import D_MODEL, tiny_sae_dir

WEIGHTS = "sae_weights.safetensors"
RESID = 5.0 * torch.randn(60, D_MODEL, generator=torch.Generator().manual_seed(3))


def plain(folder: Path, resid: torch.Tensor) -> np.ndarray:
    """float64 [n, d_sae], as the formulas stand."""
    weights = {name: one.double().numpy() for name, one in load_file(folder / WEIGHTS).items()}
    p = (resid.double().numpy() - weights["b_dec"]) @ weights["W_enc"]
    magnitude = np.maximum(p * np.exp(weights["r_mag"]) + weights["b_mag"], 0)
    return np.where(p + weights["b_gate"] > 0, magnitude, 0)


def test_worked_by_hand(tmp_path: Path) -> None:
    """p = 2 for each feature: a gate that is shut, one that is open, a magnitude below zero."""
    folder = tiny_sae_dir(tmp_path, 0, architecture="gated", d_model=2, d_sae=3)
    weights = {
        "W_enc": torch.ones(2, 3),
        "W_dec": torch.ones(3, 2),
        "b_dec": torch.full((2,), 0.5),
        "b_gate": torch.tensor([-2.0, -1.0, 5.0]),
        "b_mag": torch.tensor([1.0, 1.0, -7.0]),
        "r_mag": torch.tensor([2.0, 3.0, 1.0]).log(),
    }
    save_file(weights, folder / WEIGHTS)
    dense = Sae.load(folder).encode_dense(torch.tensor([[1.0, 2.0]]))
    torch.testing.assert_close(dense, torch.tensor([[0.0, 7.0, 0.0]]))


@pytest.mark.parametrize("paged", [False, True])
def test_equal_to_plain_numpy(tmp_path: Path, paged: bool) -> None:
    folder = tiny_sae_dir(tmp_path, 0, architecture="gated")
    wanted = plain(folder, RESID)
    sae = (
        PagedSae.paged(folder, Pager(1 << 20), device="cpu", dtype=torch.float32, sae_id="one")
        if paged
        else Sae.load(folder)
    )
    fired = sae.encode(RESID)
    found = np.zeros_like(wanted)
    found[fired.position, fired.feature_index] = fired.activation
    assert ((found > 0) == (wanted > 0)).all()
    assert 0.02 < (wanted > 0).mean() < 0.6
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    np.testing.assert_allclose(sae.reader(7)(RESID), wanted[:, 7], atol=1e-4)


def test_it_keeps_its_dtype_and_its_decoder(tmp_path: Path) -> None:
    folder = tiny_sae_dir(tmp_path, 0, architecture="gated")
    sae = Sae.load(folder, dtype=torch.bfloat16)
    assert {sae.W_enc.dtype, sae.b_enc.dtype, sae.W_dec.dtype} == {torch.bfloat16}
    assert torch.equal(Sae.load(folder).W_dec, load_file(folder / WEIGHTS)["W_dec"])
