"""What the top bar says: model, SAEs, build, and whether the model is live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from app.base import at
from app.parts.cards.opened import opens
from app.parts.panel import Children
from backend.schemas import Build, Capabilities, Health


def facts(capabilities: Capabilities) -> list[Component]:
    """model · SAEs · build: the first two open their cards, the third says the rest on hover."""
    saes = ", ".join(f"L{sae.layer}" for sae in capabilities.saes)
    build = capabilities.build
    return [
        opens("model", _opening("model", "model", capabilities.model)),
        opens("saes", _opening("saes", "SAEs", saes or "none")),
        _fact(
            "build",
            build.name if build else "none",
            _summary(build.provenance) if build else "",
            build=build,
        ),
    ]


def _opening(card: str, name: str, value: str) -> Component:
    """A fact that opens a card."""
    return html.Summary(
        [html.Span(name, className="fs-fact__name"), html.Span(value)],
        id=f"frame-open-{card}",
        className="fs-fact fs-fact--opens",
        title={"model": "what this model is, and its licence", "saes": "what these SAEs are"}[card],
    )


def _fact(name: str, value: str, title: str, build: Build | None = None) -> Component:
    """`build`: what copied links are marked with."""
    mark = {"data-fs-build": build.identity[:8]} if build and build.identity else {}
    shown = [html.Span(name, className="fs-fact__name"), html.Span(value)]
    return html.Span(shown, className="fs-fact", title=title, **mark)


def _summary(provenance: Mapping[str, Any]) -> str:
    """Provenance's flat entries, one a line, for a hover."""
    flat = {
        name: value for name, value in provenance.items() if isinstance(value, str | int | float)
    }
    return "\n".join(f"{name}: {value}" for name, value in flat.items())


def live_words(health: Health) -> Children:
    """The model's state, or a link to where the token is given."""
    if health.locked and health.live == "live":
        return dcc.Link("locked: give the token", href=at("/unlock"), className="fs-link")
    return _state_words(health)


def _state_words(health: Health) -> str:
    if health.live != "live":
        return "recorded only" if health.live == "absent" else health.live_detail
    if health.queue_position:  # the visitor's own request waits
        return f"{health.live_detail} · queued {_ordinal(health.queue_position + 1)}"
    return (
        health.live_detail
        if health.queue == 0
        else f"{health.live_detail} · {health.queue} in the queue"
    )


def _ordinal(n: int) -> str:
    """1st, 2nd, 3rd, 4th …, 11th, 12th, 13th, … 21st."""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
