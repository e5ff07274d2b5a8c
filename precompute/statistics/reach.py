"""What groups of tokens reach together, and what as many positions of other tokens would reach.

All from sums per document shard, so a resample of shards costs a weighted sum. Edges of one firing
(min_count = 1); `statistics_counts` has those of more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.core.token_kinds import KINDS
from precompute.building.coverage import NEVER
from precompute.building.tokens import TokenTable
from precompute.statistics.excess import chao1
from precompute.statistics.rarefaction import LogFactorials, missed
from precompute.statistics.resample import Z95, interval, share_interval
from precompute.statistics.shards import FIRST_K, Reach, Scale, cut_sizes

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

GROUPS = ("function", "content", *KINDS, "all")
# of all positions: a kind with less is not brought to the common number of positions
LEAST_SHARE = 1 / 500


@dataclass(frozen=True)
class Comparison:
    """The k most frequent tokens against as many positions of the tokens after rank `beyond`."""

    k: int
    cut: int | None  # %, where k is the number of function tokens at that cut
    beyond: int

    @property
    def others(self) -> str:
        return "content" if self.cut is None else "rest"


def comparisons(tokens: TokenTable) -> list[Comparison]:
    """Every k up to the function tokens against content;
    every cut against all that is not in it.
    """
    n_function = tokens.n_function
    ks = sorted({k for k in FIRST_K if k <= n_function} | {n_function})
    found = [Comparison(k, None, n_function) for k in ks if k]
    return found + [
        Comparison(k, cut, k) for cut, k in cut_sizes(tokens).items() if k < len(tokens.ranked)
    ]


@dataclass(frozen=True)
class Sums:
    """The sums over resampled shards that everything here is read from."""

    first_place: Ints  # [thetas, d_sae]
    firings: Ints  # [thetas, buckets, d_sae]
    kind_firings: Ints  # [kinds, d_sae]
    occurrences: Ints  # [vocab]

    @property
    def n_active(self) -> int:
        """Features that fire at all: what shares are divided by."""
        return max(int((self.first_place[0] != NEVER).sum()), 1)


def weighted(reach: Reach, by_shard: Ints, weights: Ints) -> Iterator[Sums]:
    """Sums for each row of weights [draws, shards]; reach has the shard as its first axis."""
    firings = reach.firings.reshape(len(by_shard), -1).astype(np.float64)  # exact below 2^53
    for row in weights:
        summed = (
            (row.astype(np.float64) @ firings).astype(np.int64).reshape(reach.firings.shape[1:])
        )
        kinds = np.tensordot(row, reach.kind_firings, axes=1)
        yield Sums(reach.first_place[row > 0].min(axis=0), summed, kinds, row @ by_shard)


def drawn_coverage(
    firings: Ints, n_positions: int, drawn: int, log_factorial: LogFactorials
) -> float:
    """Expected features met by `drawn` of n_positions without replacement;
    NaN where there are fewer.
    """
    if drawn > n_positions:
        return float("nan")
    gone = missed(np.int64(n_positions), firings[firings > 0], np.int64(drawn), log_factorial)
    return float((1 - gone).sum())


def both_sides(
    sums: Sums,
    scale: Scale,
    ranked: Ints,
    chosen: Sequence[Comparison],
    log_factorial: LogFactorials,
) -> Floats:
    """[2, thetas, comparisons] shares of the active features:
    the k tokens, and the others' positions.
    """
    cumulative = np.cumsum(sums.occurrences[ranked])
    # [thetas, buckets, d_sae] from this bucket on
    after = np.cumsum(sums.firings[:, ::-1], axis=1)[:, ::-1]
    found = np.empty((2, len(sums.first_place), len(chosen)))
    for i, one in enumerate(chosen):
        found[0, :, i] = (sums.first_place < one.k).sum(axis=1)
        bucket = int(np.searchsorted(scale.ends, one.beyond)) + 1
        n_others, drawn = (
            int(cumulative[-1] - cumulative[one.beyond - 1]),
            int(cumulative[one.k - 1]),
        )
        found[1, :, i] = [drawn_coverage(f[bucket], n_others, drawn, log_factorial) for f in after]
    return found / sums.n_active


def equal_occurrence(
    reach: Reach,
    scale: Scale,
    tokens: TokenTable,
    weights: Ints,
    log_factorial: LogFactorials,
    chosen: Sequence[Comparison] | None = None,
) -> list[dict[str, Any]]:
    """Rows of the table for min_count = 1, less their SAE. `chosen`: default, all `comparisons`."""
    chosen, ranked = comparisons(tokens) if chosen is None else chosen, tokens.ranked
    whole = np.ones((1, len(tokens.by_shard)), dtype=np.int64)
    point = both_sides(
        next(weighted(reach, tokens.by_shard, whole)), scale, ranked, chosen, log_factorial
    )
    sums = weighted(reach, tokens.by_shard, weights)
    drawn = np.stack([both_sides(one, scale, ranked, chosen, log_factorial) for one in sums])
    low, high = share_interval(point, drawn)
    apart = interval(point[0] - point[1], drawn[:, 0] - drawn[:, 1])
    occurrences = np.cumsum(tokens.occurrences[ranked])
    return [
        {
            "theta_ordinal": theta,
            "min_count": 1,
            "k": one.k,
            "cut": one.cut,
            "others": one.others,
            "occurrences": int(occurrences[one.k - 1]),
            "coverage": point[0, theta, i],
            "low": low[0, theta, i],
            "high": high[0, theta, i],
            "other_coverage": _known(point[1, theta, i]),
            "other_low": _known(low[1, theta, i]),
            "other_high": _known(high[1, theta, i]),
            "difference_low": _known(apart[0][theta, i]),
            "difference_high": _known(apart[1][theta, i]),
        }
        for theta in range(point.shape[1])
        for i, one in enumerate(chosen)
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


# -- groups ----------------------------------------------------------------------------------------


def members(tokens: TokenTable, scale: Scale) -> Bools:
    """[groups, vocab] which tokens each of GROUPS holds; special tokens are in none."""
    ranked = scale.place < len(tokens.ranked)
    function = scale.place < tokens.n_function
    kinds = [ranked & (scale.kind == kind) for kind in range(len(KINDS))]
    return np.stack([function, ranked & ~function, *kinds, ranked])


def group_firings(sums: Sums, scale: Scale, n_function: int) -> Ints:
    """[groups, d_sae] firings above 0 at the positions of each of GROUPS."""
    total = sums.firings[0].sum(axis=0)
    function = sums.firings[0][scale.ends <= n_function].sum(axis=0)
    return np.concatenate([[function, total - function], sums.kind_firings, [total]])


def _group_shares(
    sums: Sums, scale: Scale, n_function: int, common: Floats, groups: Bools, log: Any
) -> Floats:
    """[2, groups] coverage by all positions, and expected of common [groups] of them."""
    firings, positions = (
        group_firings(sums, scale, n_function),
        groups.astype(np.int64) @ sums.occurrences,
    )
    drawn = [
        drawn_coverage(f, int(n), min(int(c), int(n)), log)
        for f, n, c in zip(firings, positions, common, strict=True)
    ]
    return np.stack([(firings > 0).sum(axis=1), drawn]) / sums.n_active


def kind_summary(
    reach: Reach, scale: Scale, tokens: TokenTable, weights: Ints, log: LogFactorials
) -> list[dict[str, Any]]:
    """Rows of `kind_summary`, less their SAE: groups of at least LEAST_SHARE of all positions."""
    groups = members(tokens, scale)
    positions = groups.astype(np.int64) @ tokens.occurrences
    large = positions >= LEAST_SHARE * positions[-1]
    common = np.full(len(GROUPS), float(positions[large].min()))
    sums = weighted(reach, tokens.by_shard, np.ones((1, len(tokens.by_shard)), dtype=np.int64))
    point = _group_shares(next(sums), scale, tokens.n_function, common, groups, log)
    resampled = weighted(reach, tokens.by_shard, weights)
    drawn = np.stack(
        [_group_shares(one, scale, tokens.n_function, common, groups, log) for one in resampled]
    )
    low, high = share_interval(point, drawn)
    seen = groups & (tokens.occurrences > 0)
    return [
        {
            "token_group": name,
            "n_tokens": int(seen[g].sum()),
            "occurrences": int(positions[g]),
            "coverage": point[0, g],
            "low": low[0, g],
            "high": high[0, g],
            "common_n": int(common[g]),
            "at_common": point[1, g],
            "common_low": low[1, g],
            "common_high": high[1, g],
        }
        for g, name in enumerate(GROUPS)
        if large[g]
    ]


def chao1_rows(reach: Reach, scale: Scale, tokens: TokenTable) -> list[dict[str, Any]]:
    """Rows of `chao1`, less their SAE; the interval is Chao's (1987) log-normal one.

    Shards are not resampled here: a feature seen once, in a shard drawn twice, would count as seen
    twice.
    """
    sums = next(
        weighted(reach, tokens.by_shard, np.ones((1, len(tokens.by_shard)), dtype=np.int64))
    )
    rows = []
    for name, firings in zip(GROUPS, group_firings(sums, scale, tokens.n_function), strict=True):
        observed, once, twice = (
            int(n) for n in ((firings > 0).sum(), (firings == 1).sum(), (firings == 2).sum())
        )
        estimate = float(chao1(*(np.array(n) for n in (observed, once, twice))))
        low, high = chao1_interval(observed, once, twice)
        rows.append(
            {
                "token_group": name,
                "observed": observed,
                "once": once,
                "twice": twice,
                "estimate": estimate,
                "low": low,
                "high": high,
            }
        )
    return rows


def chao1_interval(observed: int, once: int, twice: int) -> tuple[float, float]:
    """95 % interval of Chao1, log-normal in the number of unseen kinds
    (Chao 1987; bias-corrected variance).

    Without singletons nothing points to unseen kinds: both ends are `observed`.
    """
    unseen = once * (once - 1) / (2 * (twice + 1))
    if unseen == 0:
        return float(observed), float(observed)
    variance = (
        unseen
        + once * (2 * once - 1) ** 2 / (4 * (twice + 1) ** 2)
        + once**2 * twice * (once - 1) ** 2 / (4 * (twice + 1) ** 4)
    )
    factor = float(np.exp(Z95 * np.sqrt(np.log1p(variance / unseen**2))))
    return observed + unseen / factor, observed + unseen * factor
