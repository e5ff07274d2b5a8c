"""`functionscope precompute train-sae`:
BatchTopK SAEs on resid_post, several layers from one forward.

Training is sae-lens' own (`MultiSAETrainer`); activations come from our runtime. What sae-lens
saves is a JumpReLU SAE whose threshold is a moving average that starts at 0 and lags: the threshold
is set anew on rows kept for that, so that the mean L0 there is `k`, after the weights were rounded
to bfloat16. Measured L0, explained variance and reconstruction score go into cfg.json's metadata.
"""

import argparse
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from backend.core.lm import LanguageModel

CALIBRATION_ROWS = 128  # evenly spread over the stream, and never trained on
FORWARD_ROWS = 32


def activations(lm: LanguageModel, rows: Tensor, layers: list[int]) -> dict[int, Tensor]:
    """resid_post of the non-special positions of rows [batch, pos]:
    layer -> float32 [n, d_model].
    """
    resid = lm.resid_post(rows, layers)
    special = torch.isin(rows, torch.tensor(sorted(lm.special_ids), device=rows.device))
    return {layer: resid[layer][~special].float() for layer in layers}


def activation_batches(
    lm: LanguageModel, rows: np.ndarray, layers: list[int], batch: int, seed: int
) -> Iterator[dict[str, Tensor]]:
    """Endless batches {hook name: [batch, d_model]}, positions mixed over 4 forwards of 32 rows."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(rows))
        for start in range(0, len(order) - 4 * FORWARD_ROWS + 1, 4 * FORWARD_ROWS):
            parts: list[dict[int, Tensor]] = []
            for chunk in np.split(np.sort(order[start : start + 4 * FORWARD_ROWS]), 4):
                parts.append(
                    activations(
                        lm, torch.from_numpy(rows[chunk].astype(np.int64)).to(lm.device), layers
                    )
                )
            pool = {layer: torch.cat([part[layer] for part in parts]) for layer in layers}
            mixed = torch.from_numpy(rng.permutation(len(pool[layers[0]]))).to(lm.device)
            for piece in mixed.split(batch):
                if len(piece) == batch:
                    yield {hook_name(layer): pool[layer][piece] for layer in layers}


def read_rows(paths: list[Path]) -> np.ndarray:
    """Token ids [rows, ctx_len]: of several files the first rows of each,
    as many as the shortest has.
    """
    files = [np.load(path, mmap_mode="r") for path in paths]
    return np.concatenate([file[: min(map(len, files))] for file in files])


def hook_name(layer: int) -> str:
    """The name that sae-lens gives resid_post of a layer."""
    return f"blocks.{layer}.hook_resid_post"


def train(
    lm: LanguageModel, rows: np.ndarray, layers: list[int], args: argparse.Namespace
) -> dict[str, Any]:
    """Trained sae-lens SAEs by `layer_N`."""
    batches = activation_batches(lm, rows, layers, args.batch, args.seed)
    return fit(batches, lm.d_model, layers, args, str(lm.device))


def fit(
    batches: Iterator[dict[str, Tensor]],
    d_in: int,
    layers: list[int],
    args: argparse.Namespace,
    device: str,
) -> dict[str, Any]:
    """Trained sae-lens SAEs by `layer_N`, from endless batches {hook name: [batch, d_in]}."""
    from sae_lens import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.training.multi_sae_trainer import MultiSAETrainer

    torch.manual_seed(args.seed)
    saes = {
        f"layer_{layer}": BatchTopKTrainingSAE(
            BatchTopKTrainingSAEConfig(
                d_in=d_in,
                d_sae=args.d_sae,
                k=args.k,
                normalize_activations="expected_average_only_in",
            )
        )
        for layer in layers
    }
    steps = args.tokens // args.batch
    config = SAETrainerConfig(
        total_training_samples=steps * args.batch,
        train_batch_size_samples=args.batch,
        lr=args.lr,
        lr_end=args.lr / 10,
        lr_warm_up_steps=100,
        lr_decay_steps=steps // 4,
        n_batches_for_norm_estimate=10,
        autocast=True,
        dead_feature_window=50,
        device=device,
        logger=LoggingConfig(log_to_wandb=False),
    )
    hooks = {f"layer_{layer}": hook_name(layer) for layer in layers}
    trained: dict[str, Any] = MultiSAETrainer(config, saes, hooks, batches).fit()
    return trained


def export(
    sae: Any, folder: Path, layer: int, kept: Tensor, k: float, metadata: dict[str, Any]
) -> None:
    """Write cfg.json and bfloat16 sae_weights.safetensors with the threshold set on
    `kept` [n, d_model].
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
    """One threshold for all features that gives mean L0 = k on `kept` [n, d_model],
    and the measured facts.

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
def reconstruction_score(
    lm: LanguageModel, rows: Tensor, layer: int, folder: Path
) -> dict[str, float]:
    """(H0 - H*) / (H0 - Horig), nats per token over rows [batch, pos]:
    1 is perfect, 0 zeroes the layer.

    The paper's App. C; H* replaces resid_post by the SAE's reconstruction at every non-special
    position.
    """
    from backend.core.sae import Sae

    sae = Sae.load(folder)
    special = torch.isin(rows, torch.tensor(sorted(lm.special_ids)))
    block = lm.layers[layer]

    def loss(replace: Any) -> float:
        handle = block.register_forward_hook(
            lambda _m, _i, out: torch.where(special[..., None], out, replace(out))
        )
        try:
            total = [lm.per_token_loss(rows)]
        finally:
            handle.remove()
        return float(torch.cat(total)[~special[:, 1:]].mean())

    def decode(out: Tensor) -> Tensor:
        return (
            (sae.encode_dense(out.flatten(0, 1).float()) @ sae.W_dec.float() + sae.b_dec.float())
            .view_as(out)
            .to(out.dtype)
        )

    original, zeroed, replaced = loss(lambda out: out), loss(torch.zeros_like), loss(decode)
    return {
        "loss": round(original, 4),
        "loss_reconstructed": round(replaced, 4),
        "loss_zeroed": round(zeroed, 4),
        "reconstruction_score": round((zeroed - replaced) / (zeroed - original), 4),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute train-sae`."""
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument(
        "--rows",
        type=Path,
        nargs="+",
        required=True,
        help="rows.npy of train-lm (token ids [rows, ctx_len]); of several, as many rows of each "
        "as the shortest has",
    )
    parser.add_argument(
        "--layers",
        type=int,
        nargs="+",
        required=True,
        help="decoder layers whose output is decomposed",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder that gets one folder layer_N an SAE"
    )
    parser.add_argument(
        "--d-sae", type=int, default=2048, help="dictionary width (default: %(default)s)"
    )
    parser.add_argument(
        "--k",
        type=float,
        default=16,
        help="mean number of firing features a position (default: %(default)s)",
    )
    parser.add_argument(
        "--tokens", type=int, default=6_000_000, help="training positions (default: %(default)s)"
    )
    parser.add_argument(
        "--batch", type=int, default=2048, help="positions a step (default: %(default)s)"
    )
    parser.add_argument(
        "--lr", type=float, default=8e-4, help="Adam learning rate (default: %(default)s)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="SAE weights and order of the data (default: %(default)s)",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="one per really free core (default: %(default)s)"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Train one SAE a layer and write it in SAELens layout."""
    torch.set_num_threads(args.threads)
    lm = LanguageModel.load(args.model, dtype=torch.float32, device=args.device)
    bad = [layer for layer in args.layers if not 0 <= layer < lm.n_layers]
    if bad:
        raise ValueError(f"layers {bad} do not exist; the model has layers 0 to {lm.n_layers - 1}")
    rows = read_rows(args.rows)
    kept = np.linspace(0, len(rows) - 1, CALIBRATION_ROWS, dtype=np.int64)
    kept_rows = torch.from_numpy(rows[kept].astype(np.int64))
    saes = train(lm, np.delete(rows, kept, axis=0), args.layers, args)
    kept_resid = activations(lm, kept_rows, args.layers)
    metadata = {
        "trained_tokens": args.tokens,
        "seed": args.seed,
        "k": args.k,
        "training": "sae-lens BatchTopK, exported as JumpReLU",
    }
    for layer in tqdm(args.layers, desc="export"):
        folder = args.out / f"layer_{layer}"
        export(saes[f"layer_{layer}"], folder, layer, kept_resid[layer], args.k, metadata)
        cfg_path = folder / "cfg.json"
        cfg = json.loads(cfg_path.read_text("utf-8"))
        cfg["metadata"] |= reconstruction_score(lm, kept_rows[:32], layer, folder)
        cfg_path.write_text(json.dumps(cfg, indent=1) + "\n", "utf-8")
        print(
            folder.name,
            json.dumps(
                {key: v for key, v in cfg["metadata"].items() if isinstance(v, float | int)}
            ),
        )
    return 0
