"""Live work: one model, one worker thread, one queue.

The model is loaded in the background, so that the page is up first. Requests take a ticket;
tickets run one at a time, first come first served. A ticket owns everything that a request
holds (its place, its stop event, its work in the thread) and is closed by whoever made it.
All of `Queue` and `Ticket` belongs to the event loop; only `stop` is shared with the thread.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final, TypeVar

from backend.core.memory import in_words
from backend.loading import Loaded

log = logging.getLogger(__name__)
T = TypeVar("T")
_END: Final = object()
RETRY_WHILE_LOADING = 2  # seconds
CLOSE_SECONDS = 3.0
LIVE_SECONDS = 120.0


class QueueFull(Exception):
    """As many requests wait as may wait."""


class NotLive(Exception):
    """There is no model to run; the message holds the remedy. `retry_after` in seconds, 0 = never."""

    def __init__(self, detail: str, retry_after: int = 0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class LiveTimeout(Exception):
    """The work was stopped because it took longer than the server allows."""


class Ticket:
    """One request's turn at the model."""

    def __init__(self, queue: Queue, executor: ThreadPoolExecutor, client: str) -> None:
        self.client = client  # whose request it is
        self.stream_id = secrets.token_hex(8)
        self.stop = threading.Event()
        self.late = False  # stopped by the clock
        self._queue = queue
        self._executor = executor
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
        """`work()` in the worker thread. It goes on when the caller is cancelled: `close` waits for it.

        LiveTimeout when it was stopped by the clock: what it has made by then is not the whole answer.
        """
        made: T = await asyncio.shield(self.start(work))
        if self.late:
            raise self.timeout()
        return made

    def timeout(self) -> LiveTimeout:
        """What to raise when it was stopped by the clock."""
        return LiveTimeout(
            f"The request ran for more than {self._queue.limit:g} s and was stopped: ask for fewer tokens, samples "
            "or interventions."
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

        The work begins with this call, before anybody asks for the first step. The place in the queue is given
        up when the work is done, not when the client has read it: a client that reads a byte a second holds
        nobody up.
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
        clock = loop.call_later(self._queue.limit, self._expire)
        future = loop.run_in_executor(self._executor, copy_context().run, self._queue.timed, work)
        future.add_done_callback(lambda _: clock.cancel())
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
        self.limit = LIVE_SECONDS  # seconds that one ticket's work may run
        self.spent: Callable[[float], None] = lambda seconds: None  # told what each piece of work took
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live")

    def enter(self, client: str = "") -> Ticket:
        """A ticket at the end of the queue; QueueFull when there is no room."""
        if len(self.tickets) > self.waiting:
            raise QueueFull(
                f"{len(self.tickets)} requests are in the queue, 1 running and {self.waiting} waiting are "
                "allowed: try again in a moment."
            )
        ticket = Ticket(self, self._executor, client)
        self.tickets.append(ticket)
        ticket.moved(len(self.tickets) - 1)
        return ticket

    async def leave(self, ticket: Ticket) -> None:
        """Close `ticket` and move the others up. The order holds even if this is cancelled half-way."""
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
        return max((place for place, ticket in enumerate(self.tickets) if ticket.client == client), default=None)

    def timed(self, work: Callable[[], T]) -> T:
        """`work()`, its time reported to `spent`. Called in the worker thread."""
        started = time.perf_counter()
        try:
            return work()
        finally:
            self.spent(time.perf_counter() - started)

    def cancel(self, stream_id: str) -> bool:
        """Cancel the ticket of that stream; False when there is none (it has ended, or never was)."""
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


class Live:
    """The model and SAEs of one preset, once they are there, and the queue in front of them."""

    def __init__(self, load: Callable[[], Loaded] | None, *, waiting: int, absent: str = "") -> None:
        """`load` is called once, in a background thread, by `start`; None serves builds only."""
        self._load = load
        self._loaded: Loaded | None = None
        self._failure = ""
        self._loading: threading.Thread | None = None
        self._absent = absent or "served without a model: start without FUNCTIONSCOPE_LIVE=false"
        self.ready = threading.Event()
        self.queue = Queue(waiting)

    def start(self) -> None:
        """Begin loading; returns at once."""
        if self._load is None or self._loaded is not None:
            self.ready.set()
            return
        self._loading = threading.Thread(target=self._run_load, name="load", daemon=True)
        self._loading.start()

    def _run_load(self) -> None:
        assert self._load is not None
        try:
            self._loaded = self._load()
            log.info("live on %s", self._loaded.lm.device)
        except Exception as error:  # whatever it was: the page says it, the log has the traceback
            self._failure = str(error) or type(error).__name__
            log.exception("the model could not be loaded")
        finally:
            self.ready.set()

    @property
    def loaded(self) -> Loaded | None:
        return self._loaded

    @property
    def state(self) -> str:
        """absent, loading, live or failed."""
        if self._loaded is not None:
            return "live"
        if self._load is None:
            return "absent"
        return "failed" if self._failure else "loading"

    @property
    def detail(self) -> str:
        """The state in words, with the remedy where there is one."""
        if self._loaded is not None:
            missing, pager = len(self._loaded.damaged), self._loaded.pager
            without = f", without {missing} damaged SAE{'s' * (missing > 1)}" if missing else ""
            paged = f", SAEs paged within {in_words(pager.budget)}" if pager else ""
            return f"live on {self._loaded.lm.device}{without}{paged}"
        return {"absent": self._absent, "failed": self._failure}.get(self.state, "loading the model")

    def require(self) -> Loaded:
        """The model; NotLive when there is none (yet)."""
        if self._loaded is None:
            loading = self.state == "loading"
            raise NotLive(f"No live model: {self.detail}.", retry_after=RETRY_WHILE_LOADING if loading else 0)
        return self._loaded

    def close(self) -> None:
        """Stop all work, for shutdown. A model that is still loading is waited for, but not for long."""
        self.queue.close()
        if self._loading is not None:
            self._loading.join(CLOSE_SECONDS)
