"""New, reactivated and carried: how the firings at each position relate to those before it."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.core.sae import Firings


@dataclass(frozen=True)
class Split:
    """Counts of firings per position, int64 [n_positions] each.

    firing = new + reactivated, and carried is the part of reactivated that fired at the
    position just before. What fired at a special position counts as not seen.
    """

    firing: Tensor
    new: Tensor
    reactivated: Tensor
    carried: Tensor


def split(firings: Firings, n_positions: int, special_positions: Collection[int]) -> Split:
    """`firings` of one prompt on one SAE; positions 0 to n_positions - 1."""
    reactivated, carried = labels(firings, n_positions, special_positions)

    def count(chosen: Tensor) -> Tensor:
        return torch.bincount(firings.position[chosen], minlength=n_positions)

    return Split(
        firing=torch.bincount(firings.position, minlength=n_positions),
        new=count(~reactivated),
        reactivated=count(reactivated),
        carried=count(carried),
    )


def labels(firings: Firings, n_positions: int, special_positions: Collection[int]) -> tuple[Tensor, Tensor]:
    """(reactivated, carried) per firing, bool [n]; new is what is not reactivated.

    ValueError for a position outside the prompt.
    """
    n = len(firings)
    position, feature = firings.position, firings.feature_index
    if n and (int(position.min()) < 0 or int(position.max()) >= n_positions):
        raise ValueError(
            f"firings lie at positions {int(position.min())} to {int(position.max())}; allowed: 0 to {n_positions - 1}."
        )
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
