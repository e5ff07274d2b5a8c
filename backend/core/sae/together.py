"""Several prompts through one SAE: its encoder is read once for all of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from backend.core.sae.firings import Firings
from backend.core.sae.sae import Sae


def encode_together(sae: Sae, asked: Sequence[tuple[Tensor, float]]) -> list[Firings]:
    """(resid [n, d_model], θ) of each prompt -> its firings strictly above its own
    θ, positions from 0.

    ValueError as `Sae.encode`.
    """
    least = min(theta for _, theta in asked)
    found = sae.encode(torch.cat([resid for resid, _ in asked]), theta=least)
    ends = torch.tensor([len(resid) for resid, _ in asked]).cumsum(0)
    bounds = torch.searchsorted(found.position, ends.to(found.position.device)).tolist()
    parts, first, start = [], 0, 0
    for (resid, theta), last in zip(asked, bounds, strict=True):
        mine = slice(first, last)
        position, index, activation = (
            found.position[mine] - start,
            found.feature_index[mine],
            found.activation[mine],
        )
        if theta > least:
            kept = activation > theta
            position, index, activation = position[kept], index[kept], activation[kept]
        parts.append(Firings(position, index, activation))
        first, start = last, start + len(resid)
    return parts
