"""Scripts and styles compressed once, not at every request: pure ASGI, inside all other middleware.

Plotly alone is 4.8 MB: compressed anew for each visitor it held the event loop, and so everybody
else's requests, for half a second. Here it is done in a thread, and kept.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FILES = ("/_dash-component-suites/", "/modules/")
KEPT = 96  # files; a page needs 20, and an address may name a version that never was
SMALLEST = 500  # bytes
LEVEL = 6


class Packed:
    """Answers under FILES, for browsers that take gzip."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.kept: OrderedDict[str, list[Message]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _wanted(scope):
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        answer = self.kept.get(path) or await self._asked(scope, receive)
        if answer[0]["status"] == 200:
            self.kept[path] = answer
            self.kept.move_to_end(path)
            while len(self.kept) > KEPT:
                self.kept.popitem(last=False)
        start, body = answer
        await send({**start, "headers": [*start["headers"]]})  # what lies outside adds its own
        await send(body)

    async def _asked(self, scope: Scope, receive: Receive) -> list[Message]:
        """The whole answer, compressed where that is worth it."""
        told: list[Message] = []

        async def keep(message: Message) -> None:
            told.append(message)

        await self.app(scope, receive, keep)
        start, body = told[0], b"".join(message.get("body", b"") for message in told[1:])
        headers = MutableHeaders(raw=list(start["headers"]))
        if start["status"] == 200 and len(body) >= SMALLEST:
            body = await asyncio.to_thread(gzip.compress, body, LEVEL, mtime=0)
            headers["Content-Encoding"] = "gzip"
            headers["Content-Length"] = str(len(body))
            headers.add_vary_header("Accept-Encoding")
        return [
            {**start, "headers": headers.raw},
            {"type": "http.response.body", "body": body, "more_body": False},
        ]


def _wanted(scope: Scope) -> bool:
    """A browser that has the file already is answered by what lies inside: 304."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    asked = Headers(scope=scope)
    taken = [part.strip() for part in asked.get("accept-encoding", "").split(",")]
    fresh = "if-none-match" not in asked and "range" not in asked
    return scope["path"].startswith(FILES) and "gzip" in taken and fresh
