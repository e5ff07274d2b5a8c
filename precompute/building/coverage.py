"""Stage 3, `coverage`: how many features the first k tokens of an order reach (paper, section 2).

Everything here is exact arithmetic on merged edges; nothing knows files, models or DuckDB.
An edge at (theta, min_count) is a token-feature pair with at least min_count firings above theta.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NEVER = np.iinfo(np.int64).max  # the first place of a feature that no token reaches


@dataclass(frozen=True)
class Graph:
    """Edges at one theta and min_count, sorted by (token_id, feature_index)."""

    token_id: Ints
    feature_index: Ints
    vocab_size: int
    d_sae: int

    def degrees(self) -> Ints:
        """[vocab] features that each token has an edge to."""
        return np.bincount(self.token_id, minlength=self.vocab_size)

    def first_places(self, place: Ints) -> Ints:
        """[d_sae] smallest place of a token with an edge to the feature;
        place is [vocab], from 0.
        """
        first = np.full(self.d_sae, NEVER)
        np.minimum.at(first, self.feature_index, place[self.token_id])
        return first


@dataclass(frozen=True)
class Steps:
    """The ranks of an order at which something new is reached; arrays of one length."""

    rank: Ints  # 1-based
    token_id: Ints
    new_features: Ints


def steps(graph: Graph, ordered: Ints) -> Steps:
    """Coverage along `ordered` (token_ids); tokens outside it reach nothing."""
    place = np.full(graph.vocab_size, NEVER)
    place[ordered] = np.arange(len(ordered))
    first = graph.first_places(place)
    places, new_features = np.unique(first[first != NEVER], return_counts=True)
    return Steps(places + 1, ordered[places], new_features.astype(np.int64))


def ranked_by(values: Ints, ranked: Ints) -> Ints:
    """Tokens by descending value, ties by frequency rank; `ranked` is the frequency order."""
    return ranked[np.argsort(-values[ranked], kind="stable")]


def greedy(graph: Graph, ranked: Ints) -> Steps:
    """Greedy set cover: at each rank the token that reaches most new features,
    ties by frequency rank.

    Stops where nothing is left. Gains only ever fall, so a token whose refreshed gain still heads
    the heap is the best one (lazy evaluation; the same answer as looking at all of them).
    """
    bounds = np.searchsorted(graph.token_id, np.arange(graph.vocab_size + 1))
    degrees = np.diff(bounds)
    heap = [
        (-int(degrees[t]), place, int(t)) for place, t in enumerate(ranked.tolist()) if degrees[t]
    ]
    heapq.heapify(heap)
    reached = np.zeros(graph.d_sae, dtype=bool)
    taken, gains = list[int](), list[int]()
    while heap:
        stale, place, token = heapq.heappop(heap)
        mine = graph.feature_index[bounds[token] : bounds[token + 1]]
        gain = int((~reached[mine]).sum())
        if gain == -stale:
            reached[mine] = True
            taken.append(token)
            gains.append(gain)
        elif gain:
            heapq.heappush(heap, (-gain, place, token))
    ranks = np.arange(1, len(taken) + 1, dtype=np.int64)
    return Steps(ranks, np.array(taken, dtype=np.int64), np.array(gains, dtype=np.int64))


@dataclass(frozen=True)
class RandomCurve:
    """Features covered by the first `rank` tokens of random orders; arrays of one length."""

    rank: Ints
    mean: Floats
    least: Ints
    most: Ints


def random_orders(seen: Ints, n_orders: int, seed: int) -> list[Ints]:
    """Seeded permutations of the tokens that occur;
    the first is the one whose every rank is stored.
    """
    generator = np.random.default_rng(seed)
    return [generator.permutation(seen) for _ in range(n_orders)]


def random_curve(graph: Graph, orders: Sequence[Ints]) -> RandomCurve:
    """Mean and range over the orders, at log_ranks."""
    ranks = log_ranks(len(orders[0]))
    curves = []
    for ordered in orders:
        place = np.full(graph.vocab_size, NEVER)
        place[ordered] = np.arange(len(ordered))
        curves.append(np.searchsorted(np.sort(graph.first_places(place)), ranks))
    covered = np.stack(curves)
    return RandomCurve(ranks, covered.mean(axis=0), covered.min(axis=0), covered.max(axis=0))


def log_ranks(n: int) -> Ints:
    """1 to 10, then twenty per decade, then n."""
    spaced = np.round(10 ** np.arange(1, np.log10(max(n, 10)) + 1e-9, 0.05)).astype(np.int64)
    ranks = np.unique(np.concatenate([np.arange(1, 11), spaced, [n]]))
    return ranks[ranks <= n]
