"""The same SAEs where they fire nowhere at positions of giant norm.

A few positions of a pretrained model (of Gemma 3 270M 0.1 %: some apostrophes and spaces) have a
residual many times as long as all others, alike whatever the text says, and hundreds of features
fire there at once: SAEs are mostly trained without them. A token that has some of them reaches all
of these features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.sae.firings import Firings
from precompute.building.corpus import Shard
from precompute.training.activations import GIANT

MEASURED_ROWS = 64  # of which the median norm is taken


@dataclass(frozen=True)
class WithoutGiants:
    """An SAE that gives no firing where the norm is above `limit`; all else is the SAE's own."""

    sae: Sae
    limit: float

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sae, name)

    def encode(self, resid: Tensor, **settings: Any) -> Firings:
        """As `Sae.encode` of [n, d_model], less what fires at giant positions."""
        fired = self.sae.encode(resid, **settings)
        small = resid.norm(dim=-1) <= self.limit
        kept = small[fired.position]
        return Firings(fired.position[kept], fired.feature_index[kept], fired.activation[kept])


@torch.inference_mode()
def without_giants(lm: LanguageModel, saes: Sequence[Sae], shard: Shard) -> list[WithoutGiants]:
    """Limits: GIANT times the median norm after each layer, over the longest rows of the shard;
    special tokens do not count.
    """
    longest = shard.lengths.argsort(kind="stable")[-MEASURED_ROWS:]
    special = torch.tensor(sorted(lm.special_ids), device=lm.device)
    layers = sorted({sae.layer for sae in saes})
    norms: dict[int, list[Tensor]] = {layer: [] for layer in layers}
    for row in longest.tolist():
        ids = torch.from_numpy(shard.tokens[row, : shard.lengths[row]]).to(lm.device)
        resid = lm.resid_post(ids[None], layers)
        for layer in layers:
            norms[layer].append(resid[layer][0][~torch.isin(ids, special)].float().norm(dim=-1))
    limits = {layer: GIANT * float(torch.cat(parts).median()) for layer, parts in norms.items()}
    return [WithoutGiants(sae, limits[sae.layer]) for sae in saes]
