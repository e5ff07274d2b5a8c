"""Live work: one model, one worker thread, one queue.

The model is loaded in the background, so that the page is up first; among several presets in one
server, when it is used, and may be unloaded for another's.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from backend.core.memory import give_back, in_words
from backend.serving.loading import Loaded
from backend.serving.queueing import Queue
from backend.serving.residents import NoRoom, Residents

log = logging.getLogger(__name__)
RETRY_WHILE_LOADING = 2  # seconds
RETRY_WHILE_FULL = 10  # seconds; the memory is another model's
CLOSE_SECONDS = 3.0
THE_MODEL = "the model"  # of a server that has one


class NotLive(Exception):
    """There is no model to run; the message holds the remedy.

    `retry_after` in seconds, 0 = never.
    """

    def __init__(self, detail: str, retry_after: int = 0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Live:
    """The model and SAEs of one preset, once they are there, and the queue in front of them."""

    def __init__(
        self,
        load: Callable[[], Loaded] | None,
        *,
        waiting: int,
        absent: str = "",
        title: str = THE_MODEL,
        residents: Residents | None = None,
        stated: int | None = None,
        at_start: bool = True,
    ) -> None:
        """`load` is called in a background thread: once, by `start`; by `residents`, the models of
        the server where there are several, whenever it is used and not there. None serves builds
        only. `stated`: bytes that it will take; None: not known before it is loaded. `at_start`:
        whether one that is loaded on demand is wanted as soon as the server is up.
        """
        self._load = load
        self._loaded: Loaded | None = None
        self._failure = ""
        self._loading: threading.Thread | None = None
        self._absent = absent or "served without a model: start without FUNCTIONSCOPE_LIVE=false"
        self._residents, self._at_start = residents, at_start
        self.title = title
        self.needed = stated  # bytes with its SAEs; measured once it was loaded
        self.most_waiting = waiting + 1
        self.ready = threading.Event()
        self.queue = Queue(waiting)

    def start(self) -> None:
        """Begin loading; returns at once."""
        if self._load is None or self._loaded is not None:
            self.ready.set()
        elif self._residents is not None:
            if self._at_start:
                self._residents.add(self)
        else:
            self.begin(lambda: None)

    def begin(self, done: Callable[[], None]) -> None:
        """Begin loading; `done` is called in the thread that loads, whatever came of it."""
        self._failure = ""
        self._loading = threading.Thread(
            target=self._run_load, args=(done,), name="load", daemon=True
        )
        self._loading.start()

    def _run_load(self, done: Callable[[], None]) -> None:
        assert self._load is not None
        try:
            self._loaded = self._load()
            self.needed = self._loaded.n_bytes
            log.info("live on %s", self._loaded.lm.device, extra={"model": self.title})
        except Exception as error:  # whatever it was: the page says it, the log has the traceback
            self._failure = str(error) or type(error).__name__
            log.exception("the model could not be loaded")
        finally:
            self._loading = None
            self.ready.set()
            done()

    def unload(self) -> None:
        """Give its memory back. Nobody may be using it."""
        self.ready.clear()
        self._loaded = None
        gc.collect()  # modules refer to themselves through their hooks
        give_back()
        log.info("unloaded", extra={"model": self.title})

    @property
    def on_demand(self) -> bool:
        """Whether it is loaded when it is used, and may be unloaded when it is not."""
        return self._residents is not None and self._load is not None

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Where it is on demand it is put into memory, and stays there. NotLive where that is not
        to be had; QueueFull.
        """
        if self._residents is None or self._load is None:
            yield
            return
        try:
            async with self._residents.hold(self):
                yield
        except NoRoom as error:
            raise NotLive(f"{error}.", retry_after=RETRY_WHILE_FULL) from None

    @asynccontextmanager
    async def hold_if_idle(self) -> AsyncIterator[Loaded | None]:
        """The model, where it is in memory and nobody waits for another's place."""
        if self._residents is None:
            yield self._loaded
            return
        async with self._residents.hold_if_idle(self) as may:
            yield self._loaded if may else None

    @property
    def contested(self) -> bool:
        """Whether somebody waits for a model that is not in memory."""
        return self._residents is not None and self._residents.contested

    @property
    def there(self) -> bool:
        return self._loaded is not None

    @property
    def loaded(self) -> Loaded | None:
        return self._loaded

    @property
    def state(self) -> str:
        """absent, loading, live (loaded, or as soon as it is used) or failed."""
        if self._loaded is not None:
            return "live"
        if self._load is None:
            return "absent"
        if self._failure:
            return "failed"
        return "live" if self.on_demand and self._loading is None else "loading"

    @property
    def detail(self) -> str:
        """The state in words, with the remedy where there is one."""
        if self._loaded is not None:
            missing, pager = len(self._loaded.damaged), self._loaded.pager
            without = f", without {missing} damaged SAE{'s' * (missing > 1)}" if missing else ""
            paged = f", SAEs paged within {in_words(pager.budget)}" if pager else ""
            return f"live on {self._loaded.lm.device}{without}{paged}"
        said = {
            "absent": self._absent,
            "failed": self._failure,
            "live": f"live once used: {self.title} is not in memory now",
        }
        return said.get(self.state, f"loading {self.title}")

    def require(self) -> Loaded:
        """The model; NotLive when there is none (yet)."""
        if self._loaded is None:
            loading = self.state == "loading"
            raise NotLive(
                f"No live model: {self.detail}.", retry_after=RETRY_WHILE_LOADING if loading else 0
            )
        return self._loaded

    def close(self) -> None:
        """Stop all work, for shutdown.

        A model that is still loading is waited for, but not for long.
        """
        self.queue.close()
        if (loading := self._loading) is not None:
            loading.join(CLOSE_SECONDS)
