"""/api/steer: baseline and steered arms side by side, at once or streamed;
and what α means on a prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import StreamingResponse

from backend.core.lm.cost import generating_bytes
from backend.core.sae import Sae
from backend.core.steering.arms import edited_positions, sentence
from backend.core.steering.controls import left_out
from backend.core.steering.experiment import ArmRecord, SteerExperiment, TokenMade, Writing
from backend.routes.live.edits import effective_edits, read_edits
from backend.routes.live.inspect_wire import next_token_list
from backend.routes.live.prompting import Prompt, effective_prompt, read_prompt
from backend.routes.live.strength import plan_strength
from backend.routes.live.work import SteppedWork, answered, streamed
from backend.routes.request.lease import Turns
from backend.routes.request.limits import check_freeze, check_room, check_steer
from backend.routes.request.served import Backend, Served
from backend.schemas import (
    Arm,
    ArmFrame,
    CancelResponse,
    FinalFrame,
    NextToken,
    SteerRequest,
    SteerResponse,
    StrengthRequest,
    StrengthResponse,
    TokenFrame,
)

router = APIRouter(tags=["live"])
LESS = "ask for a smaller max_new_tokens, fewer samples or interventions, or no controls"


@dataclass
class SteerWork(SteppedWork[ArmRecord | TokenMade, SteerResponse]):
    """The arms of a request, as the wire has them."""

    prompt: Prompt
    experiment: SteerExperiment
    effective: dict[str, Any]
    at_once = True

    @property
    def saes(self) -> list[Sae]:
        return [edit.sae for edit in self.experiment.edits]

    def steps(self, stop: Event) -> Iterator[ArmRecord | TokenMade]:
        return self.experiment.steps(stop)

    def result(self) -> SteerResponse | None:
        """Once both arms' next tokens are there."""
        records = self.experiment.records
        if len(records) < 2:
            return None
        baseline, steered, *controls = (self._arm(record) for record in records)
        edits = self.experiment.edits
        return SteerResponse(
            tokens=self.prompt.tokens,
            prefix_length=self.prompt.prefix_length,
            baseline=baseline,
            steered=steered,
            controls={
                record.arm.name: arm for record, arm in zip(records[2:], controls, strict=True)
            },
            kl=steered.kl,
            applied_positions=edited_positions(edits),
            sentence=sentence(edits, self.prompt),
            effective=self.effective,
        )

    def frame(self, step: ArmRecord | TokenMade) -> ArmFrame | TokenFrame:
        if isinstance(step, ArmRecord):
            return ArmFrame(
                seq=0,
                arm=step.arm.name,
                next_tokens=self._next_tokens(step),
                kl=step.kl,
                sentence=step.arm.sentence,
                positions=list(step.arm.positions),
            )
        return TokenFrame(
            seq=0,
            arm=step.arm,
            sample=step.step.sample,
            text=step.step.text,
            token_id=step.step.token_id,
            probability=step.step.probability,
        )

    def final(self, *, stopped: bool) -> FinalFrame:
        return FinalFrame(seq=0, status="cancelled" if stopped else "done", result=self.result())

    def _arm(self, record: ArmRecord) -> Arm:
        return Arm(
            texts=record.texts,
            token_ids=record.token_ids,
            probabilities=record.probabilities,
            first_divergence=record.first_divergence(self.experiment.records[0]),
            positions=list(record.arm.positions),
            next_tokens=self._next_tokens(record),
            kl=record.kl,
            sentence=record.arm.sentence,
        )

    def _next_tokens(self, record: ArmRecord) -> list[NextToken]:
        last = len(self.prompt.token_ids) - 1
        return next_token_list(
            self.prompt, [last], record.next_ids[None], record.next_probabilities[None]
        )


def plan_steer(request: SteerRequest, served: Backend) -> SteerWork:
    """Check everything; blocks for a moment."""
    prompt = read_prompt(request, served)
    check_steer(request, served.settings, len(prompt.token_ids), prompt.loaded)
    check_freeze(request.freeze_attention, prompt.loaded)
    _check_room(request, served, prompt)
    edits = read_edits(request, prompt)
    settings = request.model_dump(
        include={
            "include_generated",
            "max_new_tokens",
            "temperature",
            "samples",
            "seed",
            "controls",
            "freeze_attention",
        }
    )
    effective = effective_prompt(request, prompt, served) | settings
    if request.stop:  # named only then: runs without it keep the ids that they had before
        effective["stop"] = request.stop
    effective["interventions"] = effective_edits(request.interventions, edits)
    missing = left_out(edits, prompt, request.seed) if request.controls else {}
    if missing:
        effective["controls_left_out"] = missing
    experiment = SteerExperiment(
        prompt.loaded.lm,
        prompt,
        edits,
        Writing(
            request.max_new_tokens, request.temperature, request.samples, request.seed, request.stop
        ),
        request.controls,
        request.freeze_attention,
        prompt.past,
    )
    return SteerWork(prompt, experiment, effective)


def _check_room(request: SteerRequest, served: Backend, prompt: Prompt) -> None:
    arms = 2 + 3 * request.controls
    sizes = request.samples, len(prompt.token_ids), request.max_new_tokens
    needed = generating_bytes(prompt.loaded.lm, arms, *sizes, past=prompt.held)
    check_room(
        f"Generating {arms * request.samples} texts",
        needed + prompt.past_bytes(),
        "send a shorter prompt, fewer samples or max_new_tokens, or no controls",
        served.settings,
        prompt.loaded,
    )


@router.post("/steer")
async def steer(request: SteerRequest, served: Served, turns: Turns) -> SteerResponse:
    """The next-token shift and the texts of every arm, when all are done."""
    return await answered(await asyncio.to_thread(plan_steer, request, served), turns, LESS)


@router.post(
    "/steer/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "server-sent events"}},
)
async def stream_steer(request: SteerRequest, served: Served, turns: Turns) -> StreamingResponse:
    """The same, as server-sent events: start, arm (one per arm), token …, then final or error.

    Each event's data is JSON with a `seq`. The stream's id is in the X-Stream-Id header and the
    start frame.
    """
    work = await asyncio.to_thread(plan_steer, request, served)
    return streamed(work, turns.take(LESS), served.live.queue)


@router.post("/steer/cancel/{stream_id}")
def cancel_stream(
    stream_id: Annotated[str, Path(max_length=64, description="from the start frame")],
    served: Served,
) -> CancelResponse:
    """Stop any stream (steer, sweep, traits) after its current step. What it made so far comes
    in its final frame.
    """
    return CancelResponse(stream_id=stream_id, cancelled=served.live.queue.cancel(stream_id))


@router.post("/strength")
async def strength(request: StrengthRequest, served: Served, turns: Turns) -> StrengthResponse:
    """What α is worth: the feature's corpus percentile,
    and the size of the residual at every position.

    Multiples of the percentile are α / act_q999; the share of the residual is α · decoder_norm /
    residual_norm.
    """
    work = await asyncio.to_thread(plan_strength, request, served)
    return await answered(work, turns, "send a shorter prompt or fewer features")
