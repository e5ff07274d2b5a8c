"""Coverage by rank, in every order that a build holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.core.store.base import Generation, SaeRow
from backend.core.store.coverage_columns import (
    COVERAGE_STEPS,
    Band,
    CoverageColumns,
    CoverageRow,
    Ints,
    columns_of,
)
from backend.core.store.tokens import TokenQueries


@dataclass(frozen=True)
class Contrast:
    """The k most frequent tokens against content at the same number of occurrences;
    shares of active features.
    """

    k: int
    is_function_cut: bool
    occurrences: int
    coverage: float
    interval: tuple[float, float]
    # expectation for content positions drawn one by one; None: too few of them
    content_coverage: float | None
    content_interval: tuple[float, float] | None
    difference_interval: tuple[float, float] | None
    whole_tokens_mean: float | None  # whole content tokens drawn at random instead
    whole_tokens_range: tuple[float, float] | None
    content_tokens: float | None  # mean number of distinct tokens in those draws


RANDOM_CURVE = """
SELECT rank, covered_mean, covered_min, covered_max FROM random_curve
WHERE sae_ordinal = $1 AND theta_ordinal = $2 AND min_count = $3
"""
CONTRASTS = """
SELECT k, is_function_cut, occurrences, coverage, coverage_low, coverage_high,
       content_coverage, content_low, content_high, difference_low, difference_high,
       whole_tokens_mean, whole_tokens_min, whole_tokens_max, whole_tokens_count
FROM contrast WHERE sae_ordinal = $1 ORDER BY k
"""


DENOMINATORS = ("active", "dictionary")
ORDERS = ("frequency", "document_coverage", "degree", "greedy", "random")
MIN_COUNTS = (1, 2, 5, 10)


def theta_ordinal(grid: Sequence[float], theta: float) -> int | None:
    """Which of the stored thresholds `theta` is, None for none.

    Either may have been rounded to float32, no more.
    """
    for ordinal, stored in enumerate(grid):
        if theta in (stored, _float32(stored)) or _float32(theta) == stored:
            return ordinal
    return None


def _float32(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(value))


@dataclass(frozen=True)
class Coverage:
    """coverage(k) along one order."""

    columns: CoverageColumns
    bands: dict[int, Band]  # by rank
    n_all: int  # the denominator
    n_active: int
    d_sae: int
    effective: dict[str, Any]

    @property
    def rows(self) -> list[CoverageRow]:
        return self.columns.rows(self.n_all, self.bands)


class CoverageQueries(TokenQueries):
    """Rows of `coverage_step`, `degree`, `random_curve` and `contrast`."""

    def coverage(
        self,
        sae_id: str,
        theta: float = 0.0,
        min_count: int = 1,
        denominator: str = "active",
        order: str = "frequency",
        max_rank: int | None = None,
    ) -> Coverage:
        """Coverage by rank in an order;
        raises ValueError for a setting that the build does not hold.

        `active` counts the features with any firing (theta = 0, min_count = 1) at a non-special
        position of the corpus, whatever theta and min_count are asked for, so that curves stay
        comparable.
        """
        generation = self._current()
        ordinal, _, sae = self._sae(generation, sae_id)
        theta_ordinal = self._theta_ordinal(sae, theta)
        for name, value, allowed in (
            ("min_count", min_count, MIN_COUNTS),
            ("denominator", denominator, DENOMINATORS),
            ("order", order, ORDERS),
        ):
            if value not in allowed:
                raise ValueError(f"{name} {value!r}: this build holds {list(allowed)}")
        n_all = sae.n_active if denominator == "active" else sae.d_sae
        key = [ordinal, theta_ordinal, min_count, ORDERS.index(order)]
        columns = self._coverage_columns(generation, key, max_rank)
        effective = {
            "sae_id": sae_id,
            "theta": sae.theta_grid[theta_ordinal],
            "min_count": min_count,
            "denominator": denominator,
            "order": order,
            "max_rank": max_rank,
        }
        return Coverage(
            columns,
            self._bands(generation, key, n_all, sae),
            n_all,
            sae.n_active,
            sae.d_sae,
            effective,
        )

    def coverage_of(
        self, sae_id: str, degree: Ints, new_features: Ints, denominator: str
    ) -> Coverage:
        """Coverage along frequency of counts that were made elsewhere, of the tokens of rank 1
        to n; both arrays [n]. ValueError for another denominator than DENOMINATORS.
        """
        if denominator not in DENOMINATORS:
            raise ValueError(f"denominator {denominator!r}: use one of {list(DENOMINATORS)}")
        generation = self._current()
        sae = self._sae(generation, sae_id)[2]
        place = np.arange(len(degree))
        columns = CoverageColumns(
            self._ranked_tokens(generation), place + 1, place, degree, new_features
        )
        n_all = sae.n_active if denominator == "active" else sae.d_sae
        return Coverage(columns, {}, n_all, sae.n_active, sae.d_sae, {})

    def _coverage_columns(
        self, generation: Generation, key: list[int], max_rank: int | None
    ) -> CoverageColumns:
        """The curve of (sae_ordinal, theta_ordinal, min_count, token_order);
        only its steps are read anew.
        """
        tokens, degrees = self._ranked_tokens(generation), self._degrees(generation, *key[:3])
        steps = self._columns(generation, COVERAGE_STEPS, [*key, max_rank])
        return columns_of(tokens, ORDERS[key[3]], degrees, steps, max_rank)

    @staticmethod
    def _theta_ordinal(sae: SaeRow, theta: float) -> int:
        ordinal = theta_ordinal(sae.theta_grid, theta)
        if ordinal is None:
            raise ValueError(
                f"theta {theta}: coverage of {sae.sae_id} is stored for {list(sae.theta_grid)}"
            )
        return ordinal

    def _bands(
        self, generation: Generation, key: list[int], n_all: int, sae: SaeRow
    ) -> dict[int, Band]:
        """rank -> (mean, low, high), where the build stores an interval for this curve."""
        ordinal, theta_ordinal, min_count, order = key
        if ORDERS[order] == "random":
            found = self._query(generation, RANDOM_CURVE, [ordinal, theta_ordinal, min_count])
            return {
                rank: (mean / n_all, low / n_all, high / n_all) for rank, mean, low, high in found
            }
        if ORDERS[order] == "frequency" and theta_ordinal == 0 and min_count == 1:
            share = sae.n_active / max(n_all, 1)
            return {
                c.k: (None, c.interval[0] * share, c.interval[1] * share)
                for c in self._contrasts(generation, ordinal)
            }
        return {}

    def contrasts(self, sae_id: str) -> list[Contrast]:
        """Every stored equal-occurrence comparison, by k."""
        generation = self._current()
        return self._contrasts(generation, self._sae(generation, sae_id)[0])

    def _contrasts(self, generation: Generation, ordinal: int) -> list[Contrast]:
        rows = self._query(generation, CONTRASTS, [ordinal])
        return [
            Contrast(
                k,
                cut,
                n,
                c,
                (lo, hi),
                content,
                None if content is None else (c_lo, c_hi),
                None if content is None else (d_lo, d_hi),
                w,
                None if w is None else (w_min, w_max),
                w_n,
            )
            for k, cut, n, c, lo, hi, content, c_lo, c_hi, d_lo, d_hi, w, w_min, w_max, w_n in rows
        ]

    def coverage_contrast(self, sae_id: str, k: int | None = None) -> Contrast:
        """The comparison at k, or at the function cut (k = None)."""
        stored = self.contrasts(sae_id)
        for contrast in stored:
            if contrast.is_function_cut if k is None else contrast.k == k:
                return contrast
        raise ValueError(f"k {k}: this build compares {[contrast.k for contrast in stored]}")
