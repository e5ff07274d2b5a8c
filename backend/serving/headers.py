"""Security headers on every answer. Pure ASGI, and no torch: the dashboard on its own wears it too.

Scripts come from this origin or have their hash in the policy; there is no `unsafe-inline` and no
`eval` for them. Styles keep `unsafe-inline`: Plotly, AG Grid and Mantine write <style> elements
while they run, each with a text that depends on the figure, so that neither a hash nor a nonce can
be given beforehand.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# recorded runs may stand in a frame elsewhere: nothing is computed or changed there
EMBEDDABLE = "/r/"
CARD = "/assets/preview.png"  # the picture of a link's preview, which other sites show
INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # addresses hold prompts
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
TWO_YEARS = b"max-age=63072000"


def script_hash(source: str) -> str:
    """A CSP source expression for one inline script, exactly as it stands between its tags."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def inline_hashes(html: str) -> list[str]:
    """Hashes of the attribute-less inline scripts of a page."""
    return [script_hash(source) for source in INLINE_SCRIPT.findall(html)]


def page_policy(hashes: list[str], *, embedded: bool = False) -> str:
    """The policy of an HTML page whose inline scripts have these hashes."""
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(["script-src 'self'", *hashes]),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            f"frame-ancestors {'*' if embedded else chr(39) + 'none' + chr(39)}",
        )
    )


class SecurityHeaders:
    """Adds the headers to whatever answers.

    Hashes come from `server.state.script_hashes`, a list.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {
                    **message,
                    "headers": [*message.get("headers", ()), *_headers(scope, message)],
                }
            await send(message)

        return await self.app(scope, receive, dressed)


def _headers(scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
    given = {name.lower(): value for name, value in message.get("headers", ())}
    added = [(name, value) for name, value in ALWAYS if name not in given]
    shown_elsewhere = scope["path"] == CARD
    added.append(
        (b"cross-origin-resource-policy", b"cross-origin" if shown_elsewhere else b"same-origin")
    )
    embedded = _may_be_embedded(scope)
    if given.get(b"content-type", b"").startswith(b"text/html"):
        hashes = list(getattr(scope["app"].state, "script_hashes", ()))
        policy = page_policy(hashes, embedded=embedded)
    else:
        policy = DATA_POLICY
    added.append((b"content-security-policy", policy.encode()))
    if not embedded:
        added.append((b"x-frame-options", b"DENY"))
    if scope.get("scheme") == "https":
        added.append((b"strict-transport-security", TWO_YEARS))
    if str(scope["path"]).startswith("/api") and b"cache-control" not in given:
        # asked again each time: a build may have been replaced
        added.append((b"cache-control", b"no-cache"))
    return added


def _may_be_embedded(scope: Scope) -> bool:
    query = parse_qs(bytes(scope.get("query_string", b"")).decode("latin-1"))
    return str(scope["path"]).startswith(EMBEDDABLE) and query.get("embed") == ["1"]
