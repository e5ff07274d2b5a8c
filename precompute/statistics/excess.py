"""Degree beside the degree that a content token of the same frequency would have.

Two answers to "does this token reach more than its frequency explains?":
1. *matched*: the token and every content token that is frequent enough are rarefied to the same n;
   nothing is extrapolated, but n stops where content tokens become too few;
2. *expected*: a line through the content tokens' mean rarefaction, ln E = a + b ln n + c (ln n)^2,
   read at the token's own occurrences; beyond the most frequent content tokens that is
   extrapolation, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from precompute.statistics.rarefaction import GroupRow, Rarefied

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LEAST_TOKENS = 20  # content tokens that a comparison at n needs


@dataclass(frozen=True)
class NullFit:
    """One row of the table `null_fit`, less its SAE."""

    a: float
    b: float
    c: float
    n_from: int
    n_to: int
    n_points: int

    def at(self, n: Ints) -> Floats:
        """Features expected of a content token with n >= 1 occurrences."""
        log_n = np.log(np.asarray(n, dtype=np.float64))
        return np.asarray(np.exp(self.a + self.b * log_n + self.c * log_n**2))


def fit_null(content: Sequence[GroupRow]) -> NullFit | None:
    """Least squares over the content tokens' means, each n with the same weight;
    None for fewer than 4 n.
    """
    if len(content) < 4 or min(row.mean for row in content) <= 0:
        return None
    n = np.array([row.n for row in content])
    c, b, a = np.polyfit(np.log(n), np.log([row.mean for row in content]), 2).tolist()
    return NullFit(a, b, c, int(n.min()), int(n.max()), len(n))


def chao1(observed: Ints, once: Ints, twice: Ints) -> Floats:
    """Chao1, bias-corrected: a lower bound of the number of kinds,
    from those seen once and twice.
    """
    return np.asarray(observed + once * (once - 1) / (2.0 * (twice + 1)), dtype=np.float64)


def excess_columns(
    made: Rarefied, content: Sequence[GroupRow], fit: NullFit, token_ids: Ints, occurrences: Ints
) -> dict[str, npt.NDArray[np.generic]]:
    """Columns of the table `excess` for these tokens,
    all with occurrences >= the first n of `content`.

    occurrences [vocab].
    """
    n = occurrences[token_ids]
    at = np.array([row.n for row in content])
    near = np.searchsorted(at, n, side="right") - 1
    mean, low, high = (
        np.array([getattr(row, name) for row in content])
        for name in ("mean", "token_low", "token_high")
    )
    expected = fit.at(n)
    column = np.searchsorted(made.grid, at[near])
    degree = made.degree[token_ids]
    return {
        "token_id": token_ids,
        "degree": degree,
        "chao1": np.round(chao1(degree, made.once[token_ids], made.twice[token_ids]), 1),
        "expected": np.round(expected, 1),
        "low": np.round(expected * (low / mean)[near], 1),
        "high": np.round(expected * (high / mean)[near], 1),
        "extrapolated": n > fit.n_to,
        "excess": np.round(degree / expected - 1, 4),
        "matched_n": at[near],
        "matched": np.round(made.expected[token_ids, column], 1),
        "matched_mean": np.round(mean[near], 1),
        "matched_low": np.round(low[near], 1),
        "matched_high": np.round(high[near], 1),
    }
