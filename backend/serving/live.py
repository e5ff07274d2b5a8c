"""Live work: one model, one worker thread, one queue.

The model is loaded in the background, so that the page is up first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from backend.core.memory import in_words
from backend.serving.loading import Loaded
from backend.serving.queueing import Queue

log = logging.getLogger(__name__)
RETRY_WHILE_LOADING = 2  # seconds
CLOSE_SECONDS = 3.0


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
        self, load: Callable[[], Loaded] | None, *, waiting: int, absent: str = ""
    ) -> None:
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
        return {"absent": self._absent, "failed": self._failure}.get(
            self.state, "loading the model"
        )

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
        if self._loading is not None:
            self._loading.join(CLOSE_SECONDS)
