"""Which features several tokens share:
the sizes of every exclusive intersection of their feature sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

MOST_SETS = 12  # tokens at once: 4,095 possible intersections


@dataclass(frozen=True)
class SharedFeatures:
    """Features that exactly these tokens reach, of those that were asked for."""

    members: tuple[int, ...]  # places in the list of sets
    n_features: int


def intersections(sets: Sequence[Ints]) -> list[SharedFeatures]:
    """Every non-empty exclusive intersection, largest first; sets hold distinct features each.

    The sizes sum to the size of the union. ValueError for more than MOST_SETS sets.
    """
    if len(sets) > MOST_SETS:
        raise ValueError(
            f"token_ids: {len(sets)} tokens were asked for; allowed: at most {MOST_SETS}"
        )
    features = np.concatenate([np.empty(0, np.int64), *sets])
    bits = np.repeat(1 << np.arange(len(sets), dtype=np.int64), [len(one) for one in sets])
    _, where = np.unique(features, return_inverse=True)
    mask = np.bincount(where, weights=bits).astype(np.int64)
    masks, sizes = np.unique(mask, return_counts=True)
    found = [
        SharedFeatures(tuple(i for i in range(len(sets)) if int(one) >> i & 1), int(size))
        for one, size in zip(masks, sizes, strict=True)
    ]
    return sorted(found, key=lambda one: (-one.n_features, len(one.members), one.members))
