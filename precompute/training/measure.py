"""What a trained SAE is worth, measured in float32 on rows that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.training.activations import GIANT


@dataclass(frozen=True)
class Kept:
    """Token rows [rows, pos] of full length, and by layer the median norm that giant positions are
    told by.
    """

    rows: Tensor
    median_norms: dict[int, float]

    def positions(self, lm: LanguageModel, layer: int, resid: Tensor) -> Tensor:
        """bool [rows, pos]: neither special nor giant. `resid` [rows, pos, d_model]."""
        special = torch.isin(self.rows, torch.tensor(sorted(lm.special_ids)))
        small: Tensor = resid.norm(dim=-1) <= GIANT * self.median_norms[layer]
        return ~special & small


def variance(resid: Tensor, reconstruction: Tensor) -> dict[str, float]:
    """1 - squared error / squares around the mean, of [n, d_model]; the same without the dimension
    that varies
    most, and that dimension's share of the variance: one dimension can hold most of it and flatter
    the figure.
    """
    spread = (resid - resid.mean(0)).double().square().sum(0)
    error = (resid - reconstruction).double().square().sum(0)
    top = int(spread.argmax())
    rest = torch.arange(len(spread)) != top
    return {
        "explained_variance": round(float(1 - error.sum() / spread.sum()), 4),
        "explained_variance_without_top_dimension": round(
            float(1 - error[rest].sum() / spread[rest].sum()), 4
        ),
        "top_dimension": top,
        "top_dimension_share": round(float(spread[top] / spread.sum()), 4),
    }


@torch.inference_mode()
def recovered_loss(lm: LanguageModel, kept: Kept, sae: Sae) -> dict[str, float]:
    """(H0 - H*) / (H0 - Horig), nats per token: 1 is perfect, 0 is the layer set to zero.

    The paper's App. C. H* replaces resid_post by the SAE's reconstruction, H0 by zero, at every
    position that
    is neither special nor giant; the loss is of every next token that is not special.
    """
    special = torch.isin(kept.rows, torch.tensor(sorted(lm.special_ids)))
    block = lm.layers[sae.layer]

    def loss(mode: str) -> float:
        def replace(_module: object, _inputs: object, out: Tensor) -> Tensor:
            mask = kept.positions(lm, sae.layer, out)
            made = torch.zeros_like(out) if mode == "zeroed" else decoded(sae, out)
            return torch.where(mask[..., None], made, out)

        handle = block.register_forward_hook(replace) if mode != "whole" else None
        try:
            nats = lm.per_token_loss(kept.rows)
        finally:
            if handle is not None:
                handle.remove()
        return float(nats[~special[:, 1:]].mean())

    whole, zeroed, replaced = loss("whole"), loss("zeroed"), loss("replaced")
    return {
        "loss": round(whole, 4),
        "loss_reconstructed": round(replaced, 4),
        "loss_zeroed": round(zeroed, 4),
        "reconstruction_score": round((zeroed - replaced) / (zeroed - whole), 4),
        "scored_rows": len(kept.rows),
    }


def decoded(sae: Sae, resid: Tensor) -> Tensor:
    """The SAE's reconstruction of [..., d_model], float32."""
    flat = resid.flatten(0, -2).float()
    return (sae.encode_dense(flat) @ sae.W_dec.float() + sae.b_dec.float()).view_as(resid)
