"""Rarefaction: how many distinct features a token would have met after n of its occurrences.

The sampling unit is a *position* of the token. A feature that fires at f of its N positions is
missed by n positions drawn without replacement with probability C(N - f, n) / C(N, n), whatever the
other features do, so the expectation is exact. What it cannot know: positions of one document are
alike, and a draw of positions breaks documents up. The intervals resample whole document shards and
so carry that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from precompute.statistics.edges import EdgeChunk
from precompute.statistics.resample import Z95

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Count: TypeAlias = Ints | np.int64

TABLE = 4_000_000  # log factorials kept in a table up to here; beyond, they are computed
# share of draws that may hold too few occurrences before the error is not stated
SHORT_DRAWS = 0.05


def log_grid(most: int) -> Ints:
    """1, 2, 5, 10, 20, 50 … up to `most`."""
    powers = 10 ** np.arange(0, len(str(max(most, 1))), dtype=np.int64)
    grid = np.sort(np.concatenate([powers, 2 * powers, 5 * powers]))
    return grid[grid <= most]


class LogFactorials:
    """ln n! of integers, from a table where that fits."""

    def __init__(self, most: int) -> None:
        self._table: Floats | None = gammaln(np.arange(most + 2) + 1.0) if most <= TABLE else None

    def __call__(self, n: Any) -> Floats:
        found: Floats = gammaln(n + 1.0) if self._table is None else self._table[n]
        return found


def missed(total: Count, firings: Count, drawn: Count, log_factorial: LogFactorials) -> Floats:
    """C(N - f, n) / C(N, n): probability that n of N positions hold none of the
    f firings; n <= N.
    """
    left = total - firings
    exponent = (
        log_factorial(left)
        + log_factorial(total - drawn)
        - log_factorial(np.maximum(left - drawn, 0))
        - log_factorial(total)
    )
    return np.where(left >= drawn, np.exp(np.minimum(exponent, 0.0)), 0.0)


def rarefy(
    token: Ints, firings: Ints, total: Ints, grid: Ints, log_factorial: LogFactorials, n_tokens: int
) -> tuple[Floats, Ints]:
    """([tokens, grid] expected distinct features, [tokens] degrees).

    token [edges] in 0..n_tokens, firings [edges] (0 allowed), total [tokens] occurrences. Where a
    token has n occurrences or fewer, all of them are drawn: its degree.
    """
    fires = firings > 0
    token, firings = token[fires], firings[fires]
    degree = np.bincount(token, minlength=n_tokens)
    expected = np.empty((n_tokens, len(grid)))
    for place, n in enumerate(grid.tolist()):
        more = total[token] > n
        # the grid rises: who has too few now has too few later
        token, firings = token[more], firings[more]
        gone = np.bincount(
            token, missed(total[token], firings, np.int64(n), log_factorial), minlength=n_tokens
        )
        expected[:, place] = degree - gone
    return expected, degree


@dataclass
class Rarefied:
    """What one SAE's rarefaction gives; token axes are the whole vocabulary."""

    grid: Ints  # [grid]
    expected: Floats  # [vocab, grid]; meaningful where a token has n occurrences
    se: Floats  # [vocab, grid] standard deviation of the draws; NaN where too many draws fall short
    degree: Ints  # [vocab]
    once: Ints  # [vocab] features that fire at exactly one of its positions
    twice: Ints  # [vocab]
    degree_draws: Ints  # [draws, vocab]
    # [draws, groups, grid] mean over a group's tokens with n occurrences, resampled
    group_draws: Floats

    def enough(self, occurrences: Ints) -> Bools:
        """[vocab, grid] whether the token has n occurrences."""
        return occurrences[:, None] >= self.grid[None, :]


def rarefaction(
    chunks: Iterable[EdgeChunk], by_shard: Ints, groups: Bools, weights: Ints, least_tokens: int = 1
) -> Rarefied:
    """One SAE's rarefaction with its draws.

    by_shard [shards, vocab] occurrences; groups [groups, vocab] members; weights [draws, shards].
    least_tokens: a group's mean is NaN at n where it has fewer tokens with n occurrences.
    """
    occurrences = by_shard.sum(axis=0)
    n_vocab, n_draws = len(occurrences), len(weights)
    grid = log_grid(int(occurrences.max(initial=1)))
    drawn_occurrences = weights @ by_shard
    log_factorial = LogFactorials(
        int(max(occurrences.max(initial=1), drawn_occurrences.max(initial=1)))
    )
    enough = occurrences[:, None] >= grid[None, :]
    members = groups.astype(np.float64) @ enough
    made = Rarefied(
        grid,
        expected=np.zeros((n_vocab, len(grid))),
        se=np.full((n_vocab, len(grid)), np.nan),
        degree=np.zeros(n_vocab, dtype=np.int64),
        once=np.zeros(n_vocab, dtype=np.int64),
        twice=np.zeros(n_vocab, dtype=np.int64),
        degree_draws=np.zeros((n_draws, n_vocab), dtype=np.int64),
        group_draws=np.zeros((n_draws, len(groups), len(grid))),
    )
    for chunk in chunks:
        _add(made, chunk, occurrences, drawn_occurrences, groups, weights, log_factorial)
    made.group_draws /= np.where(members >= max(least_tokens, 1), members, np.nan)
    return made


def _add(
    made: Rarefied,
    chunk: EdgeChunk,
    occurrences: Ints,
    drawn_occurrences: Ints,
    groups: Bools,
    weights: Ints,
    log_factorial: LogFactorials,
) -> None:
    """Put the tokens of one chunk in their places."""
    ids, token = np.unique(chunk.token_id, return_inverse=True)
    firings, n = chunk.counts(), len(ids)
    made.expected[ids], made.degree[ids] = rarefy(
        token, firings, occurrences[ids], made.grid, log_factorial, n
    )
    made.once[ids] = np.bincount(token[firings == 1], minlength=n)
    made.twice[ids] = np.bincount(token[firings == 2], minlength=n)
    enough = occurrences[ids, None] >= made.grid[None, :]
    members = groups[:, ids].astype(np.float64)
    total, squares = np.zeros((2, n, len(made.grid)))
    short = np.zeros((n, len(made.grid)), dtype=np.int64)
    for draw, resampled in enumerate(chunk.resampled(weights)):
        there = drawn_occurrences[draw, ids]
        found, degree = rarefy(token, resampled, there, made.grid, log_factorial, n)
        made.degree_draws[draw, ids] = degree
        made.group_draws[draw] += members @ np.where(enough, found, 0.0)
        total += found
        squares += found * found
        short += there[:, None] < made.grid[None, :]
    if len(weights) > 1:
        variance = np.maximum(squares - total * total / len(weights), 0) / (len(weights) - 1)
        made.se[ids] = np.where(
            enough & (short <= SHORT_DRAWS * len(weights)), np.sqrt(variance), np.nan
        )


@dataclass(frozen=True)
class GroupRow:
    """One row of the table `rarefaction_group`, less its SAE."""

    token_group: str
    n: int
    n_tokens: int
    mean: float
    low: float
    high: float
    token_low: float
    token_high: float


def group_rows(
    made: Rarefied, names: Sequence[str], groups: Bools, occurrences: Ints, least: int
) -> list[GroupRow]:
    """Mean rarefaction of each group at each n where at least `least` of its tokens
    have n occurrences.
    """
    enough = made.enough(occurrences)
    spread = np.std(made.group_draws, axis=0, ddof=1)
    rows = []
    for g, name in enumerate(names):
        for j, n in enumerate(made.grid.tolist()):
            values = made.expected[groups[g] & enough[:, j], j]
            if len(values) < least:
                continue
            mean, half = float(values.mean()), Z95 * float(spread[g, j])
            low, high = np.quantile(values, [0.025, 0.975]).tolist()
            rows.append(GroupRow(name, n, len(values), mean, mean - half, mean + half, low, high))
    return rows
