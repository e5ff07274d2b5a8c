"""Answers about a build, kept as bytes:
the same address asked of the same files has the same answer.

Many who browse ask for the same pages of the same build, and making an answer takes ten times as
long as sending it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from backend.core.store import StoreError

if TYPE_CHECKING:
    from backend.routes.request.served import Backend

LARGEST = 1 << 20  # bytes of an answer that is kept
ROOM = 1 << 25  # bytes of all that are kept

# what the build and each result file beside it say of themselves: the same objects until a file is
# replaced, and words where one cannot be read
Sources = tuple[Any, ...]
Kinds = tuple[str, ...]


class Kept:
    """Answers by address, least recently asked for first,
    all of one state of the files. Of the event loop alone.
    """

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
    """The answers of the files that are served now, by which result files they depend on."""

    def __init__(self) -> None:
        self._all: dict[Kinds, tuple[Sources, Kept]] = {}

    def of(self, kinds: Kinds, sources: Sources) -> Kept:
        """Those of `sources`; what was kept of others is forgotten. A request puts its
        answer where it looked.
        """
        known = self._all.get(kinds)
        if known is None or not _same(sources, known[0]):
            known = self._all[kinds] = sources, Kept()
        return known[1]


def _same(now: Sources, then: Sources) -> bool:
    """Whether no file was replaced: two builds may say the same of themselves in two objects;
    words are compared.
    """
    pairs = zip(now, then, strict=False)
    return len(now) == len(then) and all(
        a is b or (isinstance(a, str) and a == b) for a, b in pairs
    )


class KeptRoute(APIRoute):
    """A GET whose answer depends on its address,
    the build and the result files of `kinds`, and nothing else.
    """

    kinds: ClassVar[Kinds] = ()

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        make = super().get_route_handler()

        async def answer(request: Request) -> Response:
            served: Backend = request.app.state.backend
            sources = await asyncio.to_thread(_sources, served, self.kinds)
            if sources is None:
                return await make(request)
            kept, address = (
                served.keeper.of(self.kinds, sources),
                f"{request.url.path}?{request.url.query}",
            )
            body = kept.get(address)
            if body is not None:
                return Response(body, media_type="application/json")
            response = await make(request)
            if response.status_code == 200:
                kept.put(address, bytes(response.body))
            return response

        return answer


def kept_by(*kinds: str) -> type[KeptRoute]:
    """Of routes that read these result files beside the build. No more of them than needed: each
    look at the disk lets another thread go first, and under load that is what a kept answer waits
    for.
    """
    return type("KeptRoute", (KeptRoute,), {"kinds": kinds})


def _sources(served: Backend, kinds: Kinds) -> Sources | None:
    """None without a build: then every request says what is missing."""
    try:
        build = served.build.require().provenance()
    except StoreError:
        return None
    opened = served.build.companions()
    return (build, *(_said(opened[kind]) for kind in kinds))


def _said(opened: Callable[[], Any]) -> Any:
    """What a result file says of itself, or why it cannot be read."""
    try:
        return opened().provenance()
    except StoreError as error:
        return str(error)
