"""/api/steer/set: an edit tried on a set of prompts, each beside its baseline and controls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from backend.core.lm.cost import generating_bytes
from backend.core.sae import Sae
from backend.core.steering.answers import BATCH
from backend.core.steering.prompt_set import Answers, SetExperiment, SetPrompt
from backend.routes.live.edits import decoder_norm, read_edits
from backend.routes.live.prompting import Prompt, read_one_of
from backend.routes.live.steer_set_wire import arm_sentences, arms_of, rows_of
from backend.routes.live.targets import read_target, unsearchable
from backend.routes.live.work import SteppedWork, answered, streamed
from backend.routes.request.lease import Turns
from backend.routes.request.limits import check_prompt_set, check_room, check_steer
from backend.routes.request.problems import Refusal, refuse_field
from backend.routes.request.served import Backend, Served
from backend.schemas import SteerRequest, TokenizeRequest
from backend.schemas.prompt_sets import (
    SteerSetFinalFrame,
    SteerSetFrame,
    SteerSetRequest,
    SteerSetResponse,
)
from backend.serving.loading import Loaded

router = APIRouter(tags=["live"])
LESS = "send fewer or shorter prompts, a smaller max_new_tokens, or no controls"


@dataclass
class SteerSetWork(SteppedWork[list[Answers], SteerSetResponse]):
    """The experiment, a few prompts at a step. `sentences`: of the arms, by name."""

    request: SteerSetRequest
    prompts: list[Prompt]
    experiment: SetExperiment
    sentences: dict[str, str]
    effective: dict[str, Any]

    @property
    def saes(self) -> list[Sae]:
        return [edit.sae for edit in self.experiment.prompts[0].edits]

    @property
    def loaded(self) -> Loaded:
        return self.prompts[0].loaded

    @property
    def token_ids(self) -> list[list[int]]:
        return [prompt.token_ids for prompt in self.prompts]

    @property
    def finished(self) -> bool:
        return self.experiment.finished

    def steps(self, stop: Event) -> Iterator[list[Answers]]:
        """A pattern that takes too long becomes a 422."""
        try:
            yield from self.experiment.steps(stop)
        except ValueError as error:
            raise unsearchable("success", self.experiment.success, error) from error

    def result(self) -> SteerSetResponse:
        """Over the prompts answered so far."""
        rows = self.experiment.rows
        return SteerSetResponse(
            arms=arms_of(self.experiment, self.sentences),
            rows=rows_of(rows, 0),
            done=len(rows),
            total=len(self.prompts),
            effective=self.effective,
        )

    def frame(self, step: list[Answers]) -> SteerSetFrame:
        done = len(self.experiment.rows)
        return SteerSetFrame(
            seq=0,
            rows=rows_of(step, done - len(step)),
            arms=arms_of(self.experiment, self.sentences),
            done=done,
            total=len(self.prompts),
        )

    def final(self, *, stopped: bool) -> SteerSetFinalFrame:
        return SteerSetFinalFrame(
            seq=0, status="done" if self.finished else "cancelled", result=self.result()
        )


def plan_steer_set(request: SteerSetRequest, served: Backend) -> SteerSetWork:
    """Check everything and tokenise all prompts; blocks for a moment."""
    check_prompt_set(request.prompts, served.settings)
    loaded = served.live.require()
    success = None if request.success is None else read_target(request.success, "success", loaded)
    prompts = [_read(request, place, text, served) for place, text in enumerate(request.prompts)]
    asked = [_edited(request, place, prompt, served) for place, prompt in enumerate(prompts)]
    _check_room(request, prompts, served)
    shared = min(prompt.prefix_length for prompt in prompts)
    experiment = SetExperiment(
        loaded.lm,
        asked,
        request.max_new_tokens,
        request.stop,
        success,
        request.controls,
        request.seed,
        partial(loaded.prefixes.of, prompts[0].token_ids[:shared]),
    )
    sentences = arm_sentences(request, asked[0].edits)
    return SteerSetWork(request, prompts, experiment, sentences, _effective(request, asked, served))


def _read(request: SteerSetRequest, place: int, text: str, served: Backend) -> Prompt:
    one = TokenizeRequest(
        prompt=text, chat=request.chat, prefix=request.prefix, turns=request.turns
    )
    return read_one_of(f"prompts.{place}", one, served)


def _edited(request: SteerSetRequest, place: int, prompt: Prompt, served: Backend) -> SetPrompt:
    """The edits in one prompt, checked as those of a steer request; a 413 or 422 names the prompt
    where it is that prompt's own.
    """
    body = SteerRequest(
        prompt=request.prompts[place],
        chat=request.chat,
        prefix=request.prefix,
        turns=request.turns,
        interventions=list(request.interventions),
        max_new_tokens=request.max_new_tokens,
        stop=request.stop,
    )
    if prompt.last_function is None and any(
        one.positions == "last_function" for one in request.interventions
    ):
        allowed = 'a prompt with a function token, where it is edited: take it out, or send "last"'
        raise refuse_field(f"prompts.{place}", request.prompts[place], allowed)
    try:
        check_steer(body, served.settings, len(prompt.token_ids), prompt.loaded)
        return SetPrompt(prompt, read_edits(body, prompt))
    except Refusal as refusal:
        if refusal.status_code != 413:
            raise
        raise Refusal(413, f"prompts.{place}: {refusal.detail}") from refusal


def _check_room(request: SteerSetRequest, prompts: list[Prompt], served: Backend) -> None:
    longest = max(prompts, key=lambda prompt: len(prompt.token_ids))
    arms = 5 if request.controls else 2
    rows = min(BATCH, arms * len(prompts))
    needed = generating_bytes(
        longest.loaded.lm,
        1,
        rows,
        len(longest.token_ids),
        request.max_new_tokens,
        past=longest.held,
    )
    check_room(
        f"Answering {rows} prompts at once",
        needed + longest.past_bytes(),
        LESS,
        served.settings,
        longest.loaded,
    )


def _effective(request: SteerSetRequest, asked: list[SetPrompt], served: Backend) -> dict[str, Any]:
    settings = request.model_dump(mode="json", exclude={"prompts", "interventions"})
    edits = [
        one.model_dump()
        | {"layer": edit.sae.layer, "decoder_norm": decoder_norm(edit.sae, edit.feature_index)}
        for one, edit in zip(request.interventions, asked[0].edits, strict=True)
    ]
    first = asked[0].prompt
    return settings | {
        "n_prompts": len(asked),
        "interventions": edits,
        "token_classes": "build" if first.classified else "unknown: there is no build",
        "model": served.preset.title,
        "interval": "95 % Wilson interval of a share of prompts",
    }


@router.post("/steer/set")
async def steer_set(request: SteerSetRequest, served: Served, turns: Turns) -> SteerSetResponse:
    """Each prompt's greedy answer as it is, edited and under the controls, and each arm's rate of
    success, when all are done, within limits.live_seconds of the model's time.

    The streamed answer may take limits.stream_seconds.
    """
    return await answered(await asyncio.to_thread(plan_steer_set, request, served), turns, LESS)


@router.post(
    "/steer/set/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "server-sent events"}},
)
async def stream_steer_set(
    request: SteerSetRequest, served: Served, turns: Turns
) -> StreamingResponse:
    """The same, told as it goes: start, `answers` after every few prompts, then `final`, or
    `error`. A cancelled stream keeps what was answered.
    """
    work = await asyncio.to_thread(plan_steer_set, request, served)
    return streamed(work, turns.take(LESS, served.settings.stream_seconds), served.live.queue)
