"""What a link shows of itself in a chat or a feed:
OpenGraph tags in the page's head, text only from the API.

Every value is escaped: a run's title comes from whoever recorded it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from html import escape
from typing import Any

from app.api import ApiClient, ApiProblem
from app.parts.page import Page
from backend.schemas import Run

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

RUN = re.compile(r"/r/([0-9a-f]{1,64})/?")
CARD = "/assets/preview.png"
NOT_PAGES = ("/api", "/_dash", "/assets", "/docs", "/metrics", "/openapi.json", "/_")
SAYS = {
    "/": "How do a few function tokens reach almost everything a language model knows? Browse, "
    "try, doubt, share.",
    "/coverage": "Which share of the features the first k tokens have ever made fire, by layer, "
    "order and threshold.",
    "/reactivation": "Type a prompt and watch features being activated, and activated again, "
    "along it.",
    "/steer": "Turn one feature on at a function token and watch the answer change, beside its "
    "controls.",
}
PROMPT_SHOWN = 120  # characters

head: ContextVar[str] = ContextVar("head", default="")


@dataclass(frozen=True)
class Preview:
    title: str
    description: str

    def tags(self, url: str, card: str) -> str:
        """As HTML, every value escaped."""
        properties = {
            "og:type": "website",
            "og:site_name": "FunctionScope",
            "og:title": self.title,
            "og:description": self.description,
            "og:url": url,
            "og:image": card,
        }
        lines = [
            f'<meta property="{name}" content="{escape(value)}">'
            for name, value in properties.items()
        ]
        lines.append(f'<meta name="description" content="{escape(self.description)}">')
        lines.append('<meta name="twitter:card" content="summary_large_image">')
        return "\n    ".join(lines)


class PreviewTags:
    """Middleware: while a page's HTML is made, `head` holds its tags."""

    def __init__(self, app: App, *, api: ApiClient, pages: Sequence[Page], base: str = "") -> None:
        self.app = app
        self.api = api
        self.base = base
        self.titles = {page.path: page.title for page in pages}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or str(scope["path"]).startswith(NOT_PAGES)
        ):
            return await self.app(scope, receive, send)
        found = await self._preview(str(scope["path"]))
        origin = _origin(scope)
        token = head.set(found.tags(origin + self.base + str(scope["path"]), origin + CARD))
        try:
            return await self.app(scope, receive, send)
        finally:
            head.reset(token)

    async def _preview(self, path: str) -> Preview:
        if run := RUN.fullmatch(path):
            try:
                return run_preview(await self.api.run(run[1]))
            except ApiProblem:
                return Preview("A run that is not here · FunctionScope", SAYS["/"])
        page = next(
            (
                one
                for one in self.titles
                if path == one or (one != "/" and path.startswith(f"{one}/"))
            ),
            "/",
        )
        title = "FunctionScope" if page == "/" else f"{self.titles[page]} · FunctionScope"
        return Preview(title, SAYS.get(page, SAYS["/"]))


def run_preview(run: Run) -> Preview:
    """A recorded run by its title and note, else by what was asked of what."""
    what = "A recorded steering" if run.kind.startswith("steer") else "A recorded prompt"
    prompts = run.request.get("prompts") or [run.request.get("prompt", "")]
    prompt = " ".join(str(prompts[0]).split())
    shown = prompt if len(prompt) <= PROMPT_SHOWN else prompt[:PROMPT_SHOWN] + "…"
    if len(prompts) > 1:
        what, shown = f"{what}: {len(prompts):,} prompts", f"{shown}” … “{prompts[-1].strip()[:40]}"
    told = (
        run.note
        or f"“{shown}”, with {run.provenance.get('model', 'a model')}, recorded "
        f"{run.recorded_at[:10]}."
    )
    return Preview(f"{run.title or what} · FunctionScope", told)


def _origin(scope: Scope) -> str:
    """Scheme and host as the visitor wrote them; only what a host may be made of."""
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    clean = host if re.fullmatch(r"[A-Za-z0-9.\-:\[\]]{1,255}", host) else "localhost"
    return f"{scope.get('scheme', 'http')}://{clean}"
