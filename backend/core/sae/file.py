"""The weights file of an SAE folder:
what arrays it must hold, and reading them without holding them twice.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from backend.core.sae.config import SaeConfig

CONFIG_FILE, WEIGHTS_FILE = "cfg.json", "sae_weights.safetensors"
READ_AT_ONCE = 1 << 24  # elements read and converted at a time


def shapes(config: SaeConfig) -> dict[str, tuple[int, ...]]:
    """What arrays the configuration calls for."""
    shapes: dict[str, tuple[int, ...]] = {
        "W_enc": (config.d_model, config.d_sae),
        "b_enc": (config.d_sae,),
        "W_dec": (config.d_sae, config.d_model),
        "b_dec": (config.d_model,),
    }
    return shapes | ({"threshold": (config.d_sae,)} if config.architecture == "jumprelu" else {})


def opened(folder: Path) -> safe_open:
    """The file, mapped; ValueError when it is missing or damaged."""
    path = folder / WEIGHTS_FILE
    try:
        return safe_open(path, framework="pt")
    except FileNotFoundError:
        raise ValueError(
            f"No {path}: an SAE is a folder with cfg.json and sae_weights.safetensors."
        ) from None
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a readable safetensors file ({error}): fetch it again."
        ) from None


def read_array(file: safe_open, name: str, device: str, dtype: torch.dtype) -> Tensor:
    """One array in `dtype` on the device: a part at a time, so that memory never holds it twice."""
    stored = file.get_slice(name)
    shape: list[int] = stored.get_shape()
    if device == "cpu" and stored[:1].dtype == dtype:
        mapped: Tensor = file.get_tensor(name)  # the file's own pages
        return mapped
    whole = torch.empty(shape, dtype=dtype, device=device)
    step = max(1, READ_AT_ONCE // (whole.numel() // shape[0]))
    for row in range(0, shape[0], step):
        whole[row : row + step] = stored[row : row + step]
    return whole
