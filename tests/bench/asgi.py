"""Calls an ASGI application directly and times it:
the server's own time, no socket and no client in it.
"""

import asyncio
import json
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from fastapi import FastAPI

Message = MutableMapping[str, Any]


@dataclass
class Reply:
    """What came back.

    `seconds`: until the last byte; `first_event`: until the event that was waited for.
    """

    started: float
    wait_for: bytes | None
    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    seconds: float = 0.0
    first_event: float | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: Message) -> None:
        now = time.perf_counter() - self.started
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self.body += message.get("body", b"")
        if self.first_event is None and self.wait_for is not None and self.wait_for in self.body:
            self.first_event = now
        if not message.get("more_body", False):
            self.seconds = now
            self.done.set()


class InProcess:
    """A started FastAPI application. Use as a context manager: its lifespan runs around it."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.runner = asyncio.Runner()

    def __enter__(self) -> "InProcess":
        self.runner.__enter__()
        self.lifespan = self.app.router.lifespan_context(self.app)
        self.runner.run(self.lifespan.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.runner.run(self.lifespan.__aexit__(kind, error, trace))
        self.runner.__exit__(kind, error, trace)

    def post(self, path: str, body: dict[str, Any], wait_for: bytes | None = None) -> Reply:
        """POST; RuntimeError unless it answers 2xx.

        `wait_for`: bytes whose first arrival is timed.
        """
        return self.runner.run(self.request(path, body, wait_for))

    async def request(
        self, path: str, body: dict[str, Any], wait_for: bytes | None = None
    ) -> Reply:
        """The same, for several at one time: to be run by `runner`."""
        reply = await self._post(path, json.dumps(body).encode(), wait_for)
        if not 200 <= reply.status < 300:
            raise RuntimeError(f"POST {path} answered {reply.status}: {reply.body[:500].decode()}")
        return reply

    async def _post(self, path: str, body: bytes, wait_for: bytes | None) -> Reply:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [
                (b"host", b"127.0.0.1:8050"),
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8050),
        }
        reply = Reply(time.perf_counter(), wait_for)
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if unread:
                return unread.pop()
            await reply.done.wait()
            return {"type": "http.disconnect"}

        await self.app(scope, receive, reply.send)
        return reply
