"""Document shards, resampled: the weights of each draw, and intervals from what the draws gave.

Resampling shards with replacement leaves out 37 % of them, so a count of distinct things falls. The
spread of the draws is right and their centre is not: intervals are put around the estimate itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

Z95 = 1.959963984540054


def draws(n_shards: int, n_draws: int, seed: int) -> Ints:
    """[draws, shards] how often each shard is taken; every row sums to n_shards."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(n_shards, np.full(n_shards, 1 / n_shards), size=n_draws)


def interval(point: Any, replicates: Any) -> tuple[Floats, Floats]:
    """(low, high) = point -+ 1.96 standard deviations of the replicates [draws,
    …] around their mean.

    The normal form needs few draws; NaN where the point or any replicate is.
    """
    half = Z95 * np.std(np.asarray(replicates, dtype=np.float64), axis=0, ddof=1)
    return np.asarray(point - half), np.asarray(point + half)


def share_interval(point: Any, replicates: Any) -> tuple[Floats, Floats]:
    """The same for shares: kept within 0 to 1."""
    low, high = interval(point, replicates)
    return np.clip(low, 0, 1), np.clip(high, 0, 1)
