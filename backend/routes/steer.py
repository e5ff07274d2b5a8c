"""/api/steer: baseline and steered arms side by side, at once or streamed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import StreamingResponse

from backend.live import Ticket
from backend.routes.dependencies import Served, Turns
from backend.routes.experiment import ArmRecord, Experiment, SteerPlan, TokenMade, plan_steer
from backend.routes.problems import problem_of
from backend.schemas import (
    ArmFrame,
    CancelResponse,
    ErrorFrame,
    FinalFrame,
    Response,
    StartFrame,
    SteerRequest,
    SteerResponse,
    TokenFrame,
)

log = logging.getLogger(__name__)
router = APIRouter(tags=["live"])
EVENTS = {
    StartFrame: "start",
    ArmFrame: "arm",
    TokenFrame: "token",
    FinalFrame: "final",
    ErrorFrame: "error",
}


@router.post("/steer")
async def steer(request: SteerRequest, served: Served, turns: Turns) -> SteerResponse:
    """The next-token shift and the texts of every arm, when all are done."""
    plan = await asyncio.to_thread(plan_steer, request, served)
    ticket = await turns.turn()
    return await ticket.run(Experiment(plan, ticket.stop).run)


@router.post(
    "/steer/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "server-sent events"}},
)
async def stream_steer(request: SteerRequest, served: Served, turns: Turns) -> StreamingResponse:
    """The same, as server-sent events: start, arm (one per arm), token …, then final or error.

    Each event's data is JSON with a `seq`. The stream's id is in the X-Stream-Id header and the start frame.
    """
    plan = await asyncio.to_thread(plan_steer, request, served)
    ticket = turns.take()
    headers = {"X-Stream-Id": ticket.stream_id, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(plan, ticket), media_type="text/event-stream", headers=headers)


@router.post("/steer/cancel/{stream_id}")
def cancel_stream(
    stream_id: Annotated[str, Path(max_length=64, description="from the start frame")], served: Served
) -> CancelResponse:
    """Stop a stream after its current token. The text made so far comes in its final frame."""
    return CancelResponse(stream_id=stream_id, cancelled=served.live.queue.cancel(stream_id))


async def _events(plan: SteerPlan, ticket: Ticket) -> AsyncIterator[bytes]:
    """Frames as bytes. Holds nothing: the ticket belongs to the request's lease."""
    seq = 0
    try:
        async for frame in _frames(plan, ticket):
            yield _event(frame, seq)
            seq += 1
    except Exception:  # the status line is sent: the failure can only be told in the stream
        log.exception("the stream failed")
        detail = "The stream failed; the log has it under this request id."
        yield _event(ErrorFrame(seq=seq, problem=problem_of(500, detail)), seq)


async def _frames(plan: SteerPlan, ticket: Ticket) -> AsyncIterator[Response]:
    """Frames whose `seq` is yet to be given."""
    async for place in ticket.places():
        yield StartFrame(seq=0, stream_id=ticket.stream_id, queue_position=place)
    experiment = Experiment(plan, ticket.stop)
    if not ticket.stop.is_set():
        async for step in ticket.stream(experiment.steps):
            yield _arm_frame(step) if isinstance(step, ArmRecord) else _token_frame(step)
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


def _event(frame: Response, seq: int) -> bytes:
    """One server-sent event. JSON has no raw line breaks, so one data line is enough."""
    numbered = frame.model_copy(update={"seq": seq})
    return f"event: {EVENTS[type(frame)]}\ndata: {numbered.model_dump_json()}\n\n".encode()
