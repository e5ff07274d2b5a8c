"""Answers about a build, kept as bytes: the same address asked of the same files has the same answer.

Many who browse ask for the same pages of the same build, and making an answer takes ten times as long as sending it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from backend.core.store_rows import StoreError

if TYPE_CHECKING:
    from backend.routes.dependencies import Backend

LARGEST = 1 << 20  # bytes of an answer that is kept
ROOM = 1 << 25  # bytes of all that are kept

# what the build and each result file beside it say of themselves: the same objects until a file is replaced, and
# words where one cannot be read
Sources = tuple[Any, ...]


class Kept:
    """Answers by address, least recently asked for first, all of one state of the files. Of the event loop alone."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def get(self, address: str) -> bytes | None:
        body = self._bodies.get(address)
        if body is not None:
            self._bodies.move_to_end(address)
        return body

    def put(self, address: str, body: bytes) -> None:
        """Keep it, unless it is large; forget others for it."""
        if len(body) > LARGEST or address in self._bodies:
            return
        self._bodies[address] = body
        self._size += len(body)
        while self._size > ROOM:
            self._size -= len(self._bodies.popitem(last=False)[1])


class Keeper:
    """The answers of the files that are served now."""

    def __init__(self) -> None:
        self._sources: Sources = ()
        self._kept = Kept()

    def of(self, sources: Sources) -> Kept:
        """Those of `sources`; what was kept of others is forgotten. A request puts its answer where it looked."""
        if not _same(sources, self._sources):
            self._sources, self._kept = sources, Kept()
        return self._kept


def _same(now: Sources, then: Sources) -> bool:
    """Whether no file was replaced: two builds may say the same of themselves in two objects; words are compared."""
    pairs = zip(now, then, strict=False)
    return len(now) == len(then) and all(a is b or (isinstance(a, str) and a == b) for a, b in pairs)


class KeptRoute(APIRoute):
    """A GET whose answer depends on its address, the build and the result files beside it, and nothing else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        make = super().get_route_handler()

        async def answer(request: Request) -> Response:
            served: Backend = request.app.state.backend
            sources = await asyncio.to_thread(_sources, served)
            if sources is None:
                return await make(request)
            kept, address = served.keeper.of(sources), f"{request.url.path}?{request.url.query}"
            body = kept.get(address)
            if body is not None:
                return Response(body, media_type="application/json")
            response = await make(request)
            if response.status_code == 200:
                kept.put(address, bytes(response.body))
            return response

        return answer


def _sources(served: Backend) -> Sources | None:
    """None without a build: then every request says what is missing."""
    try:
        build = served.build.require().provenance()
    except StoreError:
        return None
    return (build, *(_said(opened) for opened in served.build.companions().values()))


def _said(opened: Callable[[], Any]) -> Any:
    """What a result file says of itself, or why it cannot be read."""
    try:
        return opened().provenance()
    except StoreError as error:
        return str(error)
