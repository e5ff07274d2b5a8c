"""Unigram and bigram loss of the held-out targets, counted on the training rows.

unigram: P(b) = (count(b) + 1) / (N + V), V without special tokens.
bigram:  P(b | a) = (count(a b) + m P(b)) / (count(a) + m): Dirichlet smoothing towards the unigram.
m is the value of GRID with the least loss on one training row in TUNING_EVERY, which is not
counted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from precompute.consolidation.text import HeldOut, text_digest
from precompute.job import BadInput, load_arrays, save_arrays

GRID = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)
TUNING_EVERY = 128
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bigrams:
    """Counts of adjacent non-special tokens, and of tokens."""

    keys: Ints  # sorted current * V + next of the pairs that occur
    pairs: Ints  # how often each
    starts: Ints  # [vocab] pairs that begin with a token
    unigram: Floats  # [vocab] smoothed probability; 0 for special tokens

    def unigram_loss(self, target: Ints) -> Floats:
        """Nats, float64 [targets]."""
        return np.asarray(-np.log(self.unigram[target]))

    def bigram_loss(self, current: Ints, target: Ints, weight: float) -> Floats:
        """Nats, float64 [targets]; `weight` is m."""
        wanted = current * len(self.unigram) + target
        place = np.minimum(np.searchsorted(self.keys, wanted), max(len(self.keys) - 1, 0))
        found = (
            np.where(self.keys[place] == wanted, self.pairs[place], 0)
            if len(self.keys)
            else 0 * wanted
        )
        return np.asarray(
            -np.log((found + weight * self.unigram[target]) / (self.starts[current] + weight))
        )


def count_bigrams(rows: np.ndarray, vocab: int, special: Collection[int]) -> Bigrams:
    """From training rows [rows, ctx_len]; pairs with a special token are not counted."""
    current, target = adjacent(rows, special)
    keys, pairs = np.unique(current * vocab + target, return_counts=True)
    counts = np.bincount(target, minlength=vocab).astype(np.float64) + 1.0
    counts[list(special)] = 0.0
    return Bigrams(keys, pairs, np.bincount(current, minlength=vocab), counts / counts.sum())


def adjacent(rows: np.ndarray, special: Collection[int]) -> tuple[Ints, Ints]:
    """(current, next) of every pair of neighbours of which neither is special."""
    ordinary = ~np.isin(rows, list(special))
    both = ordinary[:, :-1] & ordinary[:, 1:]
    return rows[:, :-1][both].astype(np.int64), rows[:, 1:][both].astype(np.int64)


def best_weight(bigrams: Bigrams, current: Ints, target: Ints) -> float:
    """The m of GRID with the least mean loss."""
    return min(GRID, key=lambda weight: float(bigrams.bigram_loss(current, target, weight).mean()))


def make_baselines(training_rows: Path, text: HeldOut, vocab: int, work: Path) -> None:
    """Write WORK/baselines.npz with the loss of both, unless it is there."""
    path = work / "baselines.npz"
    if path.exists():
        if str(load_arrays(path, "consolidation text")["text"]) != text_digest(text):
            raise BadInput(f"{path} was made on another text: give another --work, or delete it.")
        return
    rows = np.load(training_rows, mmap_mode="r")
    tuning = np.arange(len(rows)) % TUNING_EVERY == 0
    bigrams = count_bigrams(rows[~tuning], vocab, text.special)
    weight = best_weight(bigrams, *adjacent(rows[tuning], text.special))
    targets = text.targets()
    save_arrays(
        path,
        unigram=bigrams.unigram_loss(targets["target"]).astype(np.float32),
        bigram=bigrams.bigram_loss(targets["current"], targets["target"], weight).astype(
            np.float32
        ),
        weight=np.array(weight),
        counted=np.array(int(bigrams.pairs.sum())),
        text=np.array(text_digest(text)),
    )
