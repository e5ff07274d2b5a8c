"""A token as every page shows it: visible spaces, its class by underline and colour; and the
tokens that a feature is called by.
"""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from backend.schemas import FeatureNote, FeatureRow, NearFeature, TokenRef

NAMED_BY = (
    "tokens at which it fires most beyond their share of the text: its share of firings there "
    "times the logarithm of the lift"
)


def name_of(feature: FeatureRow | FeatureNote | NearFeature) -> list[TokenRef]:
    """What a feature is called wherever features are listed: up to four tokens; its most frequent
    ones where nothing else is known.
    """
    return (feature.name_tokens or feature.top_tokens)[:4]


def token_chip(text: str, token_class: str, token_id: int, *, inline: bool = False) -> Component:
    """The product's one token: visible spaces and newlines, class by underline and by colour.

    `token_class` is "function", "content" or "special"; other values raise ValueError. `inline`
    drops the box, for a token inside a sentence.
    """
    if token_class not in ("function", "content", "special"):
        raise ValueError(
            f"token_class: got {token_class!r}, allowed are function, content, special"
        )
    classes = f"fs-token fs-token--{token_class}" + (" fs-token--inline" if inline else "")
    escaped = text.encode("unicode_escape").decode().replace('"', '\\"')
    return html.Span(
        visible(text), className=classes, title=f'"{escaped}" · id {token_id} · {token_class}'
    )


def visible(text: str) -> str:
    """`text` with `·` for a leading space, `↵` for newlines, `⇥` for tabs;
    what cannot be printed is escaped.

    An empty text shows as `∅`.
    """
    if not text:
        return "∅"
    shown = "·" + text[1:] if text[0] == " " else text
    return "".join(
        _MARKS.get(sign) or (sign if sign.isprintable() else f"\\u{ord(sign):04x}")
        for sign in shown
    )


_MARKS = {"\n": "↵", "\t": "⇥", "\r": "␍", "\ufffd": "\ufffd"}
