"""Whoever looks at a page, while it is being made:
their credentials go with the page's own calls to the API.

A page asks the API from the server, so the API would see the dashboard in place of the visitor: its
token cookie would not be there, and all visitors would be one client to the rates.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import ContextVar
from http.cookies import CookieError, SimpleCookie
from typing import Any

from app.base import based
from backend.schemas.session import SESSION_COOKIE

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

forwarded: ContextVar[Mapping[str, str] | None] = ContextVar("forwarded", default=None)


class Visitor:
    """Middleware: for the time of a request,
    `forwarded` holds the headers that its calls carry on, and addresses begin with `base`.
    """

    def __init__(self, app: App, *, base: str = "") -> None:
        self.app, self.base = app, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or str(scope["path"]).startswith("/api"):
            return await self.app(scope, receive, send)
        token = forwarded.set(headers_of(scope))
        try:
            with based(self.base):
                return await self.app(scope, receive, send)
        finally:
            forwarded.reset(token)


def headers_of(scope: Scope) -> dict[str, str]:
    """The cookie of this product alone, the bearer token where there is one,
    and the visitor's address.
    """
    given = {name: value.decode("latin-1") for name, value in scope["headers"]}
    carried = {}
    try:
        cookie = SimpleCookie(given.get(b"cookie", "")).get(SESSION_COOKIE)
    except CookieError:
        cookie = None
    if cookie is not None:
        carried["cookie"] = f"{SESSION_COOKIE}={cookie.value}"
    if b"authorization" in given:
        carried["authorization"] = given[b"authorization"]
    if scope.get("client"):
        carried["x-forwarded-for"] = str(scope["client"][0])
    return carried
