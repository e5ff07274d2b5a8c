"""Long work in short turns: between two steps of it, whoever waits at the model goes first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final, TypeVar

from backend.serving.queueing import Queue, Ticket

T = TypeVar("T")
_END: Final = object()


async def in_turns(ticket: Ticket, queue: Queue, steps: Iterator[T]) -> AsyncIterator[T]:
    """What `steps` yields, each step in the worker thread; ends after `stop`.

    `ticket` must be at the front. After a step it goes to the back of the queue if others wait, so
    a sweep of a minute holds nobody up for longer than one of its steps. LiveTimeout when a step,
    or all of them together, took longer than the ticket allows: whoever reads a stream sees it go
    on and would rather wait than lose it, so it has `stream_seconds`, while `live_seconds` bounds
    each step, for whose sake others wait.
    """

    def step() -> object:
        return next(steps, _END)

    while not ticket.stop.is_set():
        made = await ticket.run(step)
        if made is _END:
            return
        yield made  # type: ignore[misc]
        if len(queue.tickets) > 1 and not ticket.stop.is_set():
            _step_back(queue, ticket)
            await ticket.turn()


def _step_back(queue: Queue, ticket: Ticket) -> None:
    """Put `ticket` at the end, and tell everybody their places."""
    queue.tickets.remove(ticket)
    queue.tickets.append(ticket)
    for place, other in enumerate(queue.tickets):
        other.moved(place)
