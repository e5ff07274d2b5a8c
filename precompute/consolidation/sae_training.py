"""One small SAE on one checkpoint: trained, given its threshold, scored, and counted on the sample.

Training is that of `precompute train-sae`. Activations of a checkpoint are computed once for all
its SAEs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.training.export import export, hook_name
from precompute.training.together import activations, fit, reconstruction_score

FORWARD_ROWS = 16
ENCODE_AT_ONCE = 8192  # positions
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SaeSettings:
    """The recipe: everything but k, width and seed is the same for every SAE."""

    d_sae: int = 1024
    k: float = 16.0
    positions: int = 65_536  # to train on, each once
    batch: int = 256
    lr: float = 2e-3
    calibration: int = 16_384  # positions that the threshold is set on, not trained on
    score_rows: int = 16

    def check(self) -> None:
        """ValueError naming a setting that cannot work."""
        if not 0 < self.k < self.d_sae:
            raise ValueError(f"k is {self.k}; allowed: above 0, below the width {self.d_sae}.")
        if self.positions < 4 * self.batch:
            raise ValueError(f"{self.positions} positions make no 4 batches of {self.batch}.")


@dataclass(frozen=True)
class Activations:
    """resid_post of one layer of one checkpoint, float32 [n, d_model], for each use."""

    train: Tensor
    calibration: Tensor
    sample: Tensor


@dataclass(frozen=True)
class Sample:
    """Positions on which features are counted: the same for every SAE."""

    rows: Ints  # [rows, ctx_len]
    token: Ints  # [positions] token at each non-special position, row by row
    shard: Ints  # [positions] document shard


@torch.inference_mode()
def collect(lm: LanguageModel, rows: Ints, layer: int) -> Tensor:
    """resid_post of the non-special positions of rows, row by row."""
    parts = [
        activations(
            lm, torch.from_numpy(rows[start : start + FORWARD_ROWS]).to(lm.device), [layer]
        )[layer]
        for start in range(0, len(rows), FORWARD_ROWS)
    ]
    return torch.cat(parts)


def batches(pool: Tensor, layer: int, batch: int, seed: int) -> Iterator[dict[str, Tensor]]:
    """Endless batches in a seeded order; every activation once before any is seen again."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for piece in torch.randperm(len(pool), generator=generator).split(batch):
            if len(piece) == batch:
                yield {hook_name(layer): pool[piece]}


def train_one(
    held: Activations, layer: int, settings: SaeSettings, seed: int, folder: Path
) -> None:
    """Write the SAE's folder: sae-lens BatchTopK,
    exported as JumpReLU with its threshold set for mean L0 = k.
    """
    options = argparse.Namespace(
        seed=seed,
        d_sae=settings.d_sae,
        k=settings.k,
        tokens=settings.positions,
        batch=settings.batch,
        lr=settings.lr,
    )
    stream = batches(held.train, layer, settings.batch, seed)
    device = str(held.train.device)
    with torch.random.fork_rng():
        trained = fit(stream, held.train.shape[1], [layer], options, device)
    stated = {"seed": seed, "k": settings.k, "trained_tokens": settings.positions}
    export(trained[f"layer_{layer}"], folder, layer, held.calibration, settings.k, stated)


@dataclass(frozen=True)
class Counted:
    """What fires on the sample, by document shard: pairs (token, feature), each once a shard."""

    pairs: Ints  # [n] token * d_sae + feature
    shard: Ints  # [n]
    n_firings: int


def count(sae: Sae, resid: Tensor, sample: Sample, n_shards: int) -> Counted:
    """Firings of an SAE on the sample."""
    keys: list[Ints] = []
    n_firings = 0
    for start in range(0, len(resid), ENCODE_AT_ONCE):
        fired = sae.encode(resid[start : start + ENCODE_AT_ONCE])
        position = fired.position.cpu().numpy() + start
        pair = sample.token[position] * sae.d_sae + fired.feature_index.cpu().numpy()
        keys.append(np.unique(pair * n_shards + sample.shard[position]))
        n_firings += len(fired)
    every = np.unique(np.concatenate(keys)) if keys else np.empty(0, np.int64)
    return Counted(every // n_shards, every % n_shards, n_firings)


def score(lm: LanguageModel, rows: Ints, layer: int, folder: Path) -> dict[str, float]:
    """Losses with the layer whole, zeroed and replaced by the SAE's reconstruction,
    nats; and the score.
    """
    return reconstruction_score(lm, torch.from_numpy(rows).to(lm.device), layer, folder)
