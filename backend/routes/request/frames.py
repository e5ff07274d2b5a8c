"""Server-sent events: frames numbered without gaps, failures as the last frame."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from backend.routes.request.problems import Refusal, problem_of
from backend.schemas import (
    ArmFrame,
    CellsFrame,
    ErrorFrame,
    FinalFrame,
    PatchFinalFrame,
    PatchFrame,
    PatchRowFrame,
    Problem,
    Response,
    SetFinalFrame,
    SetFrame,
    StartFrame,
    SweepFinalFrame,
    SweepFrame,
    TokenFrame,
    TraitProgressFrame,
    TraitsFinalFrame,
)
from backend.schemas.prompt_sets import SteerSetFinalFrame, SteerSetFrame
from backend.schemas.runs import SetRunFinalFrame
from backend.serving.queueing import LiveTimeout, Ticket

log = logging.getLogger(__name__)
EVENTS: dict[type[Response], str] = {
    StartFrame: "start",
    ArmFrame: "arm",
    TokenFrame: "token",
    SweepFrame: "sweep",
    CellsFrame: "cells",
    TraitProgressFrame: "progress",
    PatchFrame: "map",
    PatchRowFrame: "row",
    SetFrame: "progress",
    SteerSetFrame: "answers",
    FinalFrame: "final",
    SweepFinalFrame: "final",
    TraitsFinalFrame: "final",
    PatchFinalFrame: "final",
    SetFinalFrame: "final",
    SteerSetFinalFrame: "final",
    SetRunFinalFrame: "final",
    ErrorFrame: "error",
}


def event_stream(frames: AsyncIterator[Response], ticket: Ticket) -> StreamingResponse:
    """The frames as an answer. It holds nothing: the ticket belongs to the request's lease."""
    headers = {
        "X-Stream-Id": ticket.stream_id,
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    return StreamingResponse(_events(frames), media_type="text/event-stream", headers=headers)


async def _events(frames: AsyncIterator[Response]) -> AsyncIterator[bytes]:
    """Frames as bytes, their `seq` given here."""
    seq = 0
    try:
        async for frame in frames:
            yield _event(frame, seq)
            seq += 1
    # the status line is sent: the failure can only be told in the stream
    except Exception as error:
        yield _event(ErrorFrame(seq=seq, problem=_problem(error)), seq)


def _problem(error: Exception) -> Problem:
    if isinstance(error, Refusal):
        return problem_of(error.status_code, str(error.detail), error.errors)
    if isinstance(error, LiveTimeout):
        return problem_of(503, str(error))
    log.exception("the stream failed")
    return problem_of(500, "The stream failed; the log has it under this request id.")


def _event(frame: Response, seq: int) -> bytes:
    """One server-sent event. JSON has no raw line breaks, so one data line is enough."""
    numbered = frame.model_copy(update={"seq": seq})
    return f"event: {EVENTS[type(frame)]}\ndata: {numbered.model_dump_json()}\n\n".encode()
