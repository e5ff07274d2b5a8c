"""Which stage of learning a checkpoint is in,
by a stated rule from stored numbers (paper, Figure 10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.core.companions.consolidation.codec import unpack
from backend.core.companions.consolidation.rows import (
    Cut,
    Floats,
    Ints,
    Query,
    bootstrap_weights,
    interval_of,
)

FUNCTION_ONLY = 0.90  # share of the most probable next tokens
LONG_RANGE = 0.25  # nats
STAGES = ("random", "function_tokens", "local_phrases", "long_range")


@dataclass(frozen=True)
class StageNumbers:
    """What one checkpoint's label is decided by."""

    run: int
    step: int
    predicted: Ints  # [band or special, kind] most probable next tokens
    distinct_predictions: int
    short_loss: Floats  # [shard]
    whole_loss: Floats  # [shard]
    n: Ints  # [shard]

    @property
    def context_gain(self) -> float:
        """Nats by which the whole context beats the last few tokens, per target."""
        return float(((self.short_loss - self.whole_loss) * self.n).sum() / self.n.sum())

    def gain_interval(self) -> tuple[float, float]:
        """95 % bootstrap over document shards."""
        weights = bootstrap_weights(len(self.n))
        drawn = ((self.short_loss - self.whole_loss) * self.n) @ weights / (self.n @ weights)
        low, high = interval_of(drawn)
        return float(low), float(high)

    def function_share(self, cut: Cut) -> float:
        """Share of the predictions that are function tokens; a predicted special token is none."""
        grid: Ints = np.asarray(np.indices(self.predicted.shape), np.int64)
        band, kind = grid[0], grid[1]
        ordinary = band < len(self.predicted) - 1
        return float(
            self.predicted[cut.is_function(band, kind) & ordinary].sum() / self.predicted.sum()
        )


@dataclass(frozen=True)
class Limits:
    """Mean losses that a label is measured by, nats."""

    uniform: float  # ln of the vocabulary's size
    unigram: float


def read_stages(query: Query, n_bands: int, n_kinds: int) -> tuple[StageNumbers, ...]:
    """Every checkpoint's numbers."""
    names = "run, step, predicted, distinct_predictions, short_loss, whole_loss, n"
    return tuple(
        StageNumbers(
            run,
            step,
            unpack(predicted, "uint32", n_bands + 1, n_kinds).astype(np.int64),
            distinct,
            np.array(short, np.float64),
            np.array(whole, np.float64),
            np.array(n, np.int64),
        )
        for run, step, predicted, distinct, short, whole, n in query(
            f"SELECT {names} FROM stage ORDER BY run, step"
        )
    )


def stage_of(numbers: StageNumbers, cut: Cut, loss: float, limits: Limits) -> str:
    """One of STAGES, by `rule`."""
    if loss > (limits.uniform + limits.unigram) / 2:
        return "random"
    if numbers.function_share(cut) >= FUNCTION_ONLY:
        return "function_tokens"
    return "long_range" if numbers.gain_interval()[0] >= LONG_RANGE else "local_phrases"


def rule(limits: Limits, provenance: dict[str, Any]) -> str:
    """The rule in words, with its thresholds."""
    short = provenance["stages"]["short"]
    return (
        f"random: the mean held-out loss is above {(limits.uniform + limits.unigram) / 2:.2f} "
        f"nats, half way from the uniform loss ({limits.uniform:.2f}) to the unigram loss "
        f"({limits.unigram:.2f}). Otherwise only function tokens: at least {FUNCTION_ONLY:.0%} "
        "of the most probable next tokens are function tokens. Otherwise long range: the context "
        f"beyond the last {short} tokens is worth at least {LONG_RANGE} nats per token, with the "
        "lower end of its interval. Otherwise local phrases."
    )
