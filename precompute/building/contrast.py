"""The headline's control: the k most frequent tokens against content tokens at the same
number of occurrences.

A frequent token may reach many features merely because it occurs often. So the k most frequent
tokens, n occurrences together, are set against n occurrences of content tokens, drawn in two ways:
1. position by position, without replacement: the expectation is exact, since feature f, firing at
   n_f of the N content positions, is missed with probability C(N - n_f, n) / C(N, n);
2. whole content tokens at random until they have n occurrences (a few seeded draws).
Intervals resample document shards. Only theta = 0 and min_count = 1; k stays within the function
tokens, so that the two sides never share a token.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from backend.core.token_classes import CONTENT
from precompute.building.coverage import NEVER, Graph
from precompute.building.tokens import TokenTable

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

CONTRAST_K = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 50, 100)
N_BOOTSTRAP = 1_000
N_WHOLE_TOKEN_DRAWS = 20
LEVEL = 0.95


@dataclass(frozen=True)
class ShardReach:
    """What each document shard reached under one SAE; [shards, d_sae] each."""

    # smallest place (rank - 1) of a token that fires the feature, NEVER if none does
    first_place: Ints
    content_positions: Ints  # content positions at which it fires


@dataclass(frozen=True)
class ContrastRow:
    """One row of the table `contrast`; shares of the active features."""

    k: int
    is_function_cut: bool
    occurrences: int
    coverage: float
    coverage_low: float
    coverage_high: float
    content_coverage: float | None
    content_low: float | None
    content_high: float | None
    difference_low: float | None
    difference_high: float | None
    whole_tokens_mean: float | None
    whole_tokens_min: float | None
    whole_tokens_max: float | None
    whole_tokens_count: float | None


def contrast_ks(n_function: int) -> list[int]:
    """The values of k up to the number of function tokens, and that number itself."""
    return sorted(
        {k for k in CONTRAST_K if k <= n_function} | ({n_function} if n_function else set())
    )


def expected_distinct(firings: Ints, n_positions: int, drawn: int) -> float:
    """Expected number of features met when `drawn` of n_positions are taken without replacement.

    firings [features]: positions at which each fires. NaN where fewer positions exist than are
    drawn.
    """
    if drawn > n_positions:
        return float("nan")
    values, times = np.unique(firings[firings > 0], return_counts=True)
    kept = torch.from_numpy(np.asarray(values, dtype=np.float64))
    left = n_positions - kept
    total = torch.tensor(float(n_positions), dtype=torch.float64)
    # C(N - f, n) / C(N, n) = (N-f)! (N-n)! / ((N-f-n)! N!); zero where N - f < n
    log_missed = (
        torch.lgamma(left + 1)
        + torch.lgamma(total - drawn + 1)
        - torch.lgamma((left - drawn).clamp(min=0) + 1)
        - torch.lgamma(total + 1)
    )
    missed = torch.where(
        left >= drawn, log_missed.clamp(max=0.0).exp(), torch.zeros_like(log_missed)
    )
    return float(((1 - missed).numpy() * times).sum())


@dataclass(frozen=True)
class Curve:
    """Both sides at every k, as shares of the active features: [k] each."""

    top: Floats
    content: Floats


def measure(reach: ShardReach, tokens: TokenTable, ks: list[int], weights: Ints) -> Curve:
    """Both sides where shard s is taken weights[s] times;
    the active features are recounted with it.
    """
    taken = weights > 0
    first = reach.first_place[taken].min(axis=0)
    n_active = max(int((first != NEVER).sum()), 1)
    content = weights @ reach.content_positions
    by_token = weights @ tokens.by_shard
    n_content = int(by_token[tokens.classes == CONTENT].sum())
    drawn = np.cumsum(by_token[tokens.ranked])
    return Curve(
        np.array([(first < k).sum() / n_active for k in ks]),
        np.array([expected_distinct(content, n_content, int(drawn[k - 1])) / n_active for k in ks]),
    )


def whole_token_draws(
    graph: Graph, tokens: TokenTable, ks: list[int], seed: int
) -> tuple[Floats, Floats]:
    """(features reached, tokens drawn), each [draws, k]: whole content tokens until they have as
    many occurrences as the k most frequent tokens, or a few more; NaN where all content together
    has fewer.
    """
    generator = np.random.default_rng(seed)
    occurrences = tokens.occurrences
    content = np.flatnonzero((tokens.classes == CONTENT) & (occurrences > 0))
    wanted = np.cumsum(occurrences[tokens.ranked])[np.array(ks, dtype=np.int64) - 1]
    reached = np.full((N_WHOLE_TOKEN_DRAWS, len(ks)), np.nan)
    drawn = np.full_like(reached, np.nan)
    for draw in range(N_WHOLE_TOKEN_DRAWS):
        ordered = generator.permutation(content)
        place = np.full(graph.vocab_size, NEVER)
        place[ordered] = np.arange(len(ordered))
        first = np.sort(graph.first_places(place))
        n_tokens = np.searchsorted(np.cumsum(occurrences[ordered]), wanted) + 1
        enough = n_tokens <= len(ordered)
        drawn[draw, enough] = n_tokens[enough]
        reached[draw, enough] = np.searchsorted(first, n_tokens[enough])
    return reached, drawn


def intervals(point: Floats, replicates: Floats) -> tuple[Floats, Floats]:
    """95 % interval of each column of replicates [draws, k], centred on the point estimate.

    Resampling with replacement leaves out 37 % of the shards, so a count of distinct features falls
    with it. The spread is kept and that bias is taken off: quantiles of (replicate - mean of
    replicates + point).
    """
    centred = replicates - replicates.mean(axis=0) + point
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(centred, [tail, 1 - tail], axis=0)
    return low, high


def contrast(reach: ShardReach, graph: Graph, tokens: TokenTable, seed: int) -> list[ContrastRow]:
    """The comparison at every k, for one SAE; `graph` holds all its edges."""
    ks = contrast_ks(tokens.n_function)
    n_shards = len(reach.first_place)
    point = measure(reach, tokens, ks, np.ones(n_shards, dtype=np.int64))
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(n_shards, np.full(n_shards, 1 / n_shards), size=N_BOOTSTRAP)
    replicates = [measure(reach, tokens, ks, weights) for weights in draws]
    top = np.stack([curve.top for curve in replicates])
    content = np.stack([curve.content for curve in replicates])
    columns = (
        (point.top, *np.clip(intervals(point.top, top), 0, 1)),
        (point.content, *np.clip(intervals(point.content, content), 0, 1)),
        intervals(point.top - point.content, top - content),
    )
    reached, drawn = whole_token_draws(graph, tokens, ks, seed)
    n_active = max(int((reach.first_place.min(axis=0) != NEVER).sum()), 1)
    whole = (reached.mean(axis=0), reached.min(axis=0), reached.max(axis=0))
    occurrences = np.cumsum(tokens.occurrences[tokens.ranked])
    rows = []
    for i, k in enumerate(ks):
        coverage, low, high = (float(column[i]) for column in columns[0])
        optional = [*columns[1], *columns[2], *(w / n_active for w in whole), drawn.mean(axis=0)]
        rest = [None if np.isnan(column[i]) else float(column[i]) for column in optional]
        cut = k == tokens.n_function
        rows.append(ContrastRow(k, cut, int(occurrences[k - 1]), coverage, low, high, *rest))
    return rows
