"""The weights file of an SAE folder: what arrays it must hold, and reading them without holding
them twice.

A weight that is NaN or infinite is refused with its feature: a column of NaN never fires, which
would look like a finding. Arrays of up to CHECKED_AT_LOAD elements are looked through when the SAE
is loaded, larger ones as they are read.
"""

from collections.abc import Sequence
from math import prod
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from backend.core.sae import gated
from backend.core.sae.config import SaeConfig

CONFIG_FILE, WEIGHTS_FILE = "cfg.json", "sae_weights.safetensors"
READ_AT_ONCE = 1 << 24  # elements read and converted at a time
CHECKED_AT_LOAD = 1 << 26  # elements: a fifth of a second
IN_FLOAT32 = {"threshold", *gated.ARRAYS}  # whatever dtype the rest is wanted in
ONES = "scaling_factor"  # older files hold it; without effect if it is 1 everywhere


class DamagedSae(ValueError):
    """A weight is NaN or infinite; the message names the file, the array, the feature and what it
    holds.
    """


def shapes(config: SaeConfig) -> dict[str, tuple[int, ...]]:
    """What arrays the configuration calls for."""
    own = {"gated": gated.ARRAYS, "jumprelu": ("b_enc", "threshold")}
    return {
        "W_enc": (config.d_model, config.d_sae),
        "W_dec": (config.d_sae, config.d_model),
        "b_dec": (config.d_model,),
        **dict.fromkeys(own.get(config.architecture, ("b_enc",)), (config.d_sae,)),
    }


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


def check_arrays(folder: Path, config: SaeConfig) -> None:
    """ValueError unless the file holds the arrays that are called for, in their shapes, and no
    other.
    """
    wanted, path = shapes(config), folder / WEIGHTS_FILE
    with opened(folder) as file:
        held = set(file.keys())
        for name, shape in wanted.items():
            found = tuple(file.get_slice(name).get_shape()) if name in held else None
            if found != shape:
                raise ValueError(
                    f"{path}: {name} is {found or 'missing'}; cfg.json calls for {shape}."
                )
        if ONES in held and bool((file.get_tensor(ONES) == 1).all()):
            held.remove(ONES)
        for name in sorted(held - wanted.keys()):
            raise ValueError(
                f"{path} holds {name}, which an SAE of architecture {config.architecture!r} does "
                "not have: without it the activations would be others."
            )


def check_unread(folder: Path, config: SaeConfig, names: Sequence[str]) -> None:
    """DamagedSae where one of these, of up to CHECKED_AT_LOAD elements, holds NaN or infinity."""
    with opened(folder) as file:
        for name in names:
            rows, *rest = shapes(config)[name]
            if rows * prod(rest) <= CHECKED_AT_LOAD:
                stored, step = file.get_slice(name), max(1, READ_AT_ONCE // prod(rest))
                for row in range(0, rows, step):
                    require_finite(folder, name, stored[row : row + step], row)


def require_finite(folder: Path, name: str, part: Tensor, first: int = 0) -> None:
    """DamagedSae naming the feature of a weight that is NaN or infinite. part: rows of the array
    from `first` on.
    """
    if torch.isfinite(part.sum()):
        return  # one pass: NaN and infinity stay in a sum, which may also be too large by itself
    bad = (~torch.isfinite(part)).nonzero()
    if len(bad):
        at = [int(bad[0, 0]) + first, *bad[0, 1:].tolist()]
        of = (
            f"at position {at[0]}"
            if name == "b_dec"
            else f"of feature {at[1] if name == 'W_enc' else at[0]}"
        )
        value = float(part[tuple(bad[0].tolist())])
        raise DamagedSae(
            f"{folder / WEIGHTS_FILE}: {name} {of} holds {value}: this SAE is damaged."
        )


def read_array(folder: Path, file: safe_open, name: str, device: str, dtype: torch.dtype) -> Tensor:
    """One array in `dtype` on the device: a part at a time, so that memory never holds it twice.

    DamagedSae where it holds NaN or infinity, or a number that is too large for `dtype`.
    """
    stored = file.get_slice(name)
    shape: list[int] = stored.get_shape()
    if device == "cpu" and stored[:1].dtype == dtype:
        mapped: Tensor = file.get_tensor(name)  # the file's own pages
        require_finite(folder, name, mapped)
        return mapped
    whole = torch.empty(shape, dtype=dtype, device=device)
    step = max(1, READ_AT_ONCE // (whole.numel() // shape[0]))
    for row in range(0, shape[0], step):
        whole[row : row + step] = stored[row : row + step]
        require_finite(folder, name, whole[row : row + step], row)
    return whole
