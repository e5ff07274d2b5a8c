"""SAEs trained together from activations on disk, each with sae-lens' own trainer, stopped and
resumed at will.

One pass over the shards in order; POOL shards are mixed at a time. After each pool every SAE is
saved with its
optimiser, so that a killed job loses one pool at most and goes on to the very weights it would have
had.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from precompute.job import BadInput, write_whole
from precompute.training.activations import Harvest

POOL = 4  # shards, or as many more as hold BATCHES: what is left of a pool is not trained on
BATCHES = 8
INIT_NORM = 0.1  # of a decoder direction before training, as sae-lens has it
DEAD_AFTER = 40  # steps without a firing: from then on the auxiliary loss pulls a feature back


@dataclass(frozen=True)
class Recipe:
    """One SAE to train. `k`: mean number of firing features a position."""

    name: str
    layer: int
    d_sae: int
    k: float
    seed: int = 0
    batch: int = 1024
    lr: float = 2e-3
    frozen_decoder: bool = (
        False  # random directions that are never trained: what does training the decoder add?
    )

    def check(self) -> None:
        """ValueError naming a setting that cannot work."""
        if not 0 < self.k < self.d_sae:
            raise ValueError(f"k is {self.k}; allowed: above 0, below the width {self.d_sae}.")


class QuickBatchTopK(nn.Module):
    """sae-lens' BatchTopK, the same entries kept: a search among the few that were large enough
    last time.
    """

    def __init__(self, k: float) -> None:
        super().__init__()
        self.k, self.floor = k, 0.0

    def forward(self, x: Tensor) -> Tensor:
        """x [batch, d_sae] -> the k * batch largest of its positive entries, all else 0."""
        acts = x.relu()
        wanted = int(self.k * len(acts))
        flat = acts.detach().float().flatten().numpy()
        high = np.flatnonzero(flat > self.floor)
        if len(high) < wanted:
            high = np.flatnonzero(flat > 0)
        if len(high) <= wanted:
            return acts
        values = flat[high]
        least = float(np.partition(values, len(values) - wanted)[len(values) - wanted])
        self.floor = 0.7 * least
        return torch.where(acts >= least, acts, 0)  # ties in bfloat16 are all kept


class Training:
    """One SAE with sae-lens' trainer around it, and where it is saved."""

    def __init__(
        self, recipe: Recipe, d_model: int, positions: int, folder: Path, device: str
    ) -> None:
        from sae_lens.config import LoggingConfig, SAETrainerConfig
        from sae_lens.training.sae_trainer import SAETrainer

        self.recipe, self.folder = recipe, folder
        self.sae = _new_sae(recipe, d_model, device)
        steps = max(4, positions // recipe.batch)
        config = SAETrainerConfig(
            total_training_samples=steps * recipe.batch,
            train_batch_size_samples=recipe.batch,
            lr=recipe.lr,
            lr_end=recipe.lr / 10,
            lr_warm_up_steps=min(100, steps // 4),
            lr_decay_steps=steps // 4,
            autocast=True,
            dead_feature_window=DEAD_AFTER,
            device=device,
            logger=LoggingConfig(log_to_wandb=False),
        )
        self.trainer = SAETrainer(cfg=config, sae=self.sae, data_provider=iter(()))
        self.pools = 0

    def begin(self, pool: Tensor) -> None:
        """Scale, centre and point as the first pool [n, d_model] has it: mean norm sqrt(d_model),
        b_dec at the
        mean, and each feature's direction towards one position of the pool.

        From random directions half of the features never fire: a few dimensions hold much of the
        variance, and
        what points along them wins every search. Measured after 120 steps: 92 % alive against 52 %.
        """
        resid = pool.float()
        scale = resid.shape[1] ** 0.5 / float(resid.norm(dim=-1).mean())
        self.trainer.activation_scaler.scaling_factor = scale
        mean = resid.mean(0)
        with torch.no_grad():
            self.sae.b_dec.copy_(mean * scale)
            if self.recipe.frozen_decoder:
                return
            chosen = np.random.default_rng(self.recipe.seed).choice(len(resid), self.recipe.d_sae)
            towards = (
                nn.functional.normalize(resid[torch.from_numpy(chosen)] - mean, dim=-1) * INIT_NORM
            )
            self.sae.W_dec.copy_(towards)
            self.sae.W_enc.copy_(towards.T)

    def learn(self, pool: Tensor, advance: Callable[[int], object]) -> None:
        """One pass over a pool [n, d_model] in a seeded order; a rest smaller than a batch is left
        out.
        """
        if self.pools == 0:
            self.begin(pool)
        order = np.random.default_rng((self.recipe.seed, self.pools)).permutation(len(pool))
        for piece in torch.from_numpy(order).split(self.recipe.batch):
            if len(piece) == self.recipe.batch:
                self.trainer.maybe_reset_sparsity()
                self.trainer.step(pool[piece].float())
                self.trainer.n_training_steps += 1
            advance(len(piece))
        self.pools += 1

    def save(self) -> None:
        """Atomic; older states are removed."""
        new = self.folder / f".{self.pools:05d}.new"
        shutil.rmtree(new, ignore_errors=True)
        self.trainer.save_trainer_state(new)
        torch.save(self.sae.state_dict(), new / "sae.pt")
        os.replace(new, self.folder / f"{self.pools:05d}")
        for old in self.states()[:-1]:
            shutil.rmtree(old)

    def states(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("[0-9]*") if path.is_dir())

    def resume(self) -> None:
        """From the last state, where there is one."""
        states = self.states()
        if states:
            self.trainer.load_trainer_state(states[-1])
            self.sae.load_state_dict(torch.load(states[-1] / "sae.pt"))
            self.pools = int(states[-1].name)

    def finished(self) -> Any:
        """The sae-lens SAE with the scaling folded into its weights: it takes the residual stream
        as it is.
        """
        scaler = self.trainer.activation_scaler
        if scaler.scaling_factor is not None:
            self.sae.fold_activation_norm_scaling_factor(scaler.scaling_factor)
            scaler.scaling_factor = None
        self.trainer.set_final_sae_metadata()
        return self.sae


def _new_sae(recipe: Recipe, d_model: int, device: str) -> Any:
    from sae_lens import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig

    torch.manual_seed(recipe.seed)
    sae = BatchTopKTrainingSAE(
        BatchTopKTrainingSAEConfig(
            d_in=d_model,
            d_sae=recipe.d_sae,
            k=recipe.k,
            normalize_activations="expected_average_only_in",
        )
    ).to(device)
    if device == "cpu":
        sae.activation_fn = QuickBatchTopK(recipe.k)
    if recipe.frozen_decoder:
        sae.W_dec.requires_grad_(False)
    return sae


def claim(folder: Path, recipe: Recipe) -> None:
    """Make the folder of a training, or make sure that it holds this very one; else BadInput."""
    path, mine = folder / "recipe.txt", repr(recipe) + "\n"
    if path.exists() and path.read_text() != mine:
        raise BadInput(
            f"{folder} holds another training, {path.read_text().strip()}: "
            "give another --work or --name."
        )
    write_whole(path, lambda temporary: temporary.write_text(mine))


def pool_shards(n_shards: int, positions: int, batch: int) -> Iterator[range]:
    """Which shards are mixed, pool by pool, where `positions` are in all of them."""
    size = max(POOL, -(-BATCHES * batch * n_shards // positions))
    for start in range(0, n_shards, size):
        yield range(start, min(start + size, n_shards))


def train_all(
    harvest: Harvest,
    recipes: Sequence[Recipe],
    d_model: int,
    positions: int,
    n_shards: int,
    wait_for: Callable[[int], None],
) -> dict[str, Any]:
    """Trained sae-lens SAEs by name. `positions` a pass, for the schedule; `wait_for` a shard to be
    there.
    """
    batch = max(recipe.batch for recipe in recipes)
    _require_steps(positions, batch)
    trainings = [_resumed(harvest, recipe, d_model, positions) for recipe in recipes]
    total = positions * len(trainings)
    done = sum(t.trainer.n_training_samples for t in trainings)
    with tqdm(
        total=total,
        initial=done,
        unit="pos",
        unit_scale=True,
        desc="training",
        mininterval=10,
        smoothing=0.05,
    ) as bar:
        for number, shards in enumerate(pool_shards(n_shards, positions, batch)):
            behind = [training for training in trainings if training.pools == number]
            if not behind:
                continue
            for shard in shards:
                wait_for(shard)
            for training in behind:
                pool = torch.cat([harvest.read(shard, training.recipe.layer) for shard in shards])
                training.learn(pool, bar.update)
                training.save()
            bar.set_postfix_str(", ".join(_state(training) for training in trainings))
    return {training.recipe.name: training.finished() for training in trainings}


def _require_steps(positions: int, batch: int) -> None:
    if positions < BATCHES * batch:
        raise BadInput(
            f"there are {positions:,} positions to train on, {positions // batch} steps of --batch "
            f"{batch}; needed: {BATCHES} steps. Give more text (--corpus, --tokens), or a smaller "
            "--batch."
        )


def _resumed(harvest: Harvest, recipe: Recipe, d_model: int, positions: int) -> Training:
    folder = harvest.work / "training" / recipe.name
    claim(folder, recipe)
    training = Training(recipe, d_model, positions, folder, harvest.device)
    training.resume()
    return training


def _state(training: Training) -> str:
    return f"{training.recipe.name} dead {int(training.trainer.dead_neurons.sum())}"
