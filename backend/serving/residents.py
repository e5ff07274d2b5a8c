"""Which models are in memory: of several presets in one server, as many as there is room for.

A model is loaded when it is first used. Where it does not fit beside those that are there, the one
unused for longest makes room, never one that somebody uses. Whoever waits for a model is answered
in the order of arrival; all who wait for the same one are let in together, so that a server that
holds one model at a time does not load it anew for each of them. All of it belongs to the event
loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from backend.core.memory import available_bytes, in_words
from backend.serving.queueing import QueueFull

PATIENCE = 30.0  # seconds for which whoever waits for room keeps others from the models that run
SHARE = 0.5  # of what is free, for one more model: the rest is for the work that it does


class NoRoom(Exception):
    """The model stays out: those in memory were in use for as long as a request may wait."""


class Model(Protocol):
    """What may be in memory: `backend.serving.live.Live`."""

    title: str
    needed: int | None  # bytes with its SAEs; None: not known
    most_waiting: int  # requests that may wait for it

    @property
    def there(self) -> bool:
        """Whether it is in memory."""
        ...

    def begin(self, done: Callable[[], None]) -> None:
        """Begin loading in a thread, which calls `done` whatever came of it."""
        ...

    def unload(self) -> None:
        """Give its memory back; nobody uses it."""
        ...


@dataclass(eq=False)
class _Waiting:
    live: Model
    since: float
    entered: asyncio.Future[None] = field(default_factory=lambda: _future())


class Residents:
    """The models of one server. `budget`: bytes that all of them may take with their SAEs; None:
    one more is loaded beside others while it takes at most `SHARE` of what the device has free.
    """

    def __init__(self, budget: int | None, device: str, *, seconds: float) -> None:
        """`seconds`: how long a request waits for room before it is refused."""
        self._budget, self._device, self._seconds = budget, device, seconds
        self._users: dict[Model, int] = {}  # of the models in memory, the last used one last
        self._waiting: deque[_Waiting] = deque()
        self._loading: Model | None = None

    def add(self, live: Model) -> None:
        """Load it now if that needs nobody's place: for what is wanted as soon as the server is
        up."""
        if self._loading is None and not live.there and self._fits(live):
            self._load(live)

    @asynccontextmanager
    async def hold(self, live: Model) -> AsyncIterator[None]:
        """The model is in memory, or could not be loaded, and stays so. NoRoom, or QueueFull when
        as many wait for it as may wait.
        """
        await self._enter(live)
        try:
            yield
        finally:
            self._leave(live)

    @asynccontextmanager
    async def hold_if_idle(self, live: Model) -> AsyncIterator[bool]:
        """Whether it is in memory, where it then stays, and nobody waits for another."""
        may = live in self._users and not self._waiting
        if may:
            self._users[live] += 1
        try:
            yield may
        finally:
            if may:
                self._leave(live)

    @property
    def contested(self) -> bool:
        """Whether somebody waits for a model that is not in memory."""
        return bool(self._waiting)

    async def _enter(self, live: Model) -> None:
        now = asyncio.get_running_loop().time()
        blocked = self._waiting and now - self._waiting[0].since < PATIENCE
        if live in self._users and not blocked:
            self._let_in(live)
            return
        if sum(one.live is live for one in self._waiting) >= live.most_waiting:
            raise QueueFull(
                f"{live.most_waiting} requests wait for {live.title} already: try again in a "
                "moment."
            )
        one = _Waiting(live, now)
        self._waiting.append(one)
        self._advance()
        try:
            await asyncio.wait_for(asyncio.shield(one.entered), self._seconds)
        except TimeoutError:
            if not one.entered.done():
                raise NoRoom(self._why_not(live)) from None
        except asyncio.CancelledError:
            if one.entered.done():
                self._leave(live)
            raise
        finally:
            if one in self._waiting:
                self._waiting.remove(one)
                self._advance()

    def _let_in(self, live: Model) -> None:
        self._users[live] = self._users.pop(live, 0) + 1  # the last one in the order of use

    def _leave(self, live: Model) -> None:
        if live in self._users:
            self._users[live] -= 1
            if not live.there and not self._users[live]:  # it could not be loaded
                del self._users[live]
        self._advance()

    def _advance(self) -> None:
        """Let in whoever may be; begin to load what the first one waits for, if there is room."""
        while self._waiting and self._loading is None:
            live = self._waiting[0].live
            if live not in self._users:
                if self._make_room(live):
                    self._load(live)
                return
            for one in [one for one in self._waiting if one.live is live]:
                self._waiting.remove(one)
                self._let_in(live)
                one.entered.set_result(None)

    def _make_room(self, live: Model) -> bool:
        """Whether it fits, after unloading what nobody uses, the one unused for longest first."""
        for other in [other for other, users in self._users.items() if not users]:
            if self._fits(live):
                break
            del self._users[other]
            other.unload()
        return self._fits(live)

    def _fits(self, live: Model) -> bool:
        """Alone it always does: whether the machine can hold it is found out by loading it."""
        if not self._users:
            return True
        needed = live.needed
        if needed is None:
            return False
        if self._budget is not None:
            held = [one.needed for one in self._users]
            return None not in held and sum(held) + needed <= self._budget  # type: ignore[arg-type]
        free = available_bytes(self._device)
        return free is not None and needed <= SHARE * free

    def _load(self, live: Model) -> None:
        self._loading = live
        loop = asyncio.get_running_loop()

        def loaded() -> None:
            self._loading = None
            self._users[live] = 0  # also after a failure: who waits is let in, and told why
            self._advance()
            if not live.there and not self._users.get(live):
                self._users.pop(live, None)

        live.begin(_later(loop, loaded))

    def _why_not(self, live: Model) -> str:
        held = " and ".join(one.title for one in self._users) or "another model"
        needed = f" ({in_words(live.needed)})" if live.needed else ""
        return (
            f"{live.title}{needed} does not fit into memory beside {held}, in use for the last "
            f"{self._seconds:g} s: try again in a moment, or give the server more with --memory"
        )


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


def _later(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> Callable[[], None]:
    """`work` called from another thread; nothing once the loop is over."""

    def call() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(work)

    return call
