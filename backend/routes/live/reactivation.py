"""/api/reactivation: a prompt, or a set of prompts, against the same tokens in random order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from backend.core.reactivation.baseline import Stopped
from backend.core.reactivation.count import Counted, Shuffling, count, kept_positions
from backend.core.reactivation.index import PromptCounts, prompt_counts, summarise
from backend.core.sae import Sae
from backend.routes.live.inspect import InspectWork, plan_inspect
from backend.routes.live.prompting import Prompt, read_one_of
from backend.routes.live.reactivation_wire import index_of, rows_of, shuffling
from backend.routes.live.work import LiveWork, SteppedWork, answered, streamed
from backend.routes.request.lease import Turns
from backend.routes.request.limits import check_prompt_set
from backend.routes.request.problems import Refusal, refuse_field
from backend.routes.request.served import Backend, Served
from backend.routes.request.turns import in_turns
from backend.schemas import (
    InspectRequest,
    ReactivationRequest,
    ReactivationResponse,
    ReactivationSetRequest,
    ReactivationSetResponse,
    SetFinalFrame,
    SetFrame,
    TokenizeRequest,
)
from backend.serving.loading import Loaded

router = APIRouter(tags=["live"])
AT_ONCE = 8  # prompts of a set per turn at the model: between turns others have theirs
LESS = "ask for fewer shuffles, a shorter prompt, fewer sae_ids, or a smaller generate"
LESS_OF_SET = "send fewer or shorter prompts, or ask for fewer shuffles"


def _count(
    prompt: Prompt,
    saes: Sequence[Sae],
    kept: Sequence[int],
    request: ReactivationRequest | ReactivationSetRequest,
    stop: Event,
) -> dict[str, Counted]:
    how = Shuffling(request.shuffles, request.seed, request.theta)
    return count(prompt.loaded.lm, saes, prompt, kept, how, past=prompt.past(), stop=stop)


@router.post("/reactivation")
async def compare_with_shuffles(
    request: ReactivationRequest, served: Served, turns: Turns
) -> ReactivationResponse:
    """The shuffled-context baseline of one prompt, position by position,
    and its reactivation index.

    Tokens trade places within their class; special tokens, the last function token of the prompt
    and generated tokens stay.
    """
    return await answered(await asyncio.to_thread(_plan_one, request, served), turns, LESS)


def _plan_one(request: ReactivationRequest, served: Backend) -> ReactivationWork:
    fields = {
        name: getattr(request, name)
        for name in ("prompt", "chat", "prefix", "turns", "sae_ids", "theta", "generate")
    }
    reading = plan_inspect(InspectRequest(**fields, next_tokens=0), served)
    return ReactivationWork(request, reading)


@dataclass(frozen=True)
class ReactivationWork(LiveWork[ReactivationResponse]):
    """One prompt against its shuffles. `reading`: of the prompt as it is."""

    request: ReactivationRequest
    reading: InspectWork

    def run(self, stop: Event) -> ReactivationResponse | None:
        request, saes, n_prompt = (
            self.request,
            self.reading.saes,
            len(self.reading.prompt.token_ids),
        )
        prompt = self.reading.continued(stop)
        kept = kept_positions(prompt, n_prompt)
        try:
            counted = _count(prompt, saes, kept, request, stop)
        except Stopped:
            return None
        effective = {
            name: value for name, value in self.reading.effective.items() if name != "next_tokens"
        }
        return ReactivationResponse.model_validate(
            {
                "tokens": prompt.tokens,
                "prefix_length": prompt.prefix_length,
                "shuffled": {
                    sae_id: rows_of(one.shuffled, prompt, set(kept))
                    for sae_id, one in counted.items()
                },
                "index": {
                    sae_id: index_of(
                        summarise([prompt_counts(one.observed, one.shuffled, prompt.classes)])
                    )
                    for sae_id, one in counted.items()
                },
                "effective": effective | shuffling(request) | {"kept_positions": kept},
            }
        )


@dataclass
class SetWork(SteppedWork[int, ReactivationSetResponse]):
    """A set of prompts, a few counted at a step."""

    request: ReactivationSetRequest
    prompts: list[Prompt]
    sae: Sae
    effective: dict[str, Any]
    counted: list[PromptCounts] = field(default_factory=list)

    def steps(self, stop: Event) -> Iterator[int]:
        """How many are counted."""
        while not self.finished:
            for prompt in self.prompts[len(self.counted) : len(self.counted) + AT_ONCE]:
                kept = kept_positions(prompt, len(prompt.token_ids))
                try:
                    one = _count(prompt, [self.sae], kept, self.request, stop)[self.sae.sae_id]
                except Stopped:
                    return
                self.counted.append(prompt_counts(one.observed, one.shuffled, prompt.classes))
            yield len(self.counted)

    @property
    def saes(self) -> list[Sae]:
        return [self.sae]

    @property
    def loaded(self) -> Loaded:
        return self.prompts[0].loaded

    @property
    def token_ids(self) -> list[list[int]]:
        return [prompt.token_ids for prompt in self.prompts]

    @property
    def finished(self) -> bool:
        return len(self.counted) == len(self.prompts)

    def result(self) -> ReactivationSetResponse:
        """Over the prompts counted so far."""
        index = index_of(summarise(self.counted, seed=self.request.seed)) if self.counted else None
        return ReactivationSetResponse(
            sae_id=self.sae.sae_id,
            index=index,
            done=len(self.counted),
            total=len(self.prompts),
            effective=self.effective,
        )

    def frame(self, step: int) -> SetFrame | None:
        return None if self.finished else SetFrame(seq=0, result=self.result())

    def final(self, *, stopped: bool) -> SetFinalFrame:
        return SetFinalFrame(
            seq=0, status="done" if self.finished else "cancelled", result=self.result()
        )


def plan_set(request: ReactivationSetRequest, served: Backend) -> SetWork:
    """Check everything and tokenise all prompts; blocks for a moment."""
    texts = list(served.preset.prompt_set()) if request.prompts is None else request.prompts
    check_prompt_set(texts, served.settings)
    live = served.live.require().saes
    if request.sae_id not in live:
        raise refuse_field("sae_id", request.sae_id, f"one of {sorted(live)}")
    prompts = [
        read_one_of(
            f"prompts.{place}",
            TokenizeRequest(
                prompt=text, chat=request.chat, prefix=request.prefix, turns=request.turns
            ),
            served,
        )
        for place, text in enumerate(texts)
    ]
    sae = live[request.sae_id]
    effective = {
        "prompts": "the preset's own set" if request.prompts is None else "as sent",
        "n_prompts": len(prompts),
        "sae_id": request.sae_id,
        "theta": request.theta,
        "chat": request.chat,
        "prefix": request.prefix,
        "model": served.preset.title,
        **({"turns": [one.model_dump() for one in request.turns]} if request.turns else {}),
        **shuffling(request),
        "set_interval": "95 % percentile bootstrap over prompts, 2000 resamples",
    }
    return SetWork(request, prompts, sae, effective)


@router.post("/reactivation/set")
async def index_of_set(
    request: ReactivationSetRequest, served: Served, turns: Turns
) -> ReactivationSetResponse:
    """The reactivation index over many prompts, when all are done,
    within limits.live_seconds of the model's time.

    The streamed answer may take limits.stream_seconds.
    """
    work = await asyncio.to_thread(plan_set, request, served)
    ticket = await turns.turn(
        f"{LESS_OF_SET}, or use /api/reactivation/set/stream, which may run for longer"
    )
    async for _ in in_turns(ticket, served.live.queue, work.steps(ticket.stop)):
        pass
    if not work.finished:
        raise Refusal(
            503,
            f"The request was cancelled after {len(work.counted)} of {len(work.prompts)} prompts.",
        )
    return await asyncio.to_thread(work.result)


@router.post(
    "/reactivation/set/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "server-sent events"}},
)
async def stream_set(
    request: ReactivationSetRequest, served: Served, turns: Turns
) -> StreamingResponse:
    """The same, told as it goes: start, `progress` after every few prompts,
    then `final`, or `error`.

    It may have the model for limits.stream_seconds of /api/capabilities in all.
    """
    work = await asyncio.to_thread(plan_set, request, served)
    ticket = turns.take(LESS_OF_SET, served.settings.stream_seconds)
    return streamed(work, ticket, served.live.queue)
