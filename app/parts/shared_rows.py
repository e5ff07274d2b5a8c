"""Components that the Token, Feature and Features pages share:
linked chips, bars, rows of features.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component

from app.parts.numbers import lift_words, number, share, side
from app.parts.token import NAMED_BY, name_of, token_chip
from app.parts.urls import feature_url, token_url
from backend.schemas import Lift, NearFeature, TokenEdge, TokenRef


def token_link(token: TokenRef, sae_id: str | None = None) -> Component:
    """The product's chip, as a link to the token's page."""
    chip = token_chip(token.text, token.token_class or "special", token.token_id)
    return dcc.Link(chip, href=token_url(token.token_id, sae_id), className="fs-token-link")


def token_links(tokens: Sequence[TokenRef], sae_id: str | None = None) -> Component:
    """Chips in a line; a dash where there are none."""
    if not tokens:
        return html.Span("–", className="fs-muted")
    return html.Span([token_link(token, sae_id) for token in tokens], className="fs-chipline")


def feature_link(sae_id: str, feature_index: int, *, also: str = "") -> Component:
    return dcc.Link(
        f"{feature_index}{also}",
        href=feature_url(sae_id, feature_index),
        className="fs-feature-link fs-num",
    )


def bar(part: float, title: str, kind: str = "") -> Component:
    """A share (0 to 1) as a bar in a track;
    its number stands beside it, so it is hidden from screen readers.
    """
    width = {"width": f"{100 * min(max(part, 0.0), 1.0):.2f}%"}
    inner = html.Span(className=f"fs-meter__bar {kind}".strip(), style=width)
    return html.Span(inner, className="fs-meter", title=title, **{"aria-hidden": "true"})


def value_of(number: float | None) -> dict[str, str]:
    """A cell's number as it goes into a saved table (static/js/frame/tables.js)."""
    return {"data-value": "" if number is None else repr(number)}


def texts_of(tokens: Sequence[TokenRef]) -> dict[str, str]:
    """A cell's tokens in a saved table: a JSON list, for their chips run into each other."""
    return {"data-value": json.dumps([token.text for token in tokens], ensure_ascii=False)}


def heads(*names: tuple[str, str]) -> Component:
    """A table's head: (name, what it means)."""
    return html.Thead(html.Tr([html.Th(name, scope="col", title=title) for name, title in names]))


def table(
    label: str, head: Component, rows: Sequence[Component], class_name: str = ""
) -> Component:
    """Rows scroll sideways inside their panel where it is narrow, never the page."""
    made = html.Table(
        [head, html.Tbody(rows)], className=f"fs-rows {class_name}".strip(), **{"aria-label": label}
    )
    return html.Div(made, className="fs-rows-box")


FIRST_ROWS = 6  # as static/browse.css has it


def first_rows(shown: Component, n_rows: int) -> Component:
    """A long table's first rows, and all of them at a press; saved are all in any case."""
    if n_rows <= FIRST_ROWS + 2:
        return shown
    summary = html.Summary(
        [html.Span(f"show all {n_rows} rows"), html.Span(f"show the first {FIRST_ROWS}")]
    )
    return html.Div([shown, html.Details(summary, className="fs-first__all")], className="fs-first")


EDGE_HEADS = (
    ("feature", "dictionary entry; opens its page"),
    ("fires at", "share of this token's positions at which the feature fires"),
    ("max", "largest activation at this token"),
    ("its own", "share of the feature's firings that are at this token"),
    ("density", "share of all corpus positions at which the feature fires"),
    ("fires beyond chance at", NAMED_BY),
)


def edge_row(sae_id: str, edge: TokenEdge, lead: str, most: float) -> Component:
    """One feature of a token; `edge.note` must be there.

    `lead`: the column with a bar, full at `most`.
    """
    note, own = edge.note, edge.share_of_feature or 0.0
    here = f"{edge.n_firings:,} firings at this token; mean {number(edge.mean_activation)}"
    columns = {
        "count": (edge.share_of_token, share(edge.share_of_token)),
        "strength": (edge.act_max, number(edge.act_max)),
        "share": (own, share(own)),
    }
    cells = [
        html.Td(
            [bar(value / most if most else 0.0, here), html.Span(words)] if name == lead else words,
            className="fs-num fs-lead-cell" if name == lead else "fs-num",
            title=here,
            **value_of(value),
        )
        for name, (value, words) in columns.items()
    ]
    density = share(note.density) if note else "–"
    everywhere = f"{note.n_firings:,} firings at {note.n_tokens:,} tokens" if note else ""
    return html.Tr(
        [
            html.Th(feature_link(sae_id, edge.feature_index), scope="row"),
            *cells,
            html.Td(
                density,
                className="fs-num",
                title=everywhere,
                **value_of(note.density if note else None),
            ),
            html.Td(
                token_links(name_of(note) if note else [], sae_id),
                **texts_of(name_of(note) if note else []),
            ),
        ]
    )


def lift_cell(lift: Lift | None) -> Component:
    """The lift, coloured where its interval lies on one side of 1."""
    if lift is None:
        return html.Span("–", className="fs-muted")
    kind = side(lift)
    words = {
        "function": "fires more at function tokens: the whole 95 % interval is above 1",
        "content": "fires more at content tokens: the whole 95 % interval is below 1",
        "": "the 95 % interval holds 1",
    }[kind]
    return html.Span(
        lift_words(lift), className=f"fs-num fs-lift fs-lift--{kind or 'none'}", title=words
    )


def near_row(sae_id: str, near: NearFeature) -> Component:
    """One of the nearest features: index, cosine as a bar, what fires it."""
    silent = html.Span("never fires in the corpus", className="fs-muted")
    return html.Tr(
        [
            html.Th(feature_link(sae_id, near.feature_index), scope="row"),
            html.Td(
                [bar(near.cosine, f"cosine {near.cosine:.4f}"), html.Span(f"{near.cosine:.2f}")],
                className="fs-num fs-lead-cell",
                title=f"cosine {near.cosine:.4f}",
                **value_of(near.cosine),
            ),
            html.Td(number(near.n_firings), className="fs-num", **value_of(near.n_firings)),
            html.Td(
                token_links(name_of(near), sae_id) if near.n_firings else silent,
                **texts_of(name_of(near)),
            ),
        ]
    )


def walk(sign: str, way: str, words: str, href: str | None) -> Component:
    """← or →, which the arrow keys follow (static/js/features/browse.js); `href` None:
    there is nothing on that side.
    """
    if href is None:
        return html.Span(sign, className="fs-walk fs-walk--end", **{"aria-hidden": "true"})
    name = html.Span(words, className="fs-visually-hidden")
    link = dcc.Link(
        [html.Span(sign, **{"aria-hidden": "true"}), name],
        href=href,
        className="fs-walk",
        title=f"{words} ({sign})",
    )
    return html.Span(link, **{"data-fs-walk": way})
