"""A trained SAE as the folder that the product reads, with its threshold and what was measured."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.building.corpus import Shard, load_shard
from precompute.training.activations import GIANT, Harvest, shard_activations
from precompute.training.dictionaries import Recipe
from precompute.training.measure import Kept, decoded, recovered_loss, variance

KEPT_SHARDS = 2  # the last ones: never trained on, the threshold and all measures are taken there
SCORED_ROWS = 24
CALIBRATED = 24_000  # positions; a dense row each for the threshold


def hook_name(layer: int) -> str:
    """The name that sae-lens gives resid_post of a layer."""
    return f"blocks.{layer}.hook_resid_post"


def export(
    sae: Any, folder: Path, layer: int, kept: Tensor, k: float, metadata: dict[str, Any]
) -> None:
    """Write cfg.json and bfloat16 sae_weights.safetensors with the threshold set on `kept` [n,
    d_model].
    """
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    weights_path, cfg_path = sae.save_inference_model(new)
    weights = {
        name: w.to(torch.bfloat16).contiguous() for name, w in load_file(weights_path).items()
    }
    threshold, measured = calibrate(weights, kept, k)
    weights["threshold"] = torch.full_like(weights["b_enc"], threshold, dtype=torch.float32)
    cfg = json.loads(cfg_path.read_text("utf-8"))
    if cfg.get("normalize_activations") not in (None, "none") or not cfg.get(
        "apply_b_dec_to_input"
    ):
        raise ValueError(f"unexpected SAE configuration after training: {cfg}")
    cfg |= {"dtype": "bfloat16", "device": "cpu"}
    stated = {
        "sae_lens_version": cfg["metadata"]["sae_lens_version"],
        "hook_name": hook_name(layer),
    }
    cfg["metadata"] = stated | {"hook_layer": layer} | metadata | measured
    save_file(weights, weights_path)
    cfg_path.write_text(json.dumps(cfg, indent=1) + "\n", "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(new, folder)


def calibrate(weights: dict[str, Tensor], kept: Tensor, k: float) -> tuple[float, dict[str, float]]:
    """One threshold for all features that gives mean L0 = k on `kept` [n, d_model], and the
    measured facts.

    Explained variance is 1 - sum of squared errors / sum of squares around the mean.
    """
    w_enc, b_enc, w_dec, b_dec = (
        weights[name].float() for name in ("W_enc", "b_enc", "W_dec", "b_dec")
    )
    pre = ((kept - b_dec) @ w_enc + b_enc).relu()
    threshold = float(pre.flatten().topk(int(k * len(kept)) + 1).values[-1])
    acts = torch.where(pre > threshold, pre, 0)
    error = kept - (acts @ w_dec + b_dec)
    variance = 1 - error.square().sum() / (kept - kept.mean(0)).square().sum()
    dead = int((acts.amax(0) == 0).sum())
    return threshold, {
        "l0": round(float((acts > 0).sum(1).float().mean()), 3),
        "explained_variance": round(float(variance), 4),
        "never_fired_there": dead,
        "calibration_positions": len(kept),
    }


@torch.inference_mode()
def write_out(
    lm: LanguageModel,
    harvest: Harvest,
    recipes: list[Recipe],
    saes: dict[str, Any],
    out: Path,
    positions: int,
) -> None:
    """Threshold, measures and files of each SAE, from the shards that were kept."""
    kept_shards = range(harvest.n_shards - KEPT_SHARDS, harvest.n_shards)
    medians = harvest.median_norms()
    shards = [load_shard(harvest.work, shard) for shard in kept_shards]
    kept = Kept(torch.from_numpy(scored_rows(shards)), medians)
    resid = {layer: [] for layer in sorted({recipe.layer for recipe in recipes})}  # type: dict[int, list[Tensor]]
    for shard in kept_shards:
        for layer, x in shard_activations(lm, harvest.work, shard, list(resid)).items():
            resid[layer].append(x[x.norm(dim=-1) <= GIANT * medians[layer]])
    for recipe in recipes:
        print(f"measuring {recipe.name} on text kept out of training", file=sys.stderr, flush=True)
        held = torch.cat(resid[recipe.layer])
        folder = out / recipe.name
        stated = stated_of(recipe, positions, medians[recipe.layer])
        export(saes[recipe.name], folder, recipe.layer, held[:CALIBRATED], recipe.k, stated)
        sae = Sae.load(folder)
        told = add_metadata(
            folder / "cfg.json",
            variance(held, decoded_in_parts(sae, held)) | recovered_loss(lm, kept, sae),
        )
        print(folder, json.dumps(told))


def scored_rows(shards: Sequence[Shard]) -> npt.NDArray[np.int64]:
    """Token ids [rows, length], SCORED_ROWS at most, evenly from what is long enough: `length` is
    such that they hold as many positions as they can, less than a full row's where texts are short.
    """
    lengths = np.concatenate([shard.lengths for shard in shards])
    longest = np.sort(lengths)[::-1][:SCORED_ROWS]
    length = int(longest[int((np.arange(1, len(longest) + 1) * longest).argmax())])
    rows = np.concatenate([shard.tokens[shard.lengths >= length, :length] for shard in shards])
    chosen = np.linspace(0, len(rows) - 1, min(SCORED_ROWS, len(rows)), dtype=np.int64)
    return np.asarray(rows[chosen])


def stated_of(recipe: Recipe, positions: int, median_norm: float) -> dict[str, Any]:
    """How the SAE was made, for its metadata."""
    stated = {
        "trained_tokens": positions,
        "seed": recipe.seed,
        "k": recipe.k,
        "lr": recipe.lr,
        "batch": recipe.batch,
        "left_out": f"special tokens; norms > {GIANT} x the median {median_norm:.4g}",
        "training": "sae-lens BatchTopK, exported as JumpReLU",
    }
    return stated | ({"decoder": "frozen at random"} if recipe.frozen_decoder else {})


def add_metadata(cfg_path: Path, measured: dict[str, float]) -> dict[str, float]:
    """Write what was measured into cfg.json; returns all its numbers."""
    cfg = json.loads(cfg_path.read_text("utf-8"))
    cfg["metadata"] |= measured
    cfg_path.write_text(json.dumps(cfg, indent=1) + "\n", "utf-8")
    return {
        name: value for name, value in cfg["metadata"].items() if isinstance(value, float | int)
    }


def decoded_in_parts(sae: Sae, resid: Tensor) -> Tensor:
    """The reconstruction of [n, d_model], 2,048 positions at a time."""
    return torch.cat([decoded(sae, part) for part in resid.split(2048)])
