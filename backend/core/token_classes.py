"""Function and content tokens, by frequency alone (paper §2: the tokens that make 40 % of text)."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

CONTENT, FUNCTION, SPECIAL = 0, 1, 2
CLASS_NAMES = ("content", "function", "special")
DEFAULT_SHARE = 0.40


def classify(
    counts: NDArray[np.int64], special_ids: Collection[int], share: float = DEFAULT_SHARE
) -> NDArray[np.int8]:
    """int8 [vocab]: 0 content, 1 function, 2 special.

    Function tokens are the fewest most frequent ones whose occurrences together reach `share`
    of all occurrences of non-special tokens; equal counts are ranked by token_id. A token that
    never occurs is content. ValueError for a share outside (0, 1], a negative count, or a
    special id outside the vocabulary.
    """
    counts = np.asarray(counts, dtype=np.int64)
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share is {share}; allowed: above 0, at most 1.")
    if counts.ndim != 1 or (counts < 0).any():
        raise ValueError(f"counts must be one non-negative number per token; got {counts.shape}.")
    special = np.fromiter(special_ids, dtype=np.int64, count=len(special_ids))
    if special.size and (special.min() < 0 or special.max() >= counts.size):
        raise ValueError(f"special_ids must lie in 0 to {counts.size - 1}; got {sorted(special)}.")
    classes = np.zeros(counts.size, dtype=np.int8)
    ranked = by_frequency(counts, special_ids)
    cumulative = counts[ranked].cumsum()
    if cumulative.size and cumulative[-1] > 0:
        # share * total is not exact in binary: a relative 1e-12 keeps "exactly 40 %" reached
        needed = share * int(cumulative[-1]) * (1.0 - 1e-12)
        classes[ranked[: int(np.searchsorted(cumulative, needed, side="left")) + 1]] = FUNCTION
    classes[special] = SPECIAL
    return classes


def by_frequency(counts: NDArray[np.int64], special_ids: Collection[int]) -> NDArray[np.int64]:
    """Non-special token ids, most frequent first, ties by token_id: index 0 has rank 1."""
    special = np.fromiter(special_ids, dtype=np.int64, count=len(special_ids))
    order = np.argsort(-np.asarray(counts, dtype=np.int64), kind="stable")
    return order[~np.isin(order, special)].astype(np.int64)


def transitions(classes: NDArray[np.int8], tokens: NDArray[np.int64]) -> NDArray[np.str_]:
    """[..., pos] token ids -> [..., pos - 1] of "ff", "fc", "cf", "cc",
    or "" beside a special token.

    The first letter is the current token's class, the second the next token's.
    """
    names = np.array(["c", "f", ""])
    kinds = classes[np.asarray(tokens, dtype=np.int64)]
    here, after = kinds[..., :-1], kinds[..., 1:]
    pairs = np.char.add(names[here], names[after])
    return np.where((here == SPECIAL) | (after == SPECIAL), "", pairs)
