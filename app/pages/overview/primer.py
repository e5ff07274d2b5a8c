"""The three words that everything here is made of, for a first reader."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

WORDS = (
    (
        "Function token",
        "A model reads pieces of text, its tokens. A few of them, such as “.”, “,” and the line "
        "break ↵, are so frequent that together they make 40 % of all text: those are the "
        "function tokens here. All others are content tokens. The rule counts and knows no "
        "grammar, so a rare spelling of “the” is content.",
    ),
    (
        "Feature",
        "While it reads, the model holds a list of numbers at every token, which each layer adds "
        "to: the residual stream. A feature is a direction in it that means something, such as "
        "“Russia” or “the answer is in Chinese”. It fires where the numbers point that way.",
    ),
    (
        "Sparse autoencoder (SAE)",
        "What finds the features: a dictionary of thousands of directions, trained to rebuild the "
        "numbers after one layer from a few of them at a time. It is no part of the model, and "
        "another dictionary names other features.",
    ),
)


def primer() -> Component:
    """Closed by nothing and asking for nothing: a minute to read."""
    items = [
        html.Div([html.Dt(word), html.Dd(meaning)], className="fs-primer__word")
        for word, meaning in WORDS
    ]
    why = html.P(
        "Why care? If a full stop or a line break is where a model fetches what it knows, then "
        "that is where to look for it, and where to change it.",
        className="fs-primer__why",
    )
    return html.Section(
        [html.H2("In a minute"), html.Dl(items), why],
        className="fs-primer",
    )
