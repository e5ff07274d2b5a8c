"""Does a label matter once frequency is held fixed? Labels permuted within strata of frequency.

A stratum holds the tokens whose occurrences lie within one factor of two. Where it has labelled and
other tokens, the labels are dealt out anew among all of them: whatever frequency does to degree
stays, and only what the label adds is lost. Classes by frequency hardly ever share a stratum; kinds
of tokens do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

N_PERMUTATIONS = 2_000
LEAST_LABELLED = 5  # labelled tokens that a comparison needs


def strata_of(occurrences: Ints) -> Ints:
    """[tokens] floor(log2 occurrences); occurrences at least 1."""
    return np.asarray(np.floor(np.log2(occurrences)), dtype=np.int64)


def within_strata(values: Floats, labelled: Bools, strata: Ints) -> float:
    """Mean difference, labelled - others, over strata that hold both,
    weighted by their labelled tokens.
    """
    total, n = 0.0, 0
    for stratum in np.unique(strata):
        here = strata == stratum
        mine, other = here & labelled, here & ~labelled
        if mine.any() and other.any():
            total += float(mine.sum()) * float(values[mine].mean() - values[other].mean())
            n += int(mine.sum())
    return total / n if n else float("nan")


def label_permutation(
    values: Floats,
    names: Sequence[str],
    labels: Bools,
    strata: Ints,
    seed: int,
    n_permutations: int = N_PERMUTATIONS,
) -> list[dict[str, Any]]:
    """Rows of `label_permutation`, less their SAE; values [tokens], labels [names, tokens].

    The permuted values of a stratum are dealt to all labels alike: a label takes the first of them.
    """
    generator = np.random.default_rng(seed)
    n_labels = len(names)
    sums = np.zeros((n_labels, n_permutations))
    counts = np.zeros((n_labels, 3), dtype=np.int64)  # labelled, others, strata
    for stratum in np.unique(strata):
        here = np.flatnonzero(strata == stratum)
        mine = labels[:, here].sum(axis=1)
        both = (mine > 0) & (mine < len(here))
        if not both.any():
            continue
        dealt = generator.permuted(np.tile(values[here], (n_permutations, 1)), axis=1)
        running = np.cumsum(dealt, axis=1)
        for label in np.flatnonzero(both):
            n, rest = int(mine[label]), len(here) - int(mine[label])
            first = running[:, n - 1]
            sums[label] += n * (first / n - (running[:, -1] - first) / rest)
            counts[label] += (n, rest, 1)
    return [
        _row(name, within_strata(values, labels[i], strata), sums[i] / counts[i, 0], counts[i])
        for i, name in enumerate(names)
        if counts[i, 0] >= LEAST_LABELLED
    ]


def _row(name: str, observed: float, null: Floats, counts: Ints) -> dict[str, Any]:
    centre = float(null.mean())
    as_extreme = int((np.abs(null - centre) >= abs(observed - centre) * (1 - 1e-12)).sum())
    low, high = np.quantile(null, [0.025, 0.975]).tolist()
    return {
        "label": name,
        "n_labelled": int(counts[0]),
        "n_others": int(counts[1]),
        "n_strata": int(counts[2]),
        "observed": observed,
        "null_low": low,
        "null_high": high,
        "p_value": (1 + as_extreme) / (1 + len(null)),
        "n_permutations": len(null),
    }
