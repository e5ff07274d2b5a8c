"""The queue in front of the model:
requests take a ticket, and tickets run one at a time, first come first served.

A ticket owns everything that a request holds (its place, its stop event, its work in the thread)
and is closed by whoever made it. All of `Queue` and `Ticket` belongs to the event loop; only `stop`
is shared with the thread.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final, TypeVar

T = TypeVar("T")
_END: Final = object()
LIVE_SECONDS = 120.0


class QueueFull(Exception):
    """As many requests wait as may wait."""


class LiveTimeout(Exception):
    """The work was stopped because it took longer than the server allows."""


class Ticket:
    """One request's turn, or turns, at the model, and the seconds that it may have it for.

    `seconds` bounds all of its work together; what it waits for others is not counted. None, for a
    request that is
    answered in one piece: the queue's `limit`. A stream that makes way step by step and lets others
    in between
    may have more: it is the single step that must not go over that limit.
    """

    def __init__(
        self,
        queue: Queue,
        executor: ThreadPoolExecutor,
        client: str,
        remedy: str,
        seconds: float | None,
    ) -> None:
        self.client = client  # whose request it is
        self.spent = 0.0  # seconds that its work has run
        self.stream_id = secrets.token_hex(8)
        self.stop = threading.Event()
        self.late = False  # stopped by the clock
        self._queue = queue
        self._executor = executor
        self._remedy, self._seconds = remedy, seconds
        # what its clock stops, and after how many seconds
        self._bound = ("The request", queue.limit)
        self._moves: asyncio.Queue[int | None] = asyncio.Queue()
        self._work: asyncio.Future[Any] | None = None

    def moved(self, place: int) -> None:
        """Tell the holder its place: 0 = its turn."""
        self._moves.put_nowait(place)

    def cancel(self) -> None:
        """Stop the work after its current step; a holder that still waits stops waiting."""
        self.stop.set()
        self._moves.put_nowait(None)

    async def places(self) -> AsyncIterator[int]:
        """Its place each time that changes, ending with 0; ends early when cancelled."""
        while not self.stop.is_set():
            place = await self._moves.get()
            if place is None:
                return
            yield place
            if place == 0:
                return

    async def turn(self) -> None:
        """Wait for its turn, or for its cancellation."""
        async for _ in self.places():
            pass

    async def run(self, work: Callable[[], T]) -> T:
        """`work()` in the worker thread.

        It goes on when the caller is cancelled: `close` waits for it.

        LiveTimeout when it was stopped by the clock: what it has made by then is not the whole
        answer.
        """
        made: T = await asyncio.shield(self.start(work))
        if self.late:
            raise self.timeout()
        return made

    def timeout(self) -> LiveTimeout:
        """What to raise when it was stopped by the clock."""
        what, seconds = self._bound
        return LiveTimeout(
            f"{what} ran for more than {seconds:g} s and was stopped: {self._remedy}."
        )

    def give_up_place(self) -> None:
        """Let the next one have the model; whatever else the request holds is kept."""
        self._queue.remove(self)

    @property
    def runs(self) -> bool:
        """Whether it is its turn."""
        return self._queue.tickets[:1] == [self]

    def stream(self, steps: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        """What `steps()` yields in the worker thread, as it comes; ends after `stop`.

        The work begins with this call, before anybody asks for the first step. The place in the
        queue is given up when the work is done, not when the client has read it: a client that
        reads a byte a second holds nobody up.
        """
        loop = asyncio.get_running_loop()
        made: asyncio.Queue[Any] = asyncio.Queue()

        def pump() -> None:
            try:
                for step in steps():
                    loop.call_soon_threadsafe(made.put_nowait, step)
                    if self.stop.is_set():
                        break
            finally:
                loop.call_soon_threadsafe(made.put_nowait, _END)

        work = self.start(pump)
        work.add_done_callback(lambda _: self.give_up_place())
        return _until_end(made, work)

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Hand `work` to the thread, with a clock that stops it."""
        loop = asyncio.get_running_loop()
        limit = self._queue.limit
        whole = limit if self._seconds is None else self._seconds
        left = whole - self.spent
        self._bound = ("The request", whole) if left <= limit else ("A step of the request", limit)
        clock = loop.call_later(max(0.0, min(limit, left)), self._expire)
        began = loop.time()

        def over(_: object) -> None:
            clock.cancel()
            self.spent += loop.time() - began

        future = loop.run_in_executor(self._executor, copy_context().run, self._queue.timed, work)
        future.add_done_callback(over)
        self._work = future
        return future

    def _expire(self) -> None:
        self.late = True
        self.cancel()

    async def close(self) -> None:
        """Stop the work and wait until the thread has let go of the model."""
        self.cancel()
        if self._work is not None:
            await asyncio.wait({self._work})
            if not self._work.cancelled():
                self._work.exception()  # retrieved: whoever awaited it has already answered


async def _until_end(made: asyncio.Queue[Any], work: asyncio.Future[None]) -> AsyncIterator[Any]:
    """What arrives in `made`; then whatever `work` raises."""
    while (step := await made.get()) is not _END:
        yield step
    await work


class Queue:
    """Tickets in order of arrival: the first one runs, at most `waiting` others wait."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.tickets: list[Ticket] = []
        # seconds that one ticket's work, or one step of a stream's, may run
        self.limit = LIVE_SECONDS
        # told what each piece of work took
        self.spent: Callable[[float], None] = lambda seconds: None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live")

    def aside(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """`work()` in the worker thread without a place in the queue: for what is short, and what
        nobody waits for.
        """
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._executor, copy_context().run, work)

    def enter(
        self, client: str = "", remedy: str = "ask for less", seconds: float | None = None
    ) -> Ticket:
        """A ticket at the end of the queue; QueueFull when there is no room.

        `remedy` is told when it has run for too long; `seconds`: see Ticket.
        """
        if len(self.tickets) > self.waiting:
            raise QueueFull(
                f"{len(self.tickets)} requests are in the queue, 1 running and {self.waiting} "
                "waiting are allowed: try again in a moment."
            )
        ticket = Ticket(self, self._executor, client, remedy, seconds)
        self.tickets.append(ticket)
        ticket.moved(len(self.tickets) - 1)
        return ticket

    async def leave(self, ticket: Ticket) -> None:
        """Close `ticket` and move the others up.

        The order holds even if this is cancelled half-way.
        """
        try:
            await ticket.close()
        finally:
            self.remove(ticket)

    def remove(self, ticket: Ticket) -> None:
        """Take `ticket` off the queue, if it is still on it, and move the others up."""
        if ticket not in self.tickets:
            return
        first = self.tickets.index(ticket)
        self.tickets.remove(ticket)
        for place, other in enumerate(self.tickets[first:], start=first):
            other.moved(place)

    def place_of(self, client: str) -> int | None:
        """Requests before that client's latest one, 0 when it runs; None when it has none here."""
        return max(
            (place for place, ticket in enumerate(self.tickets) if ticket.client == client),
            default=None,
        )

    def timed(self, work: Callable[[], T]) -> T:
        """`work()`, its time reported to `spent`. Called in the worker thread."""
        started = time.perf_counter()
        try:
            return work()
        finally:
            self.spent(time.perf_counter() - started)

    def cancel(self, stream_id: str) -> bool:
        """Cancel the ticket of that stream;
        False when there is none (it has ended, or never was).
        """
        for ticket in self.tickets:
            if ticket.stream_id == stream_id:
                ticket.cancel()
                return True
        return False

    def close(self) -> None:
        """Cancel everything; the thread ends with its current step."""
        for ticket in self.tickets:
            ticket.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)
