"""/api/tokenize and /api/inspect: one prompt, read live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import TypeAdapter
from torch import Tensor

from backend.core.lm import top_next_tokens
from backend.core.reactivation import split
from backend.core.sae import Firings, Sae
from backend.routes.dependencies import Backend, Served, Turns
from backend.routes.known import Known
from backend.routes.limits import check_inspect
from backend.routes.problems import refuse_field
from backend.routes.prompting import Prompt, effective_prompt, read_prompt
from backend.schemas import (
    FeatureInfo,
    FiringColumns,
    InspectRequest,
    InspectResponse,
    NextToken,
    Split,
    TokenizeRequest,
    TokenizeResponse,
)

router = APIRouter(tags=["live"])
# one call a list: an object a row costs several times as much
_NEXT_TOKENS = TypeAdapter(list[NextToken])
_SPLITS = TypeAdapter(list[Split])
UNKNOWN = FeatureInfo(density=None, top_tokens=[], promoted_tokens=[], act_q999=None)


@dataclass(frozen=True)
class InspectPlan:
    """A request found to be good, and all that determines its answer."""

    request: InspectRequest
    prompt: Prompt
    saes: list[Sae]
    effective: dict[str, Any]
    known: Known

    def run(self) -> InspectResponse:
        """One forward pass; blocks. Call it in the worker thread."""
        resid, next_tokens = self._forward()
        firings = {sae.sae_id: sae.encode(resid[sae.layer], theta=self.request.theta) for sae in self.saes}
        return InspectResponse(
            tokens=self.prompt.tokens,
            firings={sae_id: _columns(found) for sae_id, found in firings.items()},
            next_tokens=next_tokens,
            splits={sae_id: _splits(found, self.prompt) for sae_id, found in firings.items()},
            feature_info={
                sae_id: self._feature_info(sae_id, found.feature_index.unique().tolist())
                for sae_id, found in firings.items()
            },
            residual_norms={sae.sae_id: resid[sae.layer].float().norm(dim=-1).tolist() for sae in self.saes},
            effective=self.effective,
        )

    def _feature_info(self, sae_id: str, features: list[int]) -> dict[str, FeatureInfo]:
        """By feature_index as a string, since JSON keys are strings; nulls where the build lacks the SAE."""
        store = self.prompt.store
        notes = self.known.features(store, sae_id, features) if store is not None else {}
        return {str(index): notes.get(index, UNKNOWN) for index in features}

    def _forward(self) -> tuple[dict[int, Tensor], list[NextToken]]:
        """resid_post [pos, d_model] per layer, and the next tokens; without them no lm_head is run."""
        lm, ids = self.prompt.loaded.lm, [self.prompt.token_ids]
        layers = sorted({sae.layer for sae in self.saes})
        if self.request.next_tokens == 0:
            return {layer: found[0] for layer, found in lm.resid_post(ids, layers).items()}, []
        forward = lm.forward(ids, layers)
        token_ids, probabilities = top_next_tokens(forward.logits[0], self.request.next_tokens)
        listed = next_token_list(self.prompt, range(len(ids[0])), token_ids, probabilities)
        return {layer: found[0] for layer, found in forward.resid.items()}, listed


def plan_inspect(request: InspectRequest, served: Backend) -> InspectPlan:
    """Check everything; blocks for a moment."""
    prompt = read_prompt(request, served)
    loaded = prompt.loaded
    check_inspect(request, served.settings, loaded)
    wanted = list(loaded.saes) if request.sae_ids is None else request.sae_ids
    if len(set(wanted)) < len(wanted) or not set(wanted) <= set(loaded.saes):
        raise refuse_field("sae_ids", wanted, f"each at most once, of {sorted(loaded.saes)}")
    effective = effective_prompt(request, prompt, served) | {
        "sae_ids": wanted,
        "theta": request.theta,
        "next_tokens": request.next_tokens,
    }
    return InspectPlan(request, prompt, [loaded.saes[sae_id] for sae_id in wanted], effective, served.known)


@router.post("/tokenize")
def tokenize(request: TokenizeRequest, served: Served) -> TokenizeResponse:
    """The prompt as the model reads it. Not queued: it does not run the model."""
    prompt = read_prompt(request, served)
    return TokenizeResponse(
        tokens=prompt.tokens,
        last_function=prompt.last_function,
        effective=effective_prompt(request, prompt, served),
    )


@router.post("/inspect")
async def inspect(request: InspectRequest, served: Served, turns: Turns) -> InspectResponse:
    """All firings along a prompt, and the next tokens at every position of it."""
    plan = await asyncio.to_thread(plan_inspect, request, served)
    ticket = await turns.turn()
    return await ticket.run(plan.run)


def next_token_list(
    prompt: Prompt, positions: Sequence[int], token_ids: Tensor, probabilities: Tensor
) -> list[NextToken]:
    """Two [pos, k] tensors as a list, position by position."""
    text = prompt.loaded.text
    rows = [
        {"position": at, "token_id": token_id, "text": text(token_id), "probability": share}
        for at, ids, shares in zip(positions, token_ids.tolist(), probabilities.tolist(), strict=True)
        for token_id, share in zip(ids, shares, strict=True)
    ]
    return _NEXT_TOKENS.validate_python(rows)


def _columns(found: Firings) -> FiringColumns:
    return FiringColumns(
        position=found.position.tolist(),
        feature_index=found.feature_index.tolist(),
        activation=found.activation.tolist(),
    )


def _splits(found: Firings, prompt: Prompt) -> list[Split]:
    special = set(prompt.special_positions)
    counts = split(found, len(prompt.token_ids), special)
    columns = (counts.firing, counts.new, counts.reactivated, counts.carried)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    names = ("firing", "new", "reactivated", "carried")
    return _SPLITS.validate_python(
        [
            {"position": position, **dict(zip(names, row, strict=True))}
            for position, row in enumerate(rows)
            if position not in special
        ]
    )
