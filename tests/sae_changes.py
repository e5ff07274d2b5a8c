"""An SAE that is almost another: a copy in which one array or entry of `cfg.json` is changed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from backend.core.sae import Sae

Change = Callable[[dict[str, torch.Tensor], dict[str, Any]], None]
CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"


def changed(folder: Path, source: Path, *changes: Change) -> Sae:
    """A copy whose arrays and configuration the changes have changed in place."""
    folder.mkdir(parents=True)
    weights, said = load_file(source / WEIGHTS), json.loads((source / CONFIG).read_text("utf-8"))
    for change in changes:
        change(weights, said)
    save_file({name: one.contiguous() for name, one in weights.items()}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(said))
    return Sae.load(folder)


def at_layer(layer: int) -> Change:
    def change(_: dict[str, torch.Tensor], said: dict[str, Any]) -> None:
        said["metadata"] |= {"hook_name": f"blocks.{layer}.hook_resid_post", "hook_layer": layer}

    return change


def unstated(_: dict[str, torch.Tensor], said: dict[str, Any]) -> None:
    """Nothing is said of its quality."""
    del said["metadata"]["explained_variance"]


def without_b_dec(weights: dict[str, torch.Tensor], said: dict[str, Any]) -> None:
    weights["b_dec"] = torch.zeros_like(weights["b_dec"])


def normalised(_: dict[str, torch.Tensor], said: dict[str, Any]) -> None:
    said["normalize_activations"] = "layer_norm"


def in_the_scale_of_normed_input(scale: float) -> Change:
    """The residual's size is divided out of the weights: what the SAE of a layer-normed input is.
    The threshold is of its activations, which are divided too."""

    def change(weights: dict[str, torch.Tensor], said: dict[str, Any]) -> None:
        for name in ("b_enc", "b_dec", "threshold"):
            weights[name] = weights[name] / scale

    return change
