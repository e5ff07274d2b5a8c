"""The card of the model: what it is, whose weights, under which licence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dash import html
from dash.development.base_component import Component

from backend.schemas import Capabilities

# an address as notices write it, with or without its scheme; the last character ends no sentence
_ADDRESS = re.compile(r"(?:https?://)?(?:[a-z0-9-]+\.)+[a-z]{2,}/[^\s<>\"]*[\w/]", re.IGNORECASE)


def model_card(can: Capabilities) -> Component:
    """Title, origin, licence and size; what only a loaded model knows is left out without one."""
    entries = [
        html.Div([html.Dt(name), html.Dd(said)]) for name, said in _entries(can) if said is not None
    ]
    return html.Div([html.H2(can.model), html.Dl(entries, className="fs-about__facts")])


def _entries(can: Capabilities) -> Iterator[tuple[str, str | list[str | Component] | None]]:
    info = can.model_info
    size = info.n_parameters if info else can.n_parameters
    yield "weights", linked(can.origin) if can.origin else "as the model's name says"
    yield "licence", linked(can.licence) if can.licence else "none is stated"
    yield "parameters", f"{size:,}" if size else "not known"
    if info is None:
        yield "live", can.live_detail
        return
    yield "layers", f"{info.n_layers}, residual stream of width {info.d_model:,}"
    yield "vocabulary", f"{info.vocab_size:,} tokens"
    yield "context", f"{info.context:,} positions"
    yield "computed", f"in {info.dtype} on {info.device}"
    yield "fingerprint", info.fingerprint


def linked(text: str) -> list[str | Component]:
    """The text with every address in it as a link that says the address."""
    parts: list[str | Component] = []
    end = 0
    for found in _ADDRESS.finditer(text):
        address = found[0]
        href = address if "://" in address else f"https://{address}"
        parts += [text[end : found.start()], _link(address, href)]
        end = found.end()
    return [part for part in [*parts, text[end:]] if part]


def _link(address: str, href: str) -> Component:
    return html.A(address, href=href, target="_blank", rel="noopener noreferrer")
