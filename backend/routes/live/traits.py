"""POST /api/traits: find the feature of a trait by the paper's own procedure, in short steps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from backend.core.sae import Sae
from backend.core.steering.trait_rows import MULTIPLES, Progress, Spot, Trait
from backend.core.steering.traits import TraitSearch
from backend.routes.live import trait_wire
from backend.routes.live.prompting import Prompt, effective_prompt, read_one_of
from backend.routes.live.strength import feature_quantile
from backend.routes.live.targets import read_target, unsearchable
from backend.routes.live.work import SteppedWork, streamed
from backend.routes.request.lease import Turns
from backend.routes.request.limits import check_traits
from backend.routes.request.problems import Refusal, refuse_field
from backend.routes.request.served import Backend, Served
from backend.schemas import (
    TokenizeRequest,
    TraitProgressFrame,
    TraitsFinalFrame,
    TraitsRequest,
    TraitsResponse,
)
from backend.serving.loading import Loaded

router = APIRouter(tags=["live"])
LESS = "send fewer prompts, sae_ids or alphas, or a smaller max_new_tokens"


def plan_traits(request: TraitsRequest, served: Backend) -> TraitsWork:
    """Check everything; blocks for a moment."""
    loaded = served.live.require()
    check_traits(request, served.settings)
    success = read_target(request.success, "success", loaded)
    saes = _saes(request, loaded)
    read = _Reader(request, served)
    prompt, spot = read.one(request.trait_prompt, "trait_prompt")
    trait = Trait(
        trait=spot,
        contrast=read.all(request.contrast_prompts, "contrast_prompts"),
        test=read.all(request.test_prompts, "test_prompts"),
        success=success,
        asking_contrast=read.all(_asking(request, request.contrast_prompts), "instruction"),
        asking_test=read.all(_asking(request, request.test_prompts), "instruction"),
        alphas=tuple(request.alphas) if request.alphas is not None else None,
        induces=request.induces,
        max_new_tokens=request.max_new_tokens,
        until=tuple(request.stop),
    )
    asked = request.model_dump(exclude={"trait_prompt", "chat", "prefix", "sae_ids"})
    effective = effective_prompt(read.request_of(request.trait_prompt), prompt, served)
    effective |= asked | {"sae_ids": [sae.sae_id for sae in saes], "position": spot.position}
    if request.alphas is None:
        effective["alphas"] = [
            f"{multiple:g} × the layer's largest activation" for multiple in MULTIPLES
        ]
    past = partial(loaded.prefixes.of, prompt.token_ids[: read.shortest])  # of all prompts
    search = TraitSearch(loaded.lm, saes, trait, past=past)
    return TraitsWork(search, prompt, request.instruction is not None, effective)


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


class _Reader:
    """Reads a search's prompts behind its prefix."""

    def __init__(self, request: TraitsRequest, served: Backend) -> None:
        self.request, self.served = request, served
        self.shortest = 0  # tokens of the prefix that all prompts read so far have

    def request_of(self, text: str) -> TokenizeRequest:
        """One of the prompts as a request of its own."""
        return TokenizeRequest(prompt=text, chat=self.request.chat, prefix=self.request.prefix)

    def all(self, texts: Sequence[str], field: str) -> list[Spot]:
        """Of a field that holds several."""
        return [self.one(text, f"{field}.{place}")[1] for place, text in enumerate(texts)]

    def one(self, text: str, field: str) -> tuple[Prompt, Spot]:
        """The prompt with its last function token; a 422 or 413 that names which of the many
        prompts it is.
        """
        prompt = read_one_of(field, self.request_of(text), self.served)
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
        context, n = (
            prompt.loaded.lm.max_positions,
            len(prompt.token_ids) + self.request.max_new_tokens,
        )
        if context and n > context:
            raise Refusal(
                413,
                f"{field}: prompt and max_new_tokens make {n} tokens; the model takes {context}.",
            )
        self.shortest = min(self.shortest or prompt.prefix_length, prompt.prefix_length)
        return prompt, Spot(prompt.token_ids, position)


@dataclass
class TraitsWork(SteppedWork[Progress, TraitsResponse]):
    """A search, a batch of answers at a step. `instructed`: whether the trait can be asked for."""

    search: TraitSearch
    prompt: Prompt  # the trait prompt
    instructed: bool
    effective: dict[str, Any]

    def steps(self, stop: Event) -> Iterator[Progress]:
        """A pattern that takes too long becomes a 422."""
        try:
            yield from self.search.steps(stop)
        except ValueError as error:
            raise unsearchable("success", self.search.trait.success, error) from error

    def frame(self, step: Progress) -> TraitProgressFrame:
        return trait_wire.progress_frame(step, instructed=self.instructed)

    def result(self) -> TraitsResponse:
        """Of a search that ran to its end."""
        found, act_q999 = self.search.finding, None
        if found.feature_index is not None:
            store = self.prompt.store
            act_q999 = feature_quantile(store, found.sae_id, found.feature_index)[0]
        return trait_wire.response(
            found, act_q999=act_q999, instructed=self.instructed, effective=self.effective
        )

    def final(self, *, stopped: bool) -> TraitsFinalFrame:
        return TraitsFinalFrame(
            seq=0,
            status="cancelled" if stopped else "done",
            result=None if stopped else self.result(),
        )


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
    work = await asyncio.to_thread(plan_traits, request, served)
    return streamed(work, turns.take(LESS, served.settings.stream_seconds), served.live.queue)
