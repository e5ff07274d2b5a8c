"""Who carries the subject: where behind a name a feature of that name fires again, and hardly a
rival's does.

The prompts of one phrasing and tail differ in their subject alone, so that behind the name every
one of them has the same tokens at the same distances. At such a position a feature *carries* a
subject when it fired at one or more tokens of the subject's name, fires again here, and fires here
in at most `MOST` of the other subjects' prompts. Without the last condition whatever fires at every
question mark would count.

Two controls take another subject's name. *Another's*: a feature that fired at that name and not at
the prompt's own, so that nothing could have fired again. *Exchanged*: the other name stands in the
own one's place, with all its features, those that both names share too: neighbours have much in
common, so this one is the harder.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

MOST = 0.10


def selective(here: Tensor, most: float = MOST) -> Tensor:
    """Bool [subject, d_sae]: fires here, and in at most that share of the *other* subjects'
    prompts.

    `here`: bool [subject, d_sae], two subjects or more. ValueError for fewer, or a share outside 0
    to 1.
    """
    if here.dim() != 2 or len(here) < 2:
        raise ValueError(
            f"here has shape {tuple(here.shape)}; needed: [subject, d_sae], two subjects or more."
        )
    if not 0.0 <= most <= 1.0:
        raise ValueError(f"most is {most}; allowed: 0 to 1.")
    others = here.sum(0) - here.long()
    return here & (others <= most * (len(here) - 1) + 1e-9)


def own_again(at_name: Tensor, here: Tensor, most: float = MOST) -> Tensor:
    """Bool [subject, d_sae]: the features that carry each subject. Both inputs are bool [subject,
    d_sae].
    """
    return at_name & selective(here, most)


def carried(at_name: Tensor, here: Tensor, most: float = MOST) -> Tensor:
    """Bool [name, prompt]: whether any feature of that name fires selectively in that prompt.

    The diagonal says of each subject whether it is carried; the rest is what an exchanged name
    would give. Both inputs are bool [subject, d_sae].
    """
    return _shared(at_name, selective(here, most)) > 0


def foreign(at_name: Tensor, here: Tensor, most: float = MOST) -> Tensor:
    """Bool [name, prompt]: the same by features that did not fire at the prompt's own name; false
    on the diagonal.
    """
    fires = selective(here, most)
    return _shared(at_name, fires) > _shared(at_name, fires & at_name)


def _shared(at_name: Tensor, fires: Tensor) -> Tensor:
    """float32 [name, prompt]: number of features that both have."""
    counts: Tensor = at_name.float() @ fires.float().T
    return counts


def own_and_others(found: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(own, others), float64 [..., prompt], of matrices [..., name, prompt].

    own is 0 or 1: the diagonal; others is the share of the other names for which it holds.
    """
    own = np.diagonal(found, axis1=-2, axis2=-1).astype(np.float64)
    return own, (found.sum(-2) - own) / (found.shape[-1] - 1)


def matched(
    values: NDArray[np.float64],
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    distance: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[int]]:
    """Two kinds of positions at equal distances: (mean of the first, mean of the second, distances
    used).

    `values` [place, subject]; `first`, `second` and `distance` [place]. A distance counts where
    both kinds have a place, with the smaller of their two numbers of places as its weight; within
    it each kind's places are averaged. Means are [subject], and NaN where no distance counts.
    """
    used = list(_common(first, second, distance))
    weights = np.array([weight for _, weight in used], np.float64)
    means = []
    for kind in (first, second):
        rows = [values[kind & (distance == at)].mean(0) for at, _ in used]
        found = (
            np.average(rows, axis=0, weights=weights) if used else np.full(values.shape[1], np.nan)
        )
        means.append(np.asarray(found, np.float64))
    return means[0], means[1], [at for at, _ in used]


def _common(
    first: NDArray[np.bool_], second: NDArray[np.bool_], distance: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    """(distance, weight) of the distances that both kinds have."""
    for at in np.unique(distance):
        weight = min(int((kind & (distance == at)).sum()) for kind in (first, second))
        if weight:
            yield int(at), weight
