"""/api/tokenize and /api/inspect: one prompt, read live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

import torch
from fastapi import APIRouter
from fastapi import Response as HttpResponse
from pydantic import TypeAdapter
from pydantic_core import to_json
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.cost import encoding_bytes, reading_bytes
from backend.core.lm.next_tokens import Reading, read
from backend.core.reactivation.split import split_rows
from backend.core.sae import Firings, Sae
from backend.core.steering.generate import generate_arms
from backend.routes.live.prompting import Prompt, effective_prompt, read_prompt, with_tokens
from backend.routes.request.known import Known
from backend.routes.request.limits import check_inspect, check_room
from backend.routes.request.problems import refuse_field
from backend.routes.request.served import Backend, Served, Turns
from backend.schemas import (
    InspectRequest,
    InspectResponse,
    NextToken,
    TokenizeRequest,
    TokenizeResponse,
)

router = APIRouter(tags=["live"])
LESS = "send a shorter prompt, fewer sae_ids, or a smaller generate"
# one call a list: an object a row costs several times as much
_NEXT_TOKENS = TypeAdapter(list[NextToken])


@dataclass(frozen=True)
class InspectPlan:
    """A request found to be good, and all that determines its answer."""

    request: InspectRequest
    prompt: Prompt
    saes: list[Sae]
    effective: dict[str, Any]
    known: Known

    def run(self, stop: Event | None = None) -> InspectResponse:
        """The answer as an object. Blocks, like `run_json`, which it reads."""
        return InspectResponse.model_validate_json(self.run_json(stop))

    def run_json(self, stop: Event | None = None) -> bytes:
        """One forward pass (and, with `generate`, the writing before it),
        as the JSON of InspectResponse.

        Put together from columns and from notes on features that were written before: building the
        objects took as long as the forward pass of a small model. Call it in the worker thread.
        `stop` ends the writing early.
        """
        prompt = self.continued(stop)
        reading = read(
            prompt.loaded.lm,
            prompt.token_ids,
            sorted({sae.layer for sae in self.saes}),
            self.request.next_tokens,
        )
        firings = {
            sae.sae_id: sae.encode(reading.resid[sae.layer], theta=self.request.theta)
            for sae in self.saes
        }
        return self.written(prompt, reading, firings)

    def written(self, prompt: Prompt, reading: Reading, firings: dict[str, Firings]) -> bytes:
        """The JSON of InspectResponse, of a prompt that was read. `firings`:
        by sae_id, in the order asked for.
        """
        for sae_id, found in firings.items():
            self.known.metrics.firings.labels(sae_id).inc(len(found.position))
        n_prompt = len(self.prompt.token_ids)
        parts = {
            "tokens": to_json(prompt.tokens),
            "generated_from": to_json(n_prompt if len(prompt.token_ids) > n_prompt else None),
            "firings": to_json({sae_id: _columns(found) for sae_id, found in firings.items()}),
            "next_tokens": to_json(
                _next_rows(
                    prompt, range(len(prompt.token_ids)), reading.token_ids, reading.probabilities
                )
            ),
            "splits": to_json(_splits(firings, prompt)),
            "feature_info": self._feature_info(firings),
            "residual_norms": to_json(
                {
                    sae.sae_id: reading.resid[sae.layer].float().norm(dim=-1).tolist()
                    for sae in self.saes
                }
            ),
            "effective": to_json(self.effective),
        }
        return _json_object(parts)

    def continued(self, stop: Event | None = None) -> Prompt:
        """The prompt, with what the model writes after it when `generate` asks for
        that. Ends before eos.
        """
        if self.request.generate == 0:
            return self.prompt
        lm = self.prompt.loaded.lm
        steps = generate_arms(
            lm, self.prompt.token_ids, [[]], max_new_tokens=self.request.generate, stop=stop
        )
        return with_tokens(
            self.prompt,
            [step.token_id for step in steps if step.token_id not in lm.eos_ids],
            self.known,
        )

    def _feature_info(self, firings: dict[str, Firings]) -> bytes:
        """By sae_id, then feature_index as a string, since JSON keys are strings."""
        return _json_object(
            {
                sae_id: self.known.feature_json(
                    self.prompt.store, sae_id, found.feature_index.unique().tolist()
                )
                for sae_id, found in firings.items()
            }
        )


def plan_inspect(request: InspectRequest, served: Backend) -> InspectPlan:
    """Check everything; blocks for a moment."""
    prompt = read_prompt(request, served)
    check_inspect(request, served.settings, len(prompt.token_ids), prompt.loaded)
    saes = chosen_saes(request.sae_ids, prompt)
    _check_room(request, served, prompt, saes)
    effective = effective_prompt(request, prompt, served) | {
        "sae_ids": [sae.sae_id for sae in saes],
        "theta": request.theta,
        "next_tokens": request.next_tokens,
    }
    # named only then: without it, runs keep the ids that they had before it existed
    if request.generate:
        effective["generate"] = request.generate
    return InspectPlan(request, prompt, saes, effective, served.known)


def _check_room(
    request: InspectRequest, served: Backend, prompt: Prompt, saes: Sequence[Sae]
) -> None:
    n = len(prompt.token_ids) + request.generate
    needed = bytes_together(prompt.loaded.lm, [n], [bool(request.next_tokens)], saes)
    what = f"Inspecting {n} positions with {len(saes)} SAE{'s' * (len(saes) != 1)}"
    check_room(
        what,
        needed,
        "send a shorter prompt, fewer sae_ids or next_tokens 0",
        served.settings,
        prompt.loaded,
    )


def bytes_together(
    lm: LanguageModel, lengths: Sequence[int], asking: Sequence[bool], saes: Sequence[Sae]
) -> int:
    """Of reading prompts of these lengths in one forward; `asking`:
    whether next tokens are wanted of each.
    """
    unembedded = sum(n for n, asks in zip(lengths, asking, strict=True) if asks)
    layers = len({sae.layer for sae in saes})
    reading = reading_bytes(lm, len(lengths), max(lengths), layers, unembedded)
    return reading + encoding_bytes(saes, sum(lengths), on_cpu=lm.device.type == "cpu")


def chosen_saes(sae_ids: list[str] | None, prompt: Prompt) -> list[Sae]:
    """The SAEs of these ids, all live ones for None; a 422 for an unknown or repeated one."""
    live = prompt.loaded.saes
    wanted = list(live) if sae_ids is None else sae_ids
    if len(set(wanted)) < len(wanted) or not set(wanted) <= set(live):
        raise refuse_field("sae_ids", wanted, f"each at most once, of {sorted(live)}")
    return [live[sae_id] for sae_id in wanted]


@router.post("/tokenize")
def tokenize(request: TokenizeRequest, served: Served) -> TokenizeResponse:
    """The prompt as the model reads it. Not queued: it does not run the model."""
    prompt = read_prompt(request, served)
    return TokenizeResponse(
        tokens=prompt.tokens,
        last_function=prompt.last_function,
        effective=effective_prompt(request, prompt, served),
    )


@router.post("/inspect", response_model=InspectResponse)
async def inspect(request: InspectRequest, served: Served, turns: Turns) -> HttpResponse:
    """All firings along a prompt, and the next tokens at every position of it.

    With `generate`, the model first writes on greedily; those positions are read like the prompt's.
    Requests without it that wait at the same time are read in one forward pass.
    """
    plan = await asyncio.to_thread(plan_inspect, request, served)
    if request.generate:
        ticket = await turns.turn(LESS)
        body = await ticket.run(partial(plan.run_json, ticket.stop))
    else:
        body = await turns.joined(served.joiner, plan, LESS)
    return HttpResponse(body, media_type="application/json")


def next_token_list(
    prompt: Prompt, positions: Sequence[int], token_ids: Tensor, probabilities: Tensor
) -> list[NextToken]:
    """Two [pos, k] tensors as a list, position by position."""
    return _NEXT_TOKENS.validate_python(_next_rows(prompt, positions, token_ids, probabilities))


def _next_rows(
    prompt: Prompt, positions: Sequence[int], token_ids: Tensor, probabilities: Tensor
) -> list[dict[str, Any]]:
    text = prompt.loaded.text
    return [
        {"position": at, "token_id": token_id, "text": text(token_id), "probability": share}
        for at, ids, shares in zip(
            positions, token_ids.tolist(), probabilities.tolist(), strict=True
        )
        for token_id, share in zip(ids, shares, strict=True)
    ]


def _json_object(parts: dict[str, bytes]) -> bytes:
    """Members that are JSON already, copied once: the notes on features are most of an answer."""
    pieces = [piece for name, part in parts.items() for piece in (b",", to_json(name), b":", part)]
    return b"".join([b"{", *pieces[1:], b"}"])


def _columns(found: Firings) -> dict[str, list[Any]]:
    return {
        "position": found.position.tolist(),
        "feature_index": found.feature_index.tolist(),
        "activation": found.activation.tolist(),
    }


def _splits(firings: dict[str, Firings], prompt: Prompt) -> dict[str, list[dict[str, int]]]:
    """By sae_id, a row per position that is not special. All SAEs are counted in
    one go, a row each.
    """
    n, special = len(prompt.token_ids), set(prompt.special_positions)
    if not firings:
        return {}
    found = list(firings.values())
    together = Firings(
        torch.cat([one.position + k * n for k, one in enumerate(found)]),
        torch.cat([one.feature_index for one in found]),
        found[0].activation,
    )
    counts = split_rows(together, len(found), n, special).stacked().tolist()
    return {
        sae_id: [
            {
                "position": p,
                "firing": row[0],
                "new": row[1],
                "reactivated": row[2],
                "carried": row[3],
            }
            for p, row in enumerate(rows)
            if p not in special
        ]
        for sae_id, rows in zip(firings, counts, strict=True)
    }
