"""Two sets of prompts against each other, each read at the last position: what an instruction
changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.sae import Sae


def last_residuals(
    lm: LanguageModel, prompts: Sequence[Sequence[int]], layers: Sequence[int]
) -> dict[int, Tensor]:
    """[n, d_model] by layer: the residual at the last position of each prompt (token ids)."""
    rows = [
        {layer: found[0, -1] for layer, found in lm.resid_post([ids], layers).items()}
        for ids in prompts
    ]
    return {layer: torch.stack([row[layer] for row in rows]) for layer in layers}


def difference_of_means(after: Tensor, before: Tensor) -> Tensor:
    """float32 [d_model]: mean of the residuals `after` [n, d_model] minus that of `before`
    [m, d_model].
    """
    return after.float().mean(0) - before.float().mean(0)


def rise(sae: Sae, after: Tensor, before: Tensor) -> Tensor:
    """[d_sae]: the same of the features' activations on them."""
    return sae.encode_dense(after).mean(0) - sae.encode_dense(before).mean(0)
