"""Routes whose answers about a build are kept: each says which result files it depends on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from backend.core.store import StoreError
from backend.routes.request.kept import Kinds, Sources
from backend.routes.request.served import Backend

Also = Callable[[Request, Backend], str]
JSON = "application/json"  # other answers, which are files to take along, are made anew


class KeptRoute(APIRoute):
    """A GET whose answer depends on its address,
    the build, the result files of `kinds` and what `also` says, and nothing else.
    """

    kinds: ClassVar[Kinds] = ()
    also: ClassVar[tuple[Also, ...]] = ()  # what else the answer depends on, as text

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
            for say in self.also:
                address += await asyncio.to_thread(say, request, served)
            body = kept.get(address)
            if body is not None:
                return Response(body, media_type=JSON)
            async with kept.turn(address):
                body = kept.get(address)
                if body is not None:
                    return Response(body, media_type=JSON)
                response = await make(request)
                if response.status_code == 200 and response.media_type == JSON:
                    kept.put(address, bytes(response.body))
                return response

        return answer


def kept_by(*kinds: str, also: tuple[Also, ...] = ()) -> type[KeptRoute]:
    """Of routes that read these result files beside the build. No more of them than needed: each
    look at the disk lets another thread go first, and under load that is what a kept answer waits
    for.
    """
    return type("KeptRoute", (KeptRoute,), {"kinds": kinds, "also": also})


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
