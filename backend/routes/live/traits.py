"""POST /api/traits: find the feature of a trait by the paper's own procedure, in short steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from backend.core.sae import Sae
from backend.core.steering.trait_rows import MULTIPLES, Spot, Trait
from backend.core.steering.traits import TraitSearch
from backend.routes.live import trait_wire
from backend.routes.live.prompting import Prompt, effective_prompt, read_one_of
from backend.routes.live.strength import feature_quantile
from backend.routes.live.targets import read_target, unsearchable
from backend.routes.request.frames import event_stream
from backend.routes.request.limits import check_traits
from backend.routes.request.problems import Refusal, refuse_field
from backend.routes.request.served import Backend, Served, Turns
from backend.routes.request.turns import in_turns
from backend.schemas import (
    Response,
    StartFrame,
    TokenizeRequest,
    TraitProgressFrame,
    TraitsFinalFrame,
    TraitsRequest,
)
from backend.serving.loading import Loaded
from backend.serving.queueing import Queue, Ticket

router = APIRouter(tags=["live"])
LESS = "send fewer prompts, sae_ids or alphas, or a smaller max_new_tokens"


@dataclass(frozen=True)
class TraitsPlan:
    """A request found to be good, and all that determines its answer."""

    request: TraitsRequest
    prompt: Prompt  # the trait prompt
    saes: list[Sae]
    trait: Trait
    effective: dict[str, Any]


def plan_traits(request: TraitsRequest, served: Backend) -> TraitsPlan:
    """Check everything; blocks for a moment."""
    loaded = served.live.require()
    check_traits(request, served.settings)
    success = read_target(request.success, "success", loaded)
    saes = _saes(request, loaded)
    prompt, spot = _spot(request.trait_prompt, "trait_prompt", request, served)
    trait = Trait(
        trait=spot,
        contrast=_spots(request.contrast_prompts, "contrast_prompts", request, served),
        test=_spots(request.test_prompts, "test_prompts", request, served),
        success=success,
        asking_contrast=_spots(
            _asking(request, request.contrast_prompts), "instruction", request, served
        ),
        asking_test=_spots(_asking(request, request.test_prompts), "instruction", request, served),
        alphas=tuple(request.alphas) if request.alphas is not None else None,
        induces=request.induces,
        max_new_tokens=request.max_new_tokens,
    )
    asked = request.model_dump(exclude={"trait_prompt", "chat", "sae_ids"})
    effective = effective_prompt(
        TokenizeRequest(prompt=request.trait_prompt, chat=request.chat), prompt, served
    )
    effective |= asked | {"sae_ids": [sae.sae_id for sae in saes], "position": spot.position}
    if request.alphas is None:
        effective["alphas"] = [
            f"{multiple:g} × the layer's largest activation" for multiple in MULTIPLES
        ]
    return TraitsPlan(request, prompt, saes, trait, effective)


def _saes(request: TraitsRequest, loaded: Loaded) -> list[Sae]:
    wanted = sorted(loaded.saes) if request.sae_ids is None else request.sae_ids
    good = [sae_id for sae_id, sae in loaded.saes.items() if sae.normalize_activations == "none"]
    if request.sae_ids is None:
        wanted = [sae_id for sae_id in wanted if sae_id in good]
    if not wanted or len(set(wanted)) < len(wanted) or not set(wanted) <= set(good):
        raise refuse_field("sae_ids", request.sae_ids, f"one or more, each once, of {sorted(good)}")
    return [loaded.saes[sae_id] for sae_id in wanted]


def _asking(request: TraitsRequest, prompts: Sequence[str]) -> list[str]:
    if request.instruction is None:
        return []
    return [request.instruction.replace("{prompt}", prompt) for prompt in prompts]


def _spots(texts: Sequence[str], field: str, request: TraitsRequest, served: Backend) -> list[Spot]:
    return [_spot(text, f"{field}.{place}", request, served)[1] for place, text in enumerate(texts)]


def _spot(text: str, field: str, request: TraitsRequest, served: Backend) -> tuple[Prompt, Spot]:
    """The prompt with its last function token;
    a 422 or 413 that names which of the many prompts it is.
    """
    prompt = read_one_of(field, TokenizeRequest(prompt=text, chat=request.chat), served)
    position = prompt.last_function
    if position is None:
        why = (
            "this one has none"
            if prompt.store is not None
            else "without a build none is known: serve one"
        )
        raise refuse_field(
            field, text, f"a prompt with a function token, the last of which is edited; {why}"
        )
    context = prompt.loaded.lm.max_positions
    if context and len(prompt.token_ids) + request.max_new_tokens > context:
        n = len(prompt.token_ids) + request.max_new_tokens
        raise Refusal(
            413, f"{field}: prompt and max_new_tokens make {n} tokens; the model takes {context}."
        )
    return prompt, Spot(prompt.token_ids, position)


def _steps(search: TraitSearch, *, instructed: bool) -> Iterator[TraitProgressFrame]:
    """The search's steps as frames; a pattern that takes too long becomes a 422."""
    try:
        for made in search.steps():
            yield trait_wire.progress_frame(made, instructed=instructed)
    except ValueError as error:
        raise unsearchable("success", search.trait.success, error) from error


@router.post(
    "/traits",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "server-sent events"}},
)
async def stream_traits(request: TraitsRequest, served: Served, turns: Turns) -> StreamingResponse:
    """The paper's search: start, progress …, then final or error.

    Layer by success on the contrast prompts; features by activation; the smallest k that induces
    the trait; then feature, set, random feature, difference of means and asking, on the test
    prompts alone. Between batches of answers others go first. POST /api/steer/cancel/{stream_id}
    stops it, and so does the model's clock: limits.stream_seconds of /api/capabilities for the
    whole, live_seconds for a batch.
    """
    plan = await asyncio.to_thread(plan_traits, request, served)
    ticket = turns.take(LESS, served.settings.stream_seconds)
    return event_stream(_frames(plan, ticket, served.live.queue), ticket)


async def _frames(plan: TraitsPlan, ticket: Ticket, queue: Queue) -> AsyncIterator[Response]:
    async for place in ticket.places():
        yield StartFrame(seq=0, stream_id=ticket.stream_id, queue_position=place)
    search = TraitSearch(plan.prompt.loaded.lm, plan.saes, plan.trait, ticket.stop)
    instructed = plan.request.instruction is not None
    async for frame in in_turns(ticket, queue, _steps(search, instructed=instructed)):
        yield frame
    whole = not ticket.stop.is_set()
    result = (
        trait_wire.response(
            search.finding,
            act_q999=_quantile(plan, search),
            instructed=instructed,
            effective=plan.effective,
        )
        if whole
        else None
    )
    yield TraitsFinalFrame(seq=0, status="done" if whole else "cancelled", result=result)


def _quantile(plan: TraitsPlan, search: TraitSearch) -> float | None:
    found = search.finding
    if found.feature_index is None:
        return None
    return feature_quantile(plan.prompt.store, found.sae_id, found.feature_index)[0]
