"""Which features fire where, and how strongly: sparse, since most do not."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Firings:
    """Activations strictly above θ, sorted by position, then feature. All of one length n."""

    position: Tensor  # int64 [n]: row of the residual that was encoded
    feature_index: Tensor  # int64 [n]
    activation: Tensor  # float32 [n]

    def __len__(self) -> int:
        return int(self.position.numel())


def flat_nonzero(mask: Tensor) -> Tensor:
    """int64 indices into the flattened mask.

    NumPy's search is over twice as quick as torch's on a CPU.
    """
    if mask.is_cuda:
        return mask.flatten().nonzero()[:, 0]
    return torch.from_numpy(np.flatnonzero(mask.numpy()))


def joined(parts: list[Firings], device: torch.device) -> Firings:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        none = torch.empty(0, dtype=torch.int64, device=device)
        return Firings(none, none, torch.empty(0, device=device))
    position = torch.cat([part.position for part in parts])
    order = position.argsort(stable=True)  # column blocks come in order: features stay sorted
    return Firings(
        position[order],
        torch.cat([part.feature_index for part in parts])[order],
        torch.cat([part.activation for part in parts])[order],
    )
