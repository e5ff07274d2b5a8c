"""What the handlers are handed: the build, the model, the settings; and a turn at the model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from backend.core.companions.consolidation.store import KIND as CONSOLIDATION
from backend.core.companions.consolidation.store import ConsolidationStore
from backend.core.companions.experiments.store import KIND as EXPERIMENTS
from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.companions.features.store import KIND as FEATURES
from backend.core.companions.features.store import FeatureDetailStore
from backend.core.companions.file import Companion, build_identity, companion_path
from backend.core.companions.statistics.store import StatisticsStore
from backend.core.presets import Preset
from backend.core.runs import RunStore
from backend.core.store import Store, StoreError, StoreMissing
from backend.core.store.rows import TokenRow
from backend.routes.request.kept import Keeper
from backend.routes.request.known import Known
from backend.routes.request.problems import Refusal, refuse_field
from backend.routes.request.rate import Doorkeeper
from backend.routes.request.wrong_fields import echo, sentence
from backend.schemas import FieldError, TokenRef
from backend.serving.joining import Joiner
from backend.serving.live import Live
from backend.serving.metrics import Metrics
from backend.serving.queueing import Queue, Ticket
from backend.settings import Settings

STATISTICS = "statistics"
CANCELLED = "The request was cancelled while it waited."
# of blocks of the build; the operating system keeps more of it, outside the process
READING = "256MB"
Work = TypeVar("Work")
CompanionT = TypeVar("CompanionT", bound=Companion)


class Build:
    """The build being served. One that appears after the start is opened when it
    is first asked for.
    """

    def __init__(self, store: Store | None, path: Path | None) -> None:
        self._store = store
        self._path = path
        self._lock = threading.Lock()
        self._companions: dict[str, Companion] = {}
        self._identified: tuple[dict[str, Any], str] | None = None

    def require(self) -> Store:
        """The store; StoreMissing or StoreInvalid, with the remedy, when there is none."""
        with self._lock:
            if self._store is None:
                if self._path is None:
                    raise StoreMissing(
                        "This preset has no build: make one with `functionscope precompute all`."
                    )
                self._store = Store.open(self._path, memory_limit=READING)
            return self._store

    def get(self) -> Store | None:
        """The store, or None where `require` would raise."""
        try:
            store = self.require()
            store.saes()
        except StoreError:
            return None
        return store

    def companions(self) -> dict[str, Callable[[], Any]]:
        """The result files beside the build by kind;
        each opens, or raises StoreMissing or StoreInvalid.
        """
        return {
            STATISTICS: self.statistics,
            FEATURES: self.feature_details,
            CONSOLIDATION: self.consolidation,
            EXPERIMENTS: self.experiments,
        }

    def statistics(self) -> StatisticsStore:
        """Statistics beside the build; StoreMissing or StoreInvalid, with the remedy,
        where there are none.
        """
        return self._companion(STATISTICS, StatisticsStore)

    def feature_details(self) -> FeatureDetailStore:
        """Details of features beside the build; raises as `statistics` does."""
        return self._companion(FEATURES, FeatureDetailStore)

    def consolidation(self) -> ConsolidationStore:
        """Results along training beside the build; raises as `statistics` does."""
        return self._companion(CONSOLIDATION, ConsolidationStore)

    def experiments(self) -> ExperimentsStore:
        """Experiments on prompts beside the build; raises as `statistics` does."""
        return self._companion(EXPERIMENTS, ExperimentsStore)

    def _companion(self, kind: str, store: type[CompanionT]) -> CompanionT:
        """The result file of a kind, kept open; it follows the build when that moves."""
        path = companion_path(self.require().path, kind)
        held = self._companions.get(kind)
        if not isinstance(held, store) or held.path != path:
            held = self._companions[kind] = store(path)
        held.require(self.identity())
        return held

    def identity(self) -> str | None:
        """Hash of the build's provenance: two builds with one identity hold the same numbers."""
        try:
            provenance = self.require().provenance()
        except StoreError:
            return None
        known = self._identified
        if known is None or known[0] is not provenance:
            self._identified = known = provenance, build_identity(provenance)
        return known[1]


@dataclass(frozen=True)
class Backend:
    """Everything that `create_api` was given."""

    build: Build
    live: Live
    settings: Settings
    preset: Preset
    runs: RunStore
    known: Known
    door: Doorkeeper
    metrics: Metrics
    joiner: Joiner[Any]  # of inspect requests
    version: str = field(default="")
    keeper: Keeper = field(default_factory=Keeper)


async def backend(request: Request) -> Backend:
    """The server's parts. Like all dependencies here it is async:
    a sync one costs a change of thread.
    """
    served: Backend = request.app.state.backend
    return served


Served = Annotated[Backend, Depends(backend)]


async def refuse_unknown_parameters(request: Request) -> None:
    """422 for query parameters that the endpoint does not have, and for repeated ones.

    Endpoints with a query model refuse unknown names themselves; this is for all others.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    dependant = getattr(request.scope.get("route"), "dependant", None)
    takes_query = bool(dependant and dependant.query_params)
    errors = [
        FieldError(
            field=echo(name),
            value=echo(request.query_params[name]),
            allowed="no such parameter; see /docs",
        )
        for name in ([] if takes_query else given)
    ]
    errors += [
        FieldError(
            field=echo(name), value=echo(request.query_params.getlist(name)), allowed="one value"
        )
        for name in sorted(set(given))
        if given.count(name) > 1
    ]
    if errors:
        raise Refusal(422, sentence(errors[0]), errors=errors)


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


async def lease(request: Request, served: Served) -> AsyncIterator[Lease]:
    """A lease that is released whatever happens.

    A *yield dependency* owns it: cleanup in a generator's own `finally` was skipped in one abort of
    ten, which left the worker running and the next requests waiting.
    """
    held = Lease(served.live.queue, request)
    try:
        yield held
    finally:
        await held.release()


Turns = Annotated[Lease, Depends(lease)]


def token_refs(rows: dict[int, TokenRow], token_ids: Sequence[int]) -> list[TokenRef]:
    """`token_ids` as the wire shows them; ids that the build lacks are left out."""
    return [token_ref(rows[i]) for i in token_ids if i in rows]


def token_ref(row: TokenRow) -> TokenRef:
    return TokenRef.model_validate(
        {"token_id": row.token_id, "text": row.text, "token_class": row.token_class}
    )


def check_token(store: Store, token_id: int | None, name: str) -> None:
    """422 for a token that is not in the vocabulary; None is no token."""
    if token_id is not None and store.token(token_id) is None:
        n = store.tokens(limit=1)[1]
        raise refuse_field(
            name, token_id, f"a token of this build's vocabulary, which has {n}: see /api/tokens"
        )


def refuse_value(error: ValueError, given: dict[str, Any]) -> Refusal:
    """A 422 from a ValueError of the core, whose message begins with the name of what is wrong."""
    message = str(error)
    name = message.split(" ", 1)[0].strip(":'\"")
    errors = (
        [FieldError(field=name, value=echo(given[name]), allowed=message)] if name in given else []
    )
    return Refusal(422, message, errors=errors)
