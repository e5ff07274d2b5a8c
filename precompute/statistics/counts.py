"""Coverage where an edge needs several firings (min_count above 1),
and what other tokens would reach.

The k most frequent tokens: counted, with resampled shards. The others: every position is kept with
the probability p that gives as many positions as the k tokens have, each by itself; a feature is
reached when some token keeps at least min_count of its firings. Under that sampling the expectation
is exact: 1 - prod over tokens of P(Binomial(firings, p) < min_count). It has no interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from backend.core.store import MIN_COUNTS
from precompute.building.coverage import NEVER
from precompute.building.tokens import TokenTable
from precompute.statistics.edges import EdgeChunk
from precompute.statistics.reach import Comparison
from precompute.statistics.resample import share_interval
from precompute.statistics.shards import N_THETAS

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SEVERAL = tuple(least for least in MIN_COUNTS if least > 1)


def log_unreached(firings: Ints, feature: Ints, share: float, least: int, d_sae: int) -> Floats:
    """[d_sae] ln of the probability that no edge keeps `least` firings,
    each kept with probability `share`.
    """
    distinct, where = np.unique(firings, return_inverse=True)
    kept = np.minimum(binom.sf(least - 1, distinct, share), 1 - 1e-16)
    return np.bincount(feature, weights=np.log1p(-kept)[where], minlength=d_sae).astype(np.float64)


class CountedReach:
    """One SAE's edges of several firings, chunk by chunk."""

    def __init__(
        self, tokens: TokenTable, chosen: Sequence[Comparison], d_sae: int, weights: Ints
    ) -> None:
        self._tokens, self._chosen, self._d_sae = tokens, chosen, d_sae
        self._place, self._weights = tokens.place(), weights
        shape = (len(weights) + 1, N_THETAS, len(SEVERAL), d_sae)
        # draw 0 is the sample itself
        self._first = np.full(shape, np.iinfo(np.int32).max, dtype=np.int32)
        self._log_unreached = np.zeros((N_THETAS, len(SEVERAL), len(chosen), d_sae))

    def add(self, chunk: EdgeChunk) -> None:
        """Edges of some more tokens."""
        place = self._place[chunk.token_id]
        top = place < max(one.k for one in self._chosen)
        whole = np.ones((1, len(self._tokens.by_shard)), dtype=np.int64)
        near = EdgeChunk(
            chunk.token_id[top], chunk.feature_index[top], [part[top] for part in chunk.by_shard]
        )
        for theta in range(N_THETAS):
            self._add_others(chunk.counts(theta), chunk.feature_index, place, theta)
            for draw, counts in enumerate(
                near.resampled(np.concatenate([whole, self._weights]), theta)
            ):
                for m, least in enumerate(SEVERAL):
                    kept = counts >= least
                    np.minimum.at(
                        self._first[draw, theta, m], near.feature_index[kept], place[top][kept]
                    )

    def _add_others(self, counts: Ints, feature: Ints, place: Ints, theta: int) -> None:
        for i, one in enumerate(self._chosen):
            share = self.share(one)
            if share is None:
                continue
            other = (place >= one.beyond) & (counts > 1)
            for m, least in enumerate(SEVERAL):
                gone = log_unreached(counts[other], feature[other], share, least, self._d_sae)
                self._log_unreached[theta, m, i] += gone

    def share(self, one: Comparison) -> float | None:
        """Positions of the k tokens / positions of the others; None where that is more than all."""
        cumulative = np.cumsum(self._tokens.occurrences[self._tokens.ranked])
        share = int(cumulative[one.k - 1]) / max(
            int(cumulative[-1] - cumulative[one.beyond - 1]), 1
        )
        return share if share <= 1 else None

    def rows(self, n_active: int, active_draws: Ints) -> list[dict[str, Any]]:
        """Rows of `equal_occurrence` for min_count above 1;
        active_draws [draws] are their denominators.
        """
        cumulative = np.cumsum(self._tokens.occurrences[self._tokens.ranked])
        denominators = np.concatenate([[n_active], active_draws])[:, None, None]
        made = []
        for i, one in enumerate(self._chosen):
            # [1 + draws, thetas, min_counts]
            shares = (self._first < one.k).sum(axis=3) / denominators
            low, high = share_interval(shares[0], shares[1:])
            for theta in range(N_THETAS):
                for m, least in enumerate(SEVERAL):
                    reached = -np.expm1(self._log_unreached[theta, m, i]).sum() / n_active
                    made.append(
                        {
                            "theta_ordinal": theta,
                            "min_count": least,
                            "k": one.k,
                            "cut": one.cut,
                            "others": one.others,
                            "occurrences": int(cumulative[one.k - 1]),
                            "coverage": shares[0, theta, m],
                            "low": low[theta, m],
                            "high": high[theta, m],
                            "other_coverage": None if self.share(one) is None else float(reached),
                        }
                    )
        return made


def active_draws(first_place: Ints, weights: Ints) -> Ints:
    """[draws] features active in each resample; first_place [shards, d_sae] at theta = 0."""
    met = (first_place != NEVER).astype(np.int64)
    return np.asarray(((weights @ met) > 0).sum(axis=1), dtype=np.int64)
