"""`cfg.json` as sae-lens has written it since 0.5, and folders with any of it."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.tiny import D_MODEL, D_SAE, tiny_sae_dir

K = 4


def residuals(n: int = 50) -> torch.Tensor:
    return 5.0 * torch.randn(n, D_MODEL, generator=torch.Generator().manual_seed(3))


# as sae-lens of these versions wrote it, for an SAE of blocks.1.hook_resid_post
_WRITTEN = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
_SIZES = {"d_in": D_MODEL, "d_sae": D_SAE}
OLD: dict[str, Any] = {name: one | _SIZES for name, one in _WRITTEN.items() if name != "6"}
NEW: dict[str, Any] = _WRITTEN["6"] | _SIZES


def folder_of(
    tmp: Path, config: dict[str, Any], *, threshold: bool = False, **more: torch.Tensor
) -> Path:
    """An SAE folder with this cfg.json; its decoder's norms differ: rescaling by them shows."""
    folder = tiny_sae_dir(tmp, 1, architecture="jumprelu")
    arrays = load_file(folder / "sae_weights.safetensors")
    arrays["W_dec"] *= torch.linspace(0.5, 2.0, D_SAE)[:, None]
    kept = {name: array for name, array in arrays.items() if threshold or name != "threshold"}
    save_file(kept | more, folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text(json.dumps(config))
    return folder
