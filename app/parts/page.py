"""What a page is to the frame around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dash import Dash, Output, html
from dash.development.base_component import Component

from app.api import ApiClient

# for the `running` of a callback that waits at the model: meanwhile the top bar follows its place
# in the queue
FOLLOWED = (Output("frame-heartbeat", "interval"), 500, 15_000)


@dataclass(frozen=True)
class Page:
    """One page: where it is, how the rail shows it
    (`key` after g; None = not in the rail), what draws it.

    `layout` gets the path's variables and the query as keyword arguments, all strings, and must
    accept names that it does not know. `path` may hold <name> segments.
    """

    path: str
    title: str
    layout: Callable[..., Awaitable[Component]]
    register: Callable[[Dash, ApiClient], None]
    key: str | None = None
    icon: str = ""


def icon(name: str) -> Component:
    """Inline icon, drawn by static/frame.css in the colour of the text around it."""
    return html.Span(className=f"fs-icon fs-icon--{name}", **{"aria-hidden": "true"})
