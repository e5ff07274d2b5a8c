"""/api/tokenize and /api/inspect: one prompt, read live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import Any

from fastapi import APIRouter
from fastapi import Response as HttpResponse
from pydantic_core import to_json

from backend.core.lm import LanguageModel
from backend.core.lm.cost import encoding_bytes, reading_bytes
from backend.core.lm.next_tokens import Reading, Wanted, read_together
from backend.core.lm.past import Past
from backend.core.sae import Firings, Sae
from backend.core.steering.generate import generate_arms
from backend.routes.live.inspect_wire import columns, json_object, next_rows, splits
from backend.routes.live.prompting import Prompt, effective_prompt, read_prompt, with_tokens
from backend.routes.live.work import LiveWork
from backend.routes.request.known import Known
from backend.routes.request.lease import Held, Turns
from backend.routes.request.limits import check_inspect, check_room
from backend.routes.request.problems import refuse_field
from backend.routes.request.served import Backend, Served
from backend.schemas import (
    InspectRequest,
    InspectResponse,
    TokenizeRequest,
    TokenizeResponse,
)

router = APIRouter(tags=["live"])
LESS = "send a shorter prompt, fewer sae_ids, or a smaller generate"


@dataclass(frozen=True)
class InspectWork(LiveWork[InspectResponse]):
    """A request found to be good, and all that determines its answer."""

    request: InspectRequest
    prompt: Prompt
    saes: list[Sae]
    effective: dict[str, Any]
    known: Known

    def run(self, stop: Event) -> InspectResponse:
        """The answer as an object: what `run_json` writes, read."""
        return InspectResponse.model_validate_json(self.run_json(stop))

    def run_json(self, stop: Event | None = None) -> bytes:
        """One forward pass (and, with `generate`, the writing before it),
        as the JSON of InspectResponse.

        Put together from columns and from notes on features that were written before: building the
        objects took as long as the forward pass of a small model. Call it in the worker thread.
        `stop` ends the writing early.
        """
        prompt = self.continued(stop)
        reading = read_together(prompt.loaded.lm, [self.wanted(prompt)], self.past())[0].since(
            self.first
        )
        firings = {
            sae.sae_id: sae.encode(reading.resid[sae.layer], theta=self.request.theta)
            for sae in self.saes
        }
        return self.written(prompt, reading, firings)

    @property
    def first(self) -> int:
        """The first position that is read: the prefix's end, unless that is asked for too."""
        return 0 if self.request.include_prefix else self.prompt.prefix_length

    @property
    def held(self) -> int:
        """Positions that need not be run."""
        return 0 if self.request.include_prefix else self.prompt.held

    def past(self) -> Past | None:
        """What was kept of those. Call it in the worker thread."""
        return self.prompt.past() if self.held else None

    def wanted(self, prompt: Prompt) -> Wanted:
        """What to read of the prompt, which may have been continued."""
        asked = self.request.next_tokens_at
        positions = range(self.first, len(prompt.token_ids)) if asked is None else asked
        layers = sorted({sae.layer for sae in self.saes})
        return Wanted(prompt.token_ids, layers, self.request.next_tokens, positions)

    def written(self, prompt: Prompt, reading: Reading, firings: dict[str, Firings]) -> bytes:
        """The JSON of InspectResponse, of a prompt that was read. `firings`: by sae_id, in the
        order asked for, at positions from the first that was read.
        """
        firings = {
            sae_id: replace(one, position=one.position + reading.first)
            for sae_id, one in firings.items()
        }
        for sae_id, found in firings.items():
            self.known.metrics.firings.labels(sae_id).inc(len(found.position))
        n_prompt = len(self.prompt.token_ids)
        parts = {
            "tokens": to_json(prompt.tokens),
            "prefix_length": to_json(prompt.prefix_length),
            "generated_from": to_json(n_prompt if len(prompt.token_ids) > n_prompt else None),
            "firings": to_json({sae_id: columns(found) for sae_id, found in firings.items()}),
            "next_tokens": to_json(
                next_rows(prompt, reading.positions, reading.token_ids, reading.probabilities)
            ),
            "splits": to_json(splits(firings, prompt)),
            "feature_info": self._feature_info(firings),
            "residual_norms": to_json(
                {
                    sae.sae_id: [None] * reading.first
                    + reading.resid[sae.layer].float().norm(dim=-1).tolist()
                    for sae in self.saes
                }
            ),
            "effective": to_json(self.effective),
        }
        return json_object(parts)

    def continued(self, stop: Event | None = None) -> Prompt:
        """The prompt, with what the model writes after it when `generate` asks for
        that. Ends before eos.
        """
        if self.request.generate == 0:
            return self.prompt
        lm = self.prompt.loaded.lm
        ids, limit = self.prompt.token_ids, self.request.generate
        steps = generate_arms(
            lm, ids, [[]], max_new_tokens=limit, past=self.prompt.past(), stop=stop
        )
        return with_tokens(
            self.prompt,
            [step.token_id for step in steps if step.token_id not in lm.eos_ids],
            self.known,
        )

    def _feature_info(self, firings: dict[str, Firings]) -> bytes:
        """By sae_id, then feature_index as a string, since JSON keys are strings."""
        return json_object(
            {
                sae_id: self.known.feature_json(
                    self.prompt.store, sae_id, found.feature_index.unique().tolist()
                )
                for sae_id, found in firings.items()
            }
        )


def plan_inspect(request: InspectRequest, served: Backend) -> InspectWork:
    """Check everything; blocks for a moment."""
    prompt = read_prompt(request, served)
    check_inspect(request, served.settings, len(prompt.token_ids), prompt.loaded)
    _check_positions(request, prompt)
    saes = chosen_saes(request.sae_ids, prompt)
    _check_room(request, served, prompt, saes)
    effective = effective_prompt(request, prompt, served) | {
        "sae_ids": [sae.sae_id for sae in saes],
        "theta": request.theta,
        "next_tokens": request.next_tokens,
    }
    for name in ("generate", "next_tokens_at", "include_prefix"):
        if getattr(
            request, name
        ):  # named only then: without it, runs keep the ids that they had before it existed
            effective[name] = getattr(request, name)
    return InspectWork(request, prompt, saes, effective, served.known)


def _check_positions(request: InspectRequest, prompt: Prompt) -> None:
    first = 0 if request.include_prefix else prompt.prefix_length
    last = len(prompt.token_ids) - 1
    asked = request.next_tokens_at
    if asked is not None and (
        len(set(asked)) < len(asked) or not all(first <= at <= last for at in asked)
    ):
        raise refuse_field("next_tokens_at", asked, f"positions of {first} to {last}, each once")


def _check_room(
    request: InspectRequest, served: Backend, prompt: Prompt, saes: Sequence[Sae]
) -> None:
    held = 0 if request.include_prefix else prompt.held
    n = len(prompt.token_ids) + request.generate - held
    needed = (
        bytes_together(prompt.loaded.lm, [n], [bool(request.next_tokens)], saes, past=held)
        + prompt.past_bytes()
    )
    what = f"Inspecting {n} positions with {len(saes)} SAE{'s' * (len(saes) != 1)}"
    check_room(
        what,
        needed,
        "send a shorter prompt, fewer sae_ids or next_tokens 0",
        served.settings,
        prompt.loaded,
    )


def bytes_together(
    lm: LanguageModel,
    lengths: Sequence[int],
    asking: Sequence[bool],
    saes: Sequence[Sae],
    *,
    past: int = 0,
) -> int:
    """Of reading prompts of these lengths in one forward, behind `past` positions that were run
    before; `asking`: whether next tokens are wanted of each.
    """
    unembedded = sum(n for n, asks in zip(lengths, asking, strict=True) if asks)
    layers = len({sae.layer for sae in saes})
    reading = reading_bytes(lm, len(lengths), max(lengths), layers, unembedded, past=past)
    return reading + encoding_bytes(saes, sum(lengths), on_cpu=lm.device.type == "cpu")


def chosen_saes(sae_ids: list[str] | None, prompt: Prompt) -> list[Sae]:
    """The SAEs of these ids, all live ones for None; a 422 for an unknown or repeated one."""
    live = prompt.loaded.saes
    wanted = list(live) if sae_ids is None else sae_ids
    if len(set(wanted)) < len(wanted) or not set(wanted) <= set(live):
        raise refuse_field("sae_ids", wanted, f"each at most once, of {sorted(live)}")
    return [live[sae_id] for sae_id in wanted]


@router.post("/tokenize")
def tokenize(request: TokenizeRequest, served: Served, _: Held) -> TokenizeResponse:
    """The prompt as the model reads it. Not queued: it does not run the model."""
    prompt = read_prompt(request, served)
    return TokenizeResponse(
        tokens=prompt.tokens,
        last_function=prompt.last_function,
        prefix_length=prompt.prefix_length,
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
