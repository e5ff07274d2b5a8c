"""The SAEs of a live model tried on a short text, once the model is ready and nobody waits for it.

It takes no place in the queue: between two SAEs, whoever asks goes first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Literal

from backend.core.fit import Fit, Readings, Recovered, check_sae
from backend.serving.live import Live
from backend.serving.loading import Loaded

log = logging.getLogger(__name__)
PAUSE = 0.1  # seconds between two looks at whether it may go on
State = Literal["off", "checking", "checked", "failed"]


class Fits:
    """What was found of each SAE so far. Belongs to the event loop; the work runs in the queue's
    thread.
    """

    def __init__(self, live: Live, *, wanted: bool) -> None:
        self._live, self._wanted = live, wanted
        self.found: dict[str, Fit] = {}
        self.failed: dict[str, str] = {}  # sae_id -> why it could not be tried
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, as soon as the model is there; returns at once."""
        if self._wanted:
            self._task = asyncio.create_task(self._run(), name="fits")

    async def close(self) -> None:
        """Stop after the SAE that is being tried."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def state(self, sae_id: str) -> State:
        """checking: not yet, or now."""
        if sae_id in self.found:
            return "checked"
        if sae_id in self.failed:
            return "failed"
        return "checking" if self._wanted else "off"

    def warnings_of(self, sae_ids: Iterable[str]) -> list[str]:
        """A sentence each; of those that were tried."""
        tried = [self.found[sae_id] for sae_id in sae_ids if sae_id in self.found]
        return [said for fit in tried for said in fit.warnings]

    async def _run(self) -> None:
        while await self._there() and not await self._round():
            await asyncio.sleep(PAUSE)

    async def _there(self) -> bool:
        """True once the model is in memory; False where there will be none."""
        while not self._live.ready.is_set():
            await asyncio.sleep(PAUSE)
        return self._live.loaded is not None or self._live.on_demand

    async def _round(self) -> bool:
        """Whether nothing is left to be tried. A round ends early where somebody waits for another
        model: this one may have to make room.
        """
        async with self._live.hold_if_idle() as loaded:
            return loaded is not None and await self._try_all(loaded)

    async def _try_all(self, loaded: Loaded) -> bool:
        left = [one for one in loaded.saes if one not in self.found and one not in self.failed]
        try:
            if not left or not await self._idle():
                return not left
            readings, recovered = await self._live.queue.aside(lambda: _read(loaded))
        except Exception as error:  # a tokenizer may raise what it likes
            self.failed = dict.fromkeys(loaded.saes, str(error) or type(error).__name__)
            log.exception("the SAEs could not be tried on a short text")
            return True
        for sae_id in left:
            if not await self._idle():
                return False
            await self._try(loaded, sae_id, readings, recovered)
        return True

    async def _try(
        self, loaded: Loaded, sae_id: str, readings: Readings, recovered: Recovered
    ) -> None:
        check = partial(check_sae, loaded.lm, loaded.saes[sae_id], readings, recovered)
        try:
            fit = await self._live.queue.aside(check)
        except Exception as error:  # what is found of one says nothing of the others
            self.failed[sae_id] = str(error) or type(error).__name__
            log.exception("SAE could not be tried on a short text", extra={"sae_id": sae_id})
            return
        self.found[sae_id] = fit
        for warning in fit.warnings:
            log.warning(warning)

    async def _idle(self) -> bool:
        """True once nobody is in the queue; False where somebody waits for another model."""
        while self._live.queue.tickets and not self._live.contested:
            await asyncio.sleep(PAUSE)
        return not self._live.contested


def _read(loaded: Loaded) -> tuple[Readings, Recovered]:
    layers = {sae.layer for sae in loaded.saes.values()}
    readings = Readings(loaded.lm, layers)
    return readings, Recovered(loaded.lm, readings, layers)
