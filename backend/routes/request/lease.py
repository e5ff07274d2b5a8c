"""A request's turn at the model: taken once it is known to be good, given back whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from backend.routes.request.problems import Refusal
from backend.routes.request.served import Served
from backend.serving.joining import Joiner
from backend.serving.queueing import Queue, Ticket

CANCELLED = "The request was cancelled while it waited."
Work = TypeVar("Work")


class Lease:
    """A request's right to one turn at the model, taken once the request is known to be good."""

    def __init__(self, queue: Queue, request: Request) -> None:
        self._queue = queue
        self._request = request
        self._ticket: Ticket | None = None
        self._watcher: asyncio.Task[None] | None = None

    def take(self, remedy: str, seconds: float | None = None) -> Ticket:
        """Enter the queue; QueueFull when there is no room. For answers that are streamed.

        `remedy`: what this kind of request can ask less of, told when it runs for too long;
        `seconds`: see Ticket.
        """
        self._ticket = self._queue.enter(self._request.scope["state"]["client"], remedy, seconds)
        return self._ticket

    async def turn(self, remedy: str) -> Ticket:
        """Enter the queue and wait. The work is stopped when the client goes away."""
        ticket = self._watched(remedy)
        await ticket.turn()
        if ticket.stop.is_set():
            raise Refusal(503, CANCELLED)
        return ticket

    async def joined(self, joiner: Joiner[Work], work: Work, remedy: str) -> bytes:
        """The answer of `work`, done together with others of its kind that wait;
        as `turn` otherwise.
        """
        answer = await joiner.answer(self._watched(remedy), work)
        if answer is None:
            raise Refusal(503, CANCELLED)
        return answer

    def _watched(self, remedy: str) -> Ticket:
        ticket = self.take(remedy)
        self._watcher = asyncio.create_task(self._cancel_when_gone(ticket))
        return ticket

    async def _cancel_when_gone(self, ticket: Ticket) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        ticket.cancel()

    async def release(self) -> None:
        """Give everything back: the watcher, the thread, the place."""
        if self._watcher is not None:
            self._watcher.cancel()
        if self._ticket is not None:
            await self._queue.leave(self._ticket)


async def held(served: Served) -> AsyncIterator[None]:
    """The model is in memory until the answer has been sent, where it is loaded on demand."""
    async with served.live.hold():
        yield


Held = Annotated[None, Depends(held)]


async def lease(request: Request, served: Served, _: Held) -> AsyncIterator[Lease]:
    """A lease that is released whatever happens.

    A *yield dependency* owns it: cleanup in a generator's own `finally` was skipped in one abort of
    ten, which left the worker running and the next requests waiting.
    """
    taken = Lease(served.live.queue, request)
    try:
        yield taken
    finally:
        await taken.release()


Turns = Annotated[Lease, Depends(lease)]
