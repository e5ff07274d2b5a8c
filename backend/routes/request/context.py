"""Around every request: its id, who asks, its bounds,
its log line and its metrics. Pure ASGI, so streams pass.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

from backend.routes.request.problems import Refusal, problem_of, respond
from backend.routes.request.rate import Doorkeeper
from backend.serving.logs import request_id
from backend.serving.metrics import Metrics

log = logging.getLogger("functionscope.request")
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
API_PREFIX = "/api"
IN_PROCESS = "in-process"  # host of the dashboard's own calls, which are made on a visitor's behalf
# a page's callbacks carry what it holds: firings of two long prompts are megabytes
PAGE_BODY_BYTES = 33_554_432
UPLOADS = "/api/prompts"  # the one path that takes a file
SEND_SECONDS = 60.0  # for one part of an answer: a client that takes none of it is dropped

visitor: ContextVar[str] = ContextVar("visitor", default=IN_PROCESS)


class RequestContext:
    """Outermost middleware. An exception that nothing else turned into an answer
    becomes a 500 problem.
    """

    def __init__(
        self,
        app: App,
        *,
        max_body_bytes: int,
        max_upload_bytes: int,
        body_seconds: float,
        metrics: Metrics,
        door: Doorkeeper,
        template_of: Callable[[str], str],
        base: str = "",
    ) -> None:
        """`template_of`: request path -> endpoint's path template; few values, as metrics need.
        `base`: what stood before the paths outside.
        """
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.max_upload_bytes = max(max_upload_bytes, max_body_bytes)
        self.body_seconds = body_seconds
        self.metrics = metrics
        self.door = door
        self.template_of = template_of
        self.base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        identifier = _identifier(scope)
        token, asking = request_id.set(identifier), visitor.set(_client(scope))
        scope.setdefault("state", {})["client"] = visitor.get()
        started, answer = time.perf_counter(), {"status": 0}

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer["status"] = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), _header(identifier)]}
            async with asyncio.timeout(SEND_SECONDS):
                await send(message)

        try:
            await self._answer(scope, receive, stamped, answer)
        finally:
            self._record(scope, answer["status"], time.perf_counter() - started)
            visitor.reset(asking)
            request_id.reset(token)
        return None

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, answer: dict[str, int]
    ) -> None:
        try:
            api = str(scope["path"]).startswith(API_PREFIX)
            if api:
                self.door.admit(
                    scope["method"], scope["path"], visitor.get(), dict(scope["headers"])
                )
            own = self.max_upload_bytes if scope["path"] == UPLOADS else self.max_body_bytes
            most = own if api else PAGE_BODY_BYTES
            await self.app(scope, self._limited(scope, receive, most), send)
        except Refusal as refusal:  # at the door, or raised while the body was being read
            problem = problem_of(refusal.status_code, str(refusal.detail))
            await respond(problem, refusal.headers)(scope, receive, send)
        except TimeoutError:
            if not answer["status"]:
                raise
            log.warning("the client took no part of the answer for %g s: dropped", SEND_SECONDS)
        except Exception:
            log.exception("unexpected error", extra={"path": scope["path"]})
            if answer["status"]:
                raise
            detail = "Unexpected error; the log has it under this request id."
            await respond(problem_of(500, detail))(scope, receive, send)

    def _limited(self, scope: Scope, receive: Receive, most: int) -> Receive:
        """`receive` that refuses a body longer than the limit, declared or not,
        and one that takes too long.
        """
        declared = dict(scope["headers"]).get(b"content-length", b"")
        length = int(declared) if declared.isdigit() and len(declared) < 20 else 0
        if length > most:
            raise _too_long(length, most)
        received, whole = 0, False
        ends = asyncio.get_running_loop().time() + self.body_seconds

        async def counted() -> Message:
            nonlocal received, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError as error:
                raise Refusal(
                    408, f"The body did not arrive within {self.body_seconds:g} s."
                ) from error
            received += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if received > most:
                raise _too_long(received, most)
            return message

        return counted

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        path = str(scope["path"])
        route = self.template_of(path)
        self.metrics.requests.labels(route, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        level = logging.INFO if path.startswith(API_PREFIX) else logging.DEBUG
        fields = {
            "method": scope["method"],
            "path": self.base + path,
            "status": status,
            "ms": round(seconds * 1e3, 1),
        }
        log.log(level, "request", extra=fields)


def _too_long(length: int, most: int) -> Refusal:
    return Refusal(413, f"The body has {length} bytes or more; this server takes {most}.")


def _client(scope: Scope) -> str:
    """Address of whoever asks; of a page's own call, whoever looks at the page."""
    host = str((scope.get("client") or ("",))[0])
    return visitor.get() if host == IN_PROCESS else host


def _identifier(scope: Scope) -> str:
    """The client's X-Request-Id where it is harmless, else a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if CLIENT_ID.fullmatch(given) else secrets.token_hex(8)


def _header(identifier: str) -> tuple[bytes, bytes]:
    return b"x-request-id", identifier.encode("ascii")
