"""SAEs of one checkpoint from batches in memory, with sae-lens' trainer of several, and their
score.

What the checkpoints of a training run are decomposed with: many small SAEs, none of them resumed.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from precompute.training.export import hook_name


def activations(lm: LanguageModel, rows: Tensor, layers: list[int]) -> dict[int, Tensor]:
    """resid_post of the non-special positions of rows [batch, pos], by layer: [n, d_model]."""
    resid = lm.resid_post(rows, layers)
    special = torch.isin(rows, torch.tensor(sorted(lm.special_ids), device=rows.device))
    return {layer: resid[layer][~special].float() for layer in layers}


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
    shape = BatchTopKTrainingSAEConfig(
        d_in=d_in, d_sae=args.d_sae, k=args.k, normalize_activations="expected_average_only_in"
    )
    saes = {f"layer_{layer}": BatchTopKTrainingSAE(replace(shape)) for layer in layers}
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


def reconstruction_score(
    lm: LanguageModel, rows: Tensor, layer: int, folder: Path
) -> dict[str, float]:
    """(H0 - H*) / (H0 - Horig), nats per token over rows [batch, pos]: 1 is perfect, 0 zeroes the
    layer.

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
