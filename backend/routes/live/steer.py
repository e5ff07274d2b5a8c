"""/api/steer: baseline and steered arms side by side, at once or streamed;
and what α means on a prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import StreamingResponse

from backend.routes.live.experiment import ArmRecord, Experiment, TokenMade, plan_steer
from backend.routes.live.strength import plan_strength
from backend.routes.request.frames import event_stream
from backend.routes.request.lease import Turns
from backend.routes.request.served import Served
from backend.schemas import (
    ArmFrame,
    CancelResponse,
    FinalFrame,
    Response,
    StartFrame,
    SteerRequest,
    SteerResponse,
    StrengthRequest,
    StrengthResponse,
    TokenFrame,
)
from backend.serving.queueing import Ticket

router = APIRouter(tags=["live"])
LESS = "ask for a smaller max_new_tokens, fewer samples or interventions, or no controls"


@router.post("/steer")
async def steer(request: SteerRequest, served: Served, turns: Turns) -> SteerResponse:
    """The next-token shift and the texts of every arm, when all are done."""
    plan = await asyncio.to_thread(plan_steer, request, served)
    ticket = await turns.turn(LESS)
    return await ticket.run(Experiment(plan, ticket.stop).run)


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
    plan = await asyncio.to_thread(plan_steer, request, served)
    ticket = turns.take(LESS)
    experiment = Experiment(plan, ticket.stop)
    # the model need not wait for the answer's first bytes
    begun = ticket.stream(experiment.steps) if ticket.runs else None
    return event_stream(_frames(experiment, ticket, begun), ticket)


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
    plan = await asyncio.to_thread(plan_strength, request, served)
    ticket = await turns.turn("send a shorter prompt or fewer features")
    return await ticket.run(plan.run)


async def _frames(
    experiment: Experiment, ticket: Ticket, begun: AsyncIterator[ArmRecord | TokenMade] | None
) -> AsyncIterator[Response]:
    """Frames whose `seq` is yet to be given. `begun`:
    the steps, where the work has begun already.
    """
    async for place in ticket.places():
        yield StartFrame(seq=0, stream_id=ticket.stream_id, queue_position=place)
    if begun is None and not ticket.stop.is_set():
        begun = ticket.stream(experiment.steps)
    if begun is not None:
        async for step in begun:
            yield _arm_frame(step) if isinstance(step, ArmRecord) else _token_frame(step)
    if ticket.late:
        raise ticket.timeout()
    stopped = ticket.stop.is_set()
    whole = len(experiment.records) >= 2
    yield FinalFrame(
        seq=0,
        status="cancelled" if stopped else "done",
        result=experiment.response() if whole else None,
    )


def _arm_frame(record: ArmRecord) -> ArmFrame:
    return ArmFrame(
        seq=0,
        arm=record.recipe.name,
        next_tokens=record.next_tokens,
        kl=record.kl,
        sentence=record.recipe.sentence,
        positions=list(record.recipe.positions),
    )


def _token_frame(made: TokenMade) -> TokenFrame:
    step = made.step
    return TokenFrame(
        seq=0,
        arm=made.arm,
        sample=step.sample,
        text=step.text,
        token_id=step.token_id,
        probability=step.probability,
    )
