"""What α means for a feature on a prompt:
against the corpus, and against the residual at each position.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event
from typing import Any

from torch import Tensor

from backend.core.sae import Sae
from backend.core.store import Store
from backend.routes.live.edits import decoder_norm, find_sae
from backend.routes.live.prompting import Prompt, effective_prompt, read_prompt
from backend.routes.live.work import LiveWork
from backend.routes.request.problems import refuse_field
from backend.routes.request.served import Backend
from backend.schemas import (
    FeatureChoice,
    FeatureStrength,
    StrengthColumns,
    StrengthRequest,
    StrengthResponse,
)

NO_BUILD = "There is no build: the feature's corpus percentile is unknown."
NOT_IN_BUILD = "The build does not have this SAE: the feature's corpus percentile is unknown."
NEVER_FIRED = "The feature never fired in the build's corpus: it has no percentile."
PER_TOKEN = (
    "Percentiles on one token are not in the build; the largest and the mean activation on it are."
)


@dataclass(frozen=True)
class StrengthWork(LiveWork[StrengthResponse]):
    """A request found to be good."""

    prompt: Prompt
    asked: list[tuple[FeatureChoice, Sae]]
    effective: dict[str, Any]

    def run(self, stop: Event) -> StrengthResponse:
        """One forward to the deepest layer asked for."""
        layers = sorted({sae.layer for _, sae in self.asked})
        resid = self.prompt.residuals(layers)
        return StrengthResponse(
            features=[
                _strength(asked.feature_index, sae, resid[sae.layer], self.prompt)
                for asked, sae in self.asked
            ],
            last_function=self.prompt.last_function,
            prefix_length=self.prompt.prefix_length,
            effective=self.effective,
        )


def plan_strength(request: StrengthRequest, served: Backend) -> StrengthWork:
    """Check everything; blocks for a moment."""
    prompt = read_prompt(request, served)
    most = served.settings.max_interventions
    if len(request.features) > most:
        raise refuse_field("features", f"{len(request.features)} features", f"at most {most}")
    asked = []
    for place, one in enumerate(request.features):
        sae = find_sae(one.sae_id, one.feature_index, f"features.{place}.", prompt)
        asked.append((one, sae))
    effective = effective_prompt(request, prompt, served)
    return StrengthWork(
        prompt, asked, effective | {"features": [one.model_dump() for one in request.features]}
    )


def _strength(feature_index: int, sae: Sae, resid: Tensor, prompt: Prompt) -> FeatureStrength:
    q999, n_firings, note = feature_quantile(prompt.store, sae.sae_id, feature_index)
    return FeatureStrength(
        sae_id=sae.sae_id,
        feature_index=feature_index,
        layer=sae.layer,
        decoder_norm=decoder_norm(sae, feature_index),
        act_q999=q999,
        n_firings=n_firings,
        positions=_columns(feature_index, sae, resid, prompt, known=n_firings is not None),
        note=note,
    )


def feature_quantile(
    store: Store | None, sae_id: str, feature_index: int
) -> tuple[float | None, int | None, str]:
    """(99.9th percentile of its corpus firings, their number, what is not known)."""
    if store is None:
        return None, None, NO_BUILD
    if sae_id not in {row.sae_id for row in store.saes()}:
        return None, None, NOT_IN_BUILD
    row = store.feature(sae_id, feature_index)
    if row is None or row.act_q999 is None:
        return None, 0, NEVER_FIRED
    return row.act_q999, row.n_firings, PER_TOKEN


def _columns(
    feature_index: int, sae: Sae, resid: Tensor, prompt: Prompt, *, known: bool
) -> StrengthColumns:
    on_token: dict[int, tuple[int, float, float]] = {}
    if known and prompt.store is not None:
        edges = prompt.store.edges(sae.sae_id, sorted(set(prompt.token_ids)))
        for place in (edges.feature_index == feature_index).nonzero()[0].tolist():
            on_token[int(edges.token_id[place])] = (
                int(edges.n_firings[place]),
                float(edges.act_max[place]),
                float(edges.act_mean[place]),
            )
    found = [on_token.get(token_id) for token_id in prompt.token_ids]
    silent = 0 if known else None
    unread: list[float | None] = [None] * prompt.prefix_length
    return StrengthColumns(
        residual_norm=unread + resid.float().norm(dim=-1).tolist(),
        activation=unread + sae.feature_activation(resid, feature_index).tolist(),
        token_act_max=[one[1] if one else None for one in found],
        token_act_mean=[one[2] if one else None for one in found],
        token_firings=[one[0] if one else silent for one in found],
    )
