"""How evenly tokens lie over documents,
and Zipf's law of their counts (paper, section 1, figures 2 and 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from precompute.statistics.fits import log_slope
from precompute.statistics.rarefaction import LogFactorials, missed
from precompute.statistics.resample import Z95, interval

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MIN_OCCURRENCES = 50  # a rarer token can hardly be anything but evenly spread
ZIPF_RANKS = ((1, None), (10, 1000))


def expected_documents(occurrences: Ints, lengths: Ints, times: Ints) -> Floats:
    """[tokens] documents that N positions would hit,
    fallen at random on all positions of the corpus.

    lengths [documents] positions, each `times` over; a document of length l is missed with
    probability C(L - l, N) / C(L, N) of L positions in all.
    """
    total = int((lengths * times).sum())
    log_factorial = LogFactorials(total)
    sizes, where = np.unique(lengths, return_inverse=True)
    weight = np.bincount(where, weights=times)
    counts, back = np.unique(occurrences, return_inverse=True)
    hit = np.array(
        [
            (weight * (1 - missed(np.int64(total), sizes, np.int64(n), log_factorial))).sum()
            for n in counts
        ]
    )
    return np.asarray(hit[back])


def evenness(documents: Ints, occurrences: Ints, lengths: Ints, times: Ints) -> Floats:
    """[tokens] documents that hold the token / documents expected; NaN where it does not occur."""
    expected = expected_documents(occurrences, lengths, times)
    return np.asarray(
        np.divide(documents, expected, out=np.full(len(expected), np.nan), where=expected > 0)
    )


def group_spread(
    names: Sequence[str],
    groups: Bools,
    by_shard: Ints,
    documents: Ints,
    lengths: Sequence[Ints],
    weights: Ints,
) -> list[dict[str, Any]]:
    """Rows of `group_spread`: groups [groups, vocab], by_shard and documents [shards, vocab]."""
    kept = np.flatnonzero((by_shard.sum(axis=0) >= MIN_OCCURRENCES) & groups.any(axis=0))
    inside = groups[:, kept]
    all_lengths = np.concatenate(lengths)
    shard = np.repeat(np.arange(len(lengths)), [len(one) for one in lengths])

    def measured(row: Ints) -> Floats:
        return evenness(row @ documents[:, kept], row @ by_shard[:, kept], all_lengths, row[shard])

    point = measured(np.ones(len(by_shard), dtype=np.int64))
    draws = np.stack([_means(inside, measured(row)) for row in weights])
    low, high = interval(_means(inside, point), draws)
    return [
        {
            "token_group": name,
            "min_occurrences": MIN_OCCURRENCES,
            "n_tokens": int(inside[g].sum()),
            "mean_evenness": float(point[inside[g]].mean()),
            "low": float(low[g]),
            "high": float(high[g]),
            "median_evenness": float(np.median(point[inside[g]])),
        }
        for g, name in enumerate(names)
        if inside[g].any()
    ]


def _means(inside: Bools, values: Floats) -> Floats:
    """[groups] mean over a group's tokens; those that a draw leaves out altogether are skipped."""
    there = inside & ~np.isnan(values)
    n = there.sum(axis=1)
    total = (inside * np.nan_to_num(values)).sum(axis=1)
    return np.asarray(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0))


def zipf_rows(by_shard: Ints, weights: Ints) -> list[dict[str, Any]]:
    """Rows of `slope` named zipf: log10 occurrences on log10 rank,
    tokens ranked anew in each draw.
    """
    drawn = [np.sort(row)[::-1] for row in weights @ by_shard]
    whole = np.sort(by_shard.sum(axis=0))[::-1]
    rows = []
    for first, last in ZIPF_RANKS:
        fit = log_slope(*_ranked(whole, first, last))
        slopes = [log_slope(*_ranked(counts, first, last)).slope for counts in drawn]
        half = Z95 * float(np.std(slopes, ddof=1))
        rows.append(
            {
                "name": "zipf",
                "sae_id": None,
                "from_rank": first,
                "to_rank": first + fit.n - 1,
                "n": fit.n,
                "slope": fit.slope,
                "low": fit.slope - half,
                "high": fit.slope + half,
                "r2": fit.r2,
            }
        )
    return rows


def _ranked(counts: Ints, first: int, last: int | None) -> tuple[Ints, Ints]:
    """(ranks, counts) from `first` to `last` of counts that fall."""
    some = counts[first - 1 : last]
    return np.arange(first, first + len(some)), some
