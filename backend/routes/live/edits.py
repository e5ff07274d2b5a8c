"""A request's interventions, checked: SAEs found, positions resolved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.core.lm.interventions import Plan
from backend.core.sae import Sae
from backend.core.steering.arms import FeatureEdit
from backend.routes.live.prompting import Prompt
from backend.routes.request.problems import Refusal, refuse_field
from backend.schemas import Intervention, SteerRequest


def find_sae(sae_id: str, feature_index: int, field: str, prompt: Prompt) -> Sae:
    """The live SAE that holds the feature; a 422 that names which of both is wrong. `field`: where
    they stand in the request, with its dot.
    """
    sae = prompt.loaded.saes.get(sae_id)
    if sae is None:
        raise refuse_field(f"{field}sae_id", sae_id, f"one of {sorted(prompt.loaded.saes)}")
    if feature_index >= sae.d_sae:
        raise refuse_field(f"{field}feature_index", feature_index, f"0 to {sae.d_sae - 1}")
    return sae


def read_edits(request: SteerRequest, prompt: Prompt) -> list[FeatureEdit]:
    """Every intervention checked: SAE, feature, positions,
    and that they do not contradict each other.
    """
    edits = []
    for place, asked in enumerate(request.interventions):
        field = f"interventions.{place}"
        sae = find_sae(asked.sae_id, asked.feature_index, f"{field}.", prompt)
        positions = tuple(prompt.resolve(asked.positions, f"{field}.positions"))
        edits.append(
            FeatureEdit(
                sae,
                asked.feature_index,
                asked.mode,
                asked.value,
                positions,
                request.include_generated,
            )
        )
    try:
        Plan.build([[edit.on_feature() for edit in edits]], len(prompt.token_ids))
    except ValueError as error:
        sent = [asked.model_dump() for asked in request.interventions]
        told = refuse_field("interventions", sent, str(error)).errors
        raise Refusal(422, f"interventions: {error}", errors=told) from error
    return edits


def effective_edits(
    asked: Sequence[Intervention], edits: Sequence[FeatureEdit]
) -> list[dict[str, Any]]:
    """As applied; `rule` is what was asked for, decoder_norm the L2 norm of W_dec[f]."""
    return [
        {
            "sae_id": edit.sae.sae_id,
            "feature_index": edit.feature_index,
            "layer": edit.sae.layer,
            "mode": edit.mode,
            "value": edit.value,
            "rule": one.positions,
            "positions": list(edit.positions),
            "decoder_norm": decoder_norm(edit.sae, edit.feature_index),
        }
        for one, edit in zip(asked, edits, strict=True)
    ]


def decoder_norm(sae: Sae, feature_index: int) -> float:
    """L2 norm of W_dec[f]."""
    return float(sae.decoder_rows([feature_index])[0].float().norm())
