"""The residual at one position of a prompt, behind a prefix that was run or without one."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.past import Past, held_of
from backend.core.steering.trait_rows import Spot


def residuals_at(
    lm: LanguageModel, spot: Spot, layers: Sequence[int], past: Past | None = None
) -> dict[int, Tensor]:
    """[d_model] by layer: the residual at the prompt's position."""
    held = held_of(past, spot.token_ids)
    resid = lm.resid_post([spot.token_ids[held:]], layers, past=past)
    return {layer: found[0, spot.position - held] for layer, found in resid.items()}


def rows_at(
    lm: LanguageModel, spots: Sequence[Spot], layer: int, stop: Event, past: Past | None = None
) -> Tensor | None:
    """[n, d_model]: the residual after the layer at each prompt's position; None: stopped."""
    rows = []
    for spot in spots:
        if stop.is_set():
            return None
        rows.append(residuals_at(lm, spot, [layer], past)[layer])
    return torch.stack(rows)
