"""Around every request: its id, its size limit, its log line and its metrics. Pure ASGI, so streams pass."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from backend.logs import request_id
from backend.routes.problems import Refusal, problem_of, respond

log = logging.getLogger("functionscope.request")
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
API_PREFIX = "/api"


class Metrics:
    """Counters of one server, in a registry of its own (no global state, so tests can make many)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "functionscope_requests_total",
            "answers by route and status",
            ["route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "functionscope_request_seconds",
            "time to the end of the answer",
            ["route"],
            registry=self.registry,
        )


class RequestContext:
    """Outermost middleware. An exception that nothing else turned into an answer becomes a 500 problem."""

    def __init__(self, app: App, *, max_body_bytes: int, metrics: Metrics, template_of: Callable[[str], str]) -> None:
        """`template_of`: request path -> endpoint's path template; few values, as metrics need."""
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.metrics = metrics
        self.template_of = template_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        identifier = _identifier(scope)
        token = request_id.set(identifier)
        started, answer = time.perf_counter(), {"status": 0}

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer["status"] = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), _header(identifier)]}
            await send(message)

        try:
            await self._answer(scope, receive, stamped, answer)
        finally:
            self._record(scope, answer["status"], time.perf_counter() - started)
            request_id.reset(token)
        return None

    async def _answer(self, scope: Scope, receive: Receive, send: Send, answer: dict[str, int]) -> None:
        try:
            limited = scope["path"].startswith(API_PREFIX)
            await self.app(scope, self._limited(scope, receive) if limited else receive, send)
        except Refusal as refusal:  # raised while the body was being read
            await respond(problem_of(refusal.status_code, str(refusal.detail)))(scope, receive, send)
        except Exception:
            log.exception("unexpected error", extra={"path": scope["path"]})
            if answer["status"]:
                raise
            detail = "Unexpected error; the log has it under this request id."
            await respond(problem_of(500, detail))(scope, receive, send)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """`receive` that refuses a body longer than the limit, declared or not."""
        declared = dict(scope["headers"]).get(b"content-length", b"")
        length = int(declared) if declared.isdigit() and len(declared) < 20 else 0
        if length > self.max_body_bytes:
            raise self._too_long(length)
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body_bytes:
                raise self._too_long(received)
            return message

        return counted

    def _too_long(self, length: int) -> Refusal:
        return Refusal(413, f"The body has {length} bytes or more; this server takes {self.max_body_bytes}.")

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        path = str(scope["path"])
        route = self.template_of(path)
        self.metrics.requests.labels(route, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        level = logging.INFO if path.startswith(API_PREFIX) else logging.DEBUG
        fields = {"method": scope["method"], "path": path, "status": status, "ms": round(seconds * 1e3, 1)}
        log.log(level, "request", extra=fields)


def _identifier(scope: Scope) -> str:
    """The client's X-Request-Id where it is harmless, else a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if CLIENT_ID.fullmatch(given) else secrets.token_hex(8)


def _header(identifier: str) -> tuple[bytes, bytes]:
    return b"x-request-id", identifier.encode("ascii")
