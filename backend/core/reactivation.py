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
    """`firings` of one prompt on one SAE; positions 0 to n_positions - 1. Counts are [n_positions]."""
    rows = split_rows(firings, 1, n_positions, special_positions)
    return Split(rows.firing[0], rows.new[0], rows.reactivated[0], rows.carried[0])


def split_rows(firings: Firings, n_rows: int, n_positions: int, special_positions: Collection[int]) -> Split:
    """Several sequences of one length, encoded one after the other: position row * n_positions + p.

    All rows have their special tokens at the same positions. Counts are [n_rows, n_positions].
    ValueError for a position outside the rows.
    """
    _check(firings, n_rows * n_positions)
    row = firings.position.div(n_positions, rounding_mode="floor")
    width = int(firings.feature_index.max()) + 1 if len(firings) else 1
    # a feature of another row is another feature: nothing is remembered from row to row
    apart = Firings(firings.position - row * n_positions, row * width + firings.feature_index, firings.activation)
    reactivated, carried = labels(apart, n_positions, special_positions)

    def count(chosen: Tensor) -> Tensor:
        return torch.bincount(firings.position[chosen], minlength=n_rows * n_positions).view(n_rows, n_positions)

    firing = torch.bincount(firings.position, minlength=n_rows * n_positions).view(n_rows, n_positions)
    again = count(reactivated)
    return Split(firing=firing, new=firing - again, reactivated=again, carried=count(carried))


def labels(firings: Firings, n_positions: int, special_positions: Collection[int]) -> tuple[Tensor, Tensor]:
    """(reactivated, carried) per firing, bool [n]; new is what is not reactivated.

    ValueError for a position outside the prompt.
    """
    _check(firings, n_positions)
    n = len(firings)
    position, feature = firings.position, firings.feature_index
    device = position.device
    special = torch.tensor(sorted(special_positions), dtype=torch.int64, device=device)
    seen = ~torch.isin(position, special)
    order = (feature * n_positions + position).argsort()  # by feature, then along the prompt
    ordered_position, ordered_feature, ordered_seen = position[order], feature[order], seen[order]
    # firings of the same feature that count as seen, strictly before each one
    before = ordered_seen.long().cumsum(0) - ordered_seen.long()
    starts = torch.ones(n, dtype=torch.bool, device=device)
    starts[1:] = ordered_feature[1:] != ordered_feature[:-1]
    group = starts.long().cumsum(0) - 1
    again = before > before[starts][group]
    carried = torch.zeros(n, dtype=torch.bool, device=device)
    carried[1:] = ~starts[1:] & ordered_seen[:-1] & (ordered_position[1:] == ordered_position[:-1] + 1)
    back = torch.empty_like(order)
    back[order] = torch.arange(n, device=device)
    return again[back], carried[back]


def _check(firings: Firings, n_positions: int) -> None:
    if not len(firings):
        return
    low, high = int(firings.position.min()), int(firings.position.max())
    if low < 0 or high >= n_positions:
        raise ValueError(f"firings lie at positions {low} to {high}; allowed: 0 to {n_positions - 1}.")
