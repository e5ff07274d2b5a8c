"""An SAE whose answers are done in the head."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from backend.core.sae import Sae
from tests.tiny import D_MODEL, tiny_sae_dir


def unit_sae(folder: Path, layer: int) -> Sae:
    """Feature f is direction f, read and written with weight 1."""
    path = tiny_sae_dir(
        folder, layer, architecture="standard", d_sae=D_MODEL, apply_b_dec_to_input=False
    )
    eye, zero = torch.eye(D_MODEL), torch.zeros(D_MODEL)
    save_file(
        {"W_enc": eye, "W_dec": eye.clone(), "b_enc": zero, "b_dec": zero.clone()},
        path / "sae_weights.safetensors",
    )
    return Sae.load(path)
