"""What a good request does with the model: at once, or in steps that can be told as they are made.

A route checks its request, makes work of it, and leaves the rest to `answered` or `streamed`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from functools import partial
from threading import Event
from typing import ClassVar, Generic, TypeVar

from starlette.responses import StreamingResponse

from backend.routes.request.frames import event_stream
from backend.routes.request.lease import CANCELLED, Lease
from backend.routes.request.problems import Refusal
from backend.routes.request.turns import in_turns
from backend.schemas import Response, StartFrame
from backend.serving.queueing import Queue, Ticket

Answer = TypeVar("Answer")
Step = TypeVar("Step")


class LiveWork(ABC, Generic[Answer]):
    """A request found to be good, and all that determines its answer."""

    @abstractmethod
    def run(self, stop: Event) -> Answer | None:
        """The whole answer; blocks, in the worker thread. None where `stop` left too little."""


class SteppedWork(LiveWork[Answer], Generic[Step, Answer]):
    """Work that can be told as it goes."""

    at_once: ClassVar[bool] = False  # no other request has the model between two steps

    @abstractmethod
    def steps(self, stop: Event) -> Iterator[Step]:
        """The work; each step blocks, in the worker thread. Ends early when `stop` is set."""

    @abstractmethod
    def result(self) -> Answer | None:
        """The answer from what has been made so far; None where that is too little."""

    @abstractmethod
    def frame(self, step: Step) -> Response | None:
        """What is told of a step; its `seq` is yet to be given."""

    @abstractmethod
    def final(self, *, stopped: bool) -> Response:
        """The last frame, with what has been made; `stopped`: before the end, perhaps."""

    def run(self, stop: Event) -> Answer | None:
        for _ in self.steps(stop):
            pass
        return self.result()


async def answered(work: LiveWork[Answer], turns: Lease, remedy: str) -> Answer:
    """The whole answer, after a turn at the model; 503 where it was cancelled first."""
    ticket = await turns.turn(remedy)
    made = await ticket.run(partial(work.run, ticket.stop))
    if made is None:
        raise Refusal(503, CANCELLED)
    return made


def streamed(work: SteppedWork[Step, Answer], ticket: Ticket, queue: Queue) -> StreamingResponse:
    """start, the frames of the steps, then final, or error. Between steps others go first, unless
    the work is done at once.
    """
    begun = None
    if work.at_once and ticket.runs:  # the model need not wait for the answer's first bytes
        begun = ticket.stream(partial(work.steps, ticket.stop))
    return event_stream(_frames(work, ticket, queue, begun), ticket)


async def _frames(
    work: SteppedWork[Step, Answer],
    ticket: Ticket,
    queue: Queue,
    begun: AsyncIterator[Step] | None,
) -> AsyncIterator[Response]:
    """Frames whose `seq` is yet to be given. `begun`: the steps, where the work has begun
    already.
    """
    async for place in ticket.places():
        yield StartFrame(seq=0, stream_id=ticket.stream_id, queue_position=place)
    if begun is not None:
        steps = begun
    elif work.at_once and not ticket.stop.is_set():
        steps = ticket.stream(partial(work.steps, ticket.stop))
    else:
        steps = in_turns(ticket, queue, work.steps(ticket.stop))
    async for step in steps:
        # a step in turns is long, and what is told of it may be: it is told by another thread
        frame = work.frame(step) if work.at_once else await asyncio.to_thread(work.frame, step)
        if frame is not None:
            yield frame
    if ticket.late:
        raise ticket.timeout()
    yield await asyncio.to_thread(partial(work.final, stopped=ticket.stop.is_set()))
