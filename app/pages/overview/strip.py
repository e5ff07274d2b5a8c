"""One prompt as a strip: each token with the features that fire on it,
first firings apart from later ones; then what the model answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component

from app.base import at
from app.links import page_url
from app.pages.overview.answer import answer_words, place
from app.parts.panel import notice
from app.parts.token import token_chip, visible
from backend.schemas import Capabilities, InspectResponse, Sae, Split, Token

BAR_PX = 46  # height of the tallest bar


def not_in_memory(can: Capabilities) -> Component:
    """In place of the strips of a model that is loaded once it is used."""
    way = dcc.Link("Reactivation loads it.", href=at("/reactivation"), className="fs-link")
    return notice("The model is not in memory, so no strip", [f"{can.model}: ", way])


def most_firing(answers: Sequence[InspectResponse], sae: Sae) -> int:
    """The most features that fire at any position behind the prefixes, at least 1: one scale for
    all strips.
    """
    shown = (
        split.firing
        for one in answers
        for split in one.splits[sae.sae_id]
        if split.position >= one.prefix_length
    )
    return max([1, *shown])


def prompt_strip(
    answer: InspectResponse, sae: Sae, prompt: str, most: int, number: int
) -> Component:
    """Tokens left to right with stacked bars (first firing, firing again), the tallest of `most`
    firings; then the likeliest next token, in whose place the answer comes. `number`: among the
    strips.
    """
    splits = {split.position: split for split in answer.splits[sae.sae_id]}
    read = answer.tokens[answer.prefix_length :]  # examples before the prompt are not shown
    columns = [_column(token, splits.get(token.position), most) for token in read]
    strip = html.Div([*columns, _prediction(answer, number)], className="fs-strip", role="list")
    return dcc.Link(
        strip,
        href=page_url("/reactivation", prompt=prompt),
        className="fs-strip-link",
        title=f"layer {sae.layer}, {sae.sae_id}: open this prompt in Reactivation",
    )


def _column(token: Token, split: Split | None, most: int) -> Component:
    chip = token_chip(token.text, token.token_class or "special", token.token_id)
    if split is None:
        return html.Span(
            [html.Span(className="fs-strip__bars"), chip],
            className="fs-strip__token",
            role="listitem",
        )

    def bar(kind: str, n: int) -> Component:
        return html.Span(
            className=f"fs-strip__bar fs-strip__bar--{kind}",
            style={"height": f"{BAR_PX * n / most:.1f}px"},
        )

    said = (
        f"{split.firing} features fire: {split.new} for the first time, {split.reactivated} again"
    )
    return html.Span(
        [
            html.Span(
                [bar("new", split.new), bar("again", split.reactivated)], className="fs-strip__bars"
            ),
            chip,
        ],
        className="fs-strip__token",
        title=said,
        role="listitem",
        **{"aria-label": f"{visible(token.text)}: {said}"},
    )


def _prediction(answer: InspectResponse, number: int) -> Component | None:
    last = max((token.position for token in answer.tokens), default=0)
    best = next((token for token in answer.next_tokens if token.position == last), None)
    if best is None:
        return None
    return html.Span(
        answer_words(best), id=place(number), className="fs-strip__next", role="listitem"
    )
