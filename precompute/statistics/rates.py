"""Coverage where an edge is a rate: a token has an edge to a feature that fires at `min_rate` of
the token's occurrences or more.

With edges of a stated number of firings, a token reaches more features the more often it occurs. A
rate takes that advantage away, so the control is as many content *tokens*, whatever they occur.
Tokens with fewer than LEAST occurrences have no rate to speak of and are left out everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.core.token_classes import CONTENT
from precompute.building.tokens import TokenTable
from precompute.statistics.edges import EdgeChunk
from precompute.statistics.resample import share_interval

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

RATES = (0.01, 0.05, 0.2, 0.5)
LEAST = 100  # occurrences
KS = (1, 10, 30, 100)
DRAWS = 200  # of content tokens


class RateReach:
    """One SAE's edges by rate, chunk by chunk."""

    def __init__(
        self,
        tokens: TokenTable,
        d_sae: int,
        weights: Ints,
        least: int = LEAST,
        ks: Sequence[int] = KS,
    ) -> None:
        self._tokens, self._d_sae, self._weights = tokens, d_sae, weights
        self._occurrences = tokens.occurrences
        self._ranked = tokens.ranked[self._occurrences[tokens.ranked] >= least]
        self._place = np.full(len(self._occurrences), len(self._ranked), dtype=np.int64)
        self._place[self._ranked] = np.arange(len(self._ranked))
        none = np.empty(0, dtype=np.int64)
        self._edges = [(none, none, none.astype(np.float64))]  # place, feature, rate
        self._ks = [k for k in ks if k <= len(self._ranked)]
        drawn = (len(weights), len(RATES), d_sae)
        self._first = np.full(drawn, np.iinfo(np.int32).max, dtype=np.int32)

    def add(self, chunk: EdgeChunk) -> None:
        """Edges of some more tokens, at theta = 0."""
        place, n = self._place[chunk.token_id], self._occurrences[chunk.token_id]
        rate = chunk.counts() / np.maximum(n, 1)
        kept = (place < len(self._ranked)) & (rate >= min(RATES))
        self._edges.append((place[kept], chunk.feature_index[kept], rate[kept]))
        self._resample(chunk, place)

    def _resample(self, chunk: EdgeChunk, place: Ints) -> None:
        """Where the first tokens of every draw of shards reach a feature."""
        top = place < max(self._ks, default=0)
        near = EdgeChunk(chunk.token_id[top], chunk.feature_index[top], [chunk.by_shard[0][top]])
        for draw, counts in enumerate(near.resampled(self._weights)):
            n = self._weights[draw] @ self._tokens.by_shard
            rate = counts / np.maximum(n[near.token_id], 1)
            for m, least in enumerate(RATES):
                kept = rate >= least
                np.minimum.at(self._first[draw, m], near.feature_index[kept], place[top][kept])

    def _reached(self, least: float) -> tuple[Ints, Ints]:
        """(place, feature) of every edge at that rate."""
        place, feature, rate = (np.concatenate(column) for column in zip(*self._edges, strict=True))
        return place[rate >= least], feature[rate >= least]

    def ranks(self) -> dict[str, Any]:
        """Columns of `rate_rank`, less the SAE."""
        made: dict[str, list[Any]] = {
            name: [] for name in ("min_rate", "rank", "token_id", "degree", "new_features")
        }
        n = len(self._ranked)
        for least in RATES if n else ():
            place, feature = self._reached(least)
            first = np.full(self._d_sae, n)
            np.minimum.at(first, feature, place)
            made["min_rate"].append(np.full(n, least))
            made["rank"].append(np.arange(1, n + 1))
            made["token_id"].append(self._ranked)
            made["degree"].append(np.bincount(place, minlength=n))
            made["new_features"].append(np.bincount(first[first < n], minlength=n))
        return {name: np.concatenate(parts) for name, parts in made.items() if parts}

    def contrasts(self, n_active: int, active: Ints, seed: int) -> list[dict[str, Any]]:
        """Rows of `rate_contrast`, less the SAE; `active` [draws] features active in each."""
        content = np.flatnonzero(self._tokens.classes[self._ranked] == CONTENT)
        made = []
        for m, least in enumerate(RATES):
            place, feature = self._reached(least)
            for k in self._ks:
                share = len(np.unique(feature[place < k])) / max(n_active, 1)
                again = (self._first[:, m] < k).sum(axis=1) / np.maximum(active, 1)
                low, high = share_interval(share, again)
                row = {"min_rate": least, "k": k, "coverage": share, "low": low, "high": high}
                others = self._others(content, place, feature, k, seed) / max(n_active, 1)
                row |= {"n_others": len(content), "n_draws": len(others)}
                if len(others):
                    ends = np.quantile(others, (0.025, 0.975))
                    row |= {
                        "others_mean": float(others.mean()),
                        "others_low": float(ends[0]),
                        "others_high": float(ends[1]),
                    }
                made.append(row)
        return made

    def _others(self, content: Ints, place: Ints, feature: Ints, k: int, seed: int) -> Ints:
        """[DRAWS] features that k content tokens reach, drawn evenly; none where there are fewer
        than twice as many: the draws would be the same tokens again.
        """
        if len(content) < 2 * k:
            return np.empty(0, dtype=np.int64)
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(len(self._ranked) + 1))
        generator = np.random.default_rng((seed, k))
        counts = []
        for _ in range(DRAWS):
            chosen = generator.choice(content, k, replace=False)
            reached = [feature[order[starts[p] : starts[p + 1]]] for p in chosen]
            counts.append(len(np.unique(np.concatenate(reached))))
        return np.array(counts, dtype=np.int64)
