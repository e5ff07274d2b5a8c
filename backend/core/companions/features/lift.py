"""How much more often a feature fires at function tokens than at content tokens,
with an honest interval.

lift = (firings at function tokens / positions of function tokens)
     / (firings at content tokens / positions of content tokens)

The interval is Wilson's for the share of a feature's firings that fall on function tokens, carried
over to the lift, which is a monotone function of that share. Firings within a document are not
independent, so Wilson's n is the *effective* number of firings: the number divided by the design
effect that the document shards show (the survey statistician's linearised variance of a ratio, over
the binomial one; at least 1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backend.core.store.feature_search import Lifts

Z = 1.959963984540054  # 95 %
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def effective_firings(function_by_shard: Ints, all_by_shard: Ints) -> Floats:
    """[shards, features] firings at function tokens and in all -> [features] effective
    number of firings.

    Where all firings are of one class the shards show no variance, and the number itself is taken.
    """
    shards = len(all_by_shard)
    n = all_by_shard.sum(axis=0).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = function_by_shard.sum(axis=0) / n
        residual = function_by_shard - share * all_by_shard
        variance = (
            shards / (shards - 1) * (residual**2).sum(axis=0)
            if shards > 1
            else n * share * (1 - share)
        )
        effect = variance / (n * share * (1 - share))
    effect = np.where(np.isfinite(effect), np.maximum(effect, 1.0), 1.0)
    return np.asarray(n / effect, dtype=np.float64)


def wilson(share: Floats, n: Floats) -> tuple[Floats, Floats]:
    """95 % interval of a share from n trials; (0, 1) where n = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    nothing = ~(n > 0)
    low = np.where(nothing, 0.0, np.clip(middle - half, 0.0, 1.0))
    high = np.where(nothing, 1.0, np.clip(middle + half, 0.0, 1.0))
    return np.where(share <= 0, 0.0, low), np.where(share >= 1, 1.0, high)


def lifts(
    n_function: Ints, n_firings: Ints, n_effective: Floats, positions: tuple[int, int]
) -> Lifts:
    """[features] each; `positions`: of function tokens, of content tokens.

    Infinite where content never fires it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.asarray(n_function / n_firings, dtype=np.float64)
    low, high = wilson(share, np.asarray(n_effective, dtype=np.float64))
    return Lifts(
        *(_odds(one) * (positions[1] / max(positions[0], 1)) for one in (share, low, high))
    )


def _odds(share: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(share / (1 - share), dtype=np.float64)
