"""New, reactivated and carried: how the firings at each position relate to those before it."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.core.sae import Firings


@dataclass(frozen=True)
class Split:
    """Counts of firings per position, int64 [..., n_positions] each.

    firing = new + reactivated, and carried is the part of reactivated that fired at the
    position just before. What fired at a special position counts as not seen.
    """

    firing: Tensor
    new: Tensor
    reactivated: Tensor
    carried: Tensor

    def stacked(self) -> Tensor:
        """int64 [..., n_positions, 4]: firing, new, reactivated, carried."""
        return torch.stack([self.firing, self.new, self.reactivated, self.carried], dim=-1)


def split(firings: Firings, n_positions: int, special_positions: Collection[int]) -> Split:
    """`firings` of one prompt on one SAE; positions 0 to n_positions - 1.

    Counts are [n_positions].
    """
    rows = split_rows(firings, 1, n_positions, special_positions)
    return Split(rows.firing[0], rows.new[0], rows.reactivated[0], rows.carried[0])


def split_rows(
    firings: Firings, n_rows: int, n_positions: int, special_positions: Collection[int]
) -> Split:
    """Several sequences of one length, encoded one after the other: position row * n_positions + p.

    All rows have their special tokens at the same positions. Counts are [n_rows, n_positions].
    ValueError for a position outside the rows.
    """
    _check(firings, n_rows * n_positions)
    row = firings.position.div(n_positions, rounding_mode="floor")
    width = int(firings.feature_index.max()) + 1 if len(firings) else 1
    # a feature of another row is another feature: nothing is remembered from row to row
    apart = Firings(
        firings.position - row * n_positions,
        row * width + firings.feature_index,
        firings.activation,
    )
    reactivated, carried = labels(apart, n_positions, special_positions)

    kind = reactivated.long() + carried.long()  # 0 new, 1 reactivated, 2 carried besides
    counts = torch.bincount(firings.position * 3 + kind, minlength=3 * n_rows * n_positions)
    new, again, carried_on = counts.view(n_rows, n_positions, 3).unbind(-1)
    return Split(
        firing=new + again + carried_on, new=new, reactivated=again + carried_on, carried=carried_on
    )


def labels(
    firings: Firings, n_positions: int, special_positions: Collection[int]
) -> tuple[Tensor, Tensor]:
    """(reactivated, carried) per firing, bool [n]; new is what is not reactivated.

    ValueError for a position outside the prompt.
    """
    _check(firings, n_positions)
    position, feature = firings.position, firings.feature_index
    special = torch.zeros(n_positions, dtype=torch.bool, device=position.device)
    special[list(special_positions)] = True
    seen = ~special[position]
    width = int(feature.max()) + 1 if len(firings) else 0
    first = position.new_full((width,), n_positions)  # where each feature is first seen to fire
    first.scatter_reduce_(0, feature[seen], position[seen], "amin")
    key = feature * n_positions + position
    order = key.argsort()  # by feature, then along the prompt
    ordered = key[order]
    # the next firing of the same feature is at the next position; keys also differ by one where a
    # feature ends
    follows = (
        (ordered[1:] == ordered[:-1] + 1) & (ordered[1:] % n_positions != 0) & seen[order[:-1]]
    )
    carried = torch.zeros_like(seen)
    carried[order[1:]] = follows
    return position > first[feature], carried


def _check(firings: Firings, n_positions: int) -> None:
    if not len(firings):
        return
    low, high = int(firings.position.min()), int(firings.position.max())
    if low < 0 or high >= n_positions:
        raise ValueError(
            f"firings lie at positions {low} to {high}; allowed: 0 to {n_positions - 1}."
        )
