"""Stage `consolidation features`:
SAEs of every checkpoint, and how many of their features fire (paper, App. C).

Three recipes. fixed: one k for every checkpoint. equal_score: the paper's idea, k chosen at each
checkpoint so that the reconstruction score is the same; found by interpolation in log k between
probes. width: other dictionary widths at a few checkpoints, to see whether a count has hit its
ceiling. Each SAE is one file in WORK/runs/<run>/saes.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.consolidation.sae_training import (
    Activations,
    SaeSettings,
    Sample,
    collect,
    count,
    score,
    train_one,
)
from precompute.consolidation.series import Checkpoint, Series, claim_run, note_shape
from precompute.consolidation.text import HeldOut, require_same, text_digest
from precompute.job import (
    DTYPES,
    INTERVAL_SHARDS,
    BadInput,
    load_arrays,
    save_arrays,
    sha256,
    write_whole,
)

PROBES = (0.125, 0.5, 2.0)  # times k: where the score is measured before k is chosen
K_RANGE = (0.0625, 4.0)  # times k: equal_score goes no further
WIDTHS = (0.5, 2.0)  # times d_sae; width 1 is the fixed recipe


@dataclass(frozen=True)
class Plan:
    """Which SAEs to train."""

    settings: SaeSettings
    layer: int
    seeds: tuple[int, ...] = (0, 1)
    equal_score: bool = True
    width_steps: tuple[int, ...] = ()
    # whose fixed score equal_score aims at; None = the last checkpoint
    target_step: int | None = None
    rows_per_shard: int = 12  # full held-out rows of each document shard that are the sample


@dataclass
class Trainer:
    """One checkpoint with its model and activations,
    which are made when the first SAE that is missing needs them.
    """

    load: Callable[[], tuple[LanguageModel, Activations]]
    sample: Sample
    score_rows: np.ndarray
    plan: Plan
    folder: Path  # WORK/runs/<run>/saes
    step: int
    basis: dict[str, str]  # what every SAE depends on beside its recipe: text, training rows, dtype

    @cached_property
    def loaded(self) -> tuple[LanguageModel, Activations]:
        return self.load()

    def sae_id(self, recipe: str, settings: SaeSettings, seed: int) -> str:
        size = f"w{settings.d_sae}.k{settings.k:.4g}.s{seed}"
        return f"{self.step}.layer_{self.plan.layer}.{recipe}.{size}"

    def make(self, recipe: str, settings: SaeSettings, seed: int) -> float:
        """Train and count, or read what is there; the reconstruction score."""
        name = self.sae_id(recipe, settings, seed)
        path = self.folder / f"{name}.npz"
        if not path.exists():
            settings.check()
            folder = self.folder / "weights" / name
            train_one(self.loaded[1], self.plan.layer, settings, seed, folder)
            self._count(path, recipe, settings, seed, folder)
        found = load_arrays(path, "consolidation features")
        sample = {"sample_token": self.sample.token}
        require_same(path, found, self.basis | asdict(settings) | sample)
        return score_of(found)

    def _count(
        self, path: Path, recipe: str, settings: SaeSettings, seed: int, folder: Path
    ) -> None:
        sae = Sae.load(folder)
        lm, held = self.loaded
        counted = count(sae, held.sample, self.sample, INTERVAL_SHARDS)
        losses = score(lm, self.score_rows, self.plan.layer, folder)
        numbers = {
            name: np.array(losses[name]) for name in ("loss", "loss_zeroed", "loss_reconstructed")
        }
        stated: dict[str, Any] = asdict(settings) | {
            "step": self.step,
            "layer": self.plan.layer,
            "seed": seed,
        }
        save_arrays(
            path,
            pairs=counted.pairs,
            shard=counted.shard,
            n_firings=np.array(counted.n_firings),
            recipe=np.array(recipe),
            sample_token=self.sample.token,
            **numbers,
            **{name: np.array(value) for name, value in (stated | self.basis).items()},
        )
        shutil.rmtree(folder)


def score_of(found: dict[str, Any]) -> float:
    """(H0 - H*) / (H0 - Horig); nan where zeroing the layer changes nothing."""
    zeroed, whole = float(found["loss_zeroed"]), float(found["loss"])
    return (
        (zeroed - float(found["loss_reconstructed"])) / (zeroed - whole)
        if zeroed != whole
        else math.nan
    )


def choose_k(scores: dict[float, float], target: float, low: float, high: float) -> float:
    """k at which the score is `target`:
    linear in log k through the two nearest probes, kept in [low, high].
    """
    ks = sorted(scores)
    pairs = list(zip(ks, ks[1:], strict=False))
    a, b = next((pair for pair in pairs if scores[pair[0]] <= target <= scores[pair[1]]), pairs[-1])
    if target < scores[ks[0]]:
        a, b = pairs[0]
    rise = scores[b] - scores[a]
    if rise <= 0:
        return low if target < scores[a] else high
    place = math.log(a) + (target - scores[a]) / rise * (math.log(b) - math.log(a))
    return round(min(max(math.exp(place), low), high), 2)


def make_sample(text: HeldOut, rows_per_shard: int, score_rows: int) -> tuple[Sample, np.ndarray]:
    """(sample, score rows): full held-out rows, from the start and from the end of each shard."""
    full = np.nonzero(text.rows.lengths == text.rows.tokens.shape[1])[0]
    mine, rest = [], []
    for one in range(INTERVAL_SHARDS):
        of_shard = full[text.shard_of_row[full] == one]
        mine.append(of_shard[:rows_per_shard])
        rest.append(of_shard[rows_per_shard:])
    chosen, spare = np.concatenate(mine), np.concatenate(rest)
    if not len(chosen) or not len(spare):
        raise BadInput(
            "too few full held-out rows for a sample and for the score: take a longer text."
        )
    rows = text.rows.tokens[chosen]
    ordinary = ~np.isin(rows, text.special)
    shard = np.broadcast_to(text.shard_of_row[chosen][:, None], rows.shape)[ordinary]
    return Sample(rows, rows[ordinary], shard), text.rows.tokens[
        spare[:: max(1, len(spare) // score_rows)][:score_rows]
    ]


def basis_of(text: HeldOut, training_rows: Path, dtype: str) -> dict[str, str]:
    """What every SAE depends on beside its recipe."""
    return {"text": text_digest(text), "training_rows": sha256(training_rows), "dtype": dtype}


def make_features(
    series: Series,
    training_rows: Path,
    text: HeldOut,
    work: Path,
    plan: Plan,
    *,
    dtype: str,
    device: str,
) -> None:
    """Train and count what the plan asks for and is not there; the fixed recipe of every checkpoint
    comes first.
    """
    folder, basis = claim_run(series, work), basis_of(text, training_rows, dtype)
    sample, score_rows = make_sample(text, plan.rows_per_shard, plan.settings.score_rows)
    rows = np.load(training_rows, mmap_mode="r")

    def trainer(checkpoint: Checkpoint) -> Trainer:
        def load() -> tuple[LanguageModel, Activations]:
            lm = series.load(checkpoint, DTYPES[dtype], device)
            lm.check_layers([plan.layer])
            note_shape(folder, lm)
            return lm, _activations(lm, rows, sample, plan)

        return Trainer(load, sample, score_rows, plan, folder / "saes", checkpoint.step, basis)

    fixed: dict[int, float] = {}
    for checkpoint in series.checkpoints:
        one = trainer(checkpoint)
        fixed[checkpoint.step] = np.mean(
            [one.make("fixed", plan.settings, seed) for seed in plan.seeds]
        ).item()
        if checkpoint.step in plan.width_steps:
            for width in WIDTHS:
                one.make(
                    "width",
                    replace(plan.settings, d_sae=round(plan.settings.d_sae * width)),
                    plan.seeds[0],
                )
    if plan.equal_score:
        target = fixed[
            series.checkpoints[-1].step if plan.target_step is None else plan.target_step
        ]
        write_whole(
            work / "target_score.json",
            lambda path: path.write_text(json.dumps({"score": target}), "utf-8"),
        )
        for checkpoint in series.checkpoints:
            if checkpoint.step > 0:  # random weights have no score to equalise
                equalise(trainer(checkpoint), fixed[checkpoint.step], target)


def equalise(one: Trainer, fixed: float, target: float) -> None:
    """Probe the score at other k, choose k for the target, train there with every seed."""
    settings, seeds = one.plan.settings, one.plan.seeds
    scores = {settings.k: fixed}
    for factor in PROBES:
        probe = replace(settings, k=settings.k * factor)
        scores[probe.k] = one.make("probe", probe, seeds[0])
    low, high = (settings.k * bound for bound in K_RANGE)
    chosen = replace(settings, k=choose_k(scores, target, low, high))
    for seed in seeds:
        one.make("equal_score", chosen, seed)


def _activations(lm: LanguageModel, rows: np.ndarray, sample: Sample, plan: Plan) -> Activations:
    """Training and calibration rows are spread over the training stream, and no row is in both."""
    per_row = rows.shape[1] - 1
    need = (
        _rows_for(plan.settings.positions, per_row),
        _rows_for(plan.settings.calibration, per_row),
    )
    places = np.linspace(0, len(rows) - 1, sum(need), dtype=np.int64)
    kept = np.linspace(0, len(places) - 1, need[1], dtype=np.int64)
    train = np.delete(places, kept)
    return Activations(
        collect(lm, rows[train].astype(np.int64), plan.layer),
        collect(lm, rows[places[kept]].astype(np.int64), plan.layer)[: plan.settings.calibration],
        collect(lm, sample.rows, plan.layer),
    )


def _rows_for(positions: int, per_row: int) -> int:
    return math.ceil(positions / per_row * 1.1)  # special positions are left out


def finished(folder: Path) -> Sequence[Path]:
    """Files of the SAEs of one run, probes left out."""
    return [path for path in sorted((folder / "saes").glob("*.npz")) if ".probe." not in path.name]
