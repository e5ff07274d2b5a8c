"""What the Token page shows of a token: facts, neighbours by rank, degrees, ranked features.

Pure.
"""

from __future__ import annotations

from dash import dcc, html
from dash.development.base_component import Component

from app.parts.numbers import share
from app.parts.panel import notice
from app.parts.shared_rows import (
    EDGE_HEADS,
    bar,
    edge_row,
    heads,
    table,
    token_link,
    value_of,
    walk,
)
from app.parts.token import token_chip, visible
from app.parts.urls import search_url, token_url
from backend.schemas import TokenDetail, TokenEdge, TokenLayer

LEADS = {"count": "fires at", "strength": "max", "share": "its own"}


def facts(token: TokenDetail) -> list[Component]:
    """The token large, and what the corpus says of it."""
    kind = token.token_class or "special"
    if token.rank is None:
        said = [("class", "special: never counted", "special tokens are in no statistic")]
    else:
        said = [
            (
                "class",
                kind,
                "function: the most frequent tokens that together make the build's cut",
            ),
            ("rank", f"{token.rank:,}", "1 = the most frequent token"),
            ("occurrences", f"{token.occurrences:,}", "positions in the corpus"),
            ("of all positions", share(token.share), "occurrences / all non-special occurrences"),
            (
                "in documents",
                share(token.document_coverage),
                f"{token.documents:,} documents hold it at least once",
            ),
        ]
    said.append(("token id", str(token.token_id), "entry of the model's vocabulary"))
    title = html.H1(
        [
            html.Span("Token ", className="fs-visually-hidden"),
            token_chip(token.text, kind, token.token_id),
        ],
        className="fs-browse-title",
    )
    listed = [html.Div([html.Dt(name), html.Dd(value)], title=tip) for name, value, tip in said]
    return [title, html.Dl(listed, className="fs-facts-row")]


def neighbours(token: TokenDetail) -> Component:
    """Links to the tokens next to it by frequency; ← and → walk."""
    if token.rank is None:
        return html.Span()
    before = [one for one in token.neighbours if (one.rank or 0) < token.rank]
    after = [one for one in token.neighbours if (one.rank or 0) > token.rank]

    last, first = (before[-1] if before else None), (after[0] if after else None)
    return html.Nav(
        [
            walk(
                "←", "previous", "more frequent token", token_url(last.token_id) if last else None
            ),
            *[token_link(one) for one in before],
            html.Span(
                token_chip(token.text, token.token_class or "special", token.token_id),
                className="fs-walk__here",
            ),
            *[token_link(one) for one in after],
            walk("→", "next", "less frequent token", token_url(first.token_id) if first else None),
        ],
        className="fs-walks",
        **{"aria-label": "Neighbours by frequency rank"},
    )


def degree_table(token: TokenDetail) -> Component:
    """A row per layer: degree as share of the active features, place by degree,
    features of its own.
    """
    if token.rank is None:
        return notice(
            "A special token", "It holds no counted position, so no feature has an edge to it."
        )
    rows = [
        html.Tr(
            [
                html.Th(f"layer {layer.layer}", scope="row", title=layer.sae_id),
                html.Td(
                    [
                        bar(layer.degree / max(layer.n_active, 1), ""),
                        html.Span(share(layer.degree / max(layer.n_active, 1))),
                    ],
                    className="fs-num fs-lead-cell",
                    title=f"{layer.degree:,} of {layer.n_active:,} active features",
                    **value_of(layer.degree / max(layer.n_active, 1)),
                ),
                *(
                    html.Td("–" if n is None else f"{n:,}", className="fs-num", **value_of(n))
                    for n in (layer.degree, layer.degree_place, layer.n_exclusive)
                ),
            ]
        )
        for layer in token.layers
    ]
    names = (
        ("", "residual stream after this layer"),
        ("reached", "degree / features of the layer that fire anywhere"),
        ("degree", "features with at least one firing at this token"),
        ("place", "1 = no token has a larger degree"),
        ("only it", "features that no other token reaches"),
    )
    return table("Degree by layer", heads(*names), rows, "fs-rows--degrees")


def edge_list(token: TokenDetail, order: str) -> Component:
    """The ranked features of one layer, and the way to all of them."""
    layer = token.layers[0]
    if not layer.edges:
        seen = (
            "It never occurs in the corpus."
            if not token.occurrences
            else "It fires no feature of this SAE."
        )
        return notice("No feature", seen)
    shown = layer.edges if order != "share" else _own_first(layer)
    most = {"count": 1.0, "strength": max(edge.act_max for edge in shown), "share": 1.0}[order]
    rows = [edge_row(layer.sae_id, edge, order, most) for edge in shown]
    names = [(name, tip) for name, tip in EDGE_HEADS]
    every = search_url(layer.sae_id, fires=f"#{token.token_id}", order=f"token_{order}")
    way = dcc.Link(f"all {layer.n_listed:,} in feature search", href=every, className="fs-more")
    return html.Div(
        [
            table(f"Features of {visible(token.text)}, {LEADS[order]} first", heads(*names), rows),
            way,
        ]
    )


def _own_first(layer: TokenLayer) -> list[TokenEdge]:
    """Features that only it reaches, then those most of whose firings are at it."""
    only = {edge.feature_index for edge in layer.exclusive}
    return [*layer.exclusive, *(edge for edge in layer.edges if edge.feature_index not in only)][
        : len(layer.edges)
    ]


def listed_words(layer: TokenLayer) -> str:
    """How many of the token's features the list shows; nothing where it has none."""
    if not layer.degree:
        return ""
    n, kept = len(layer.edges), layer.n_listed
    if kept < layer.degree:
        once = f"{layer.degree - kept:,} that fired too seldom to be kept in this build are not."
        return f"{n:,} of {layer.degree:,} listed; {once}"
    return f"{n:,} of {kept:,} listed." if n < kept else f"All {n:,} listed."


def exclusive_words(layer: TokenLayer) -> str:
    """How many features are its alone."""
    if not layer.n_exclusive:
        said = f"No feature of layer {layer.layer} is reached by this token alone"
    else:
        features = (
            "1 feature is" if layer.n_exclusive == 1 else f"{layer.n_exclusive:,} features are"
        )
        said = f"{features} reached by this token alone"
    return f"{said}; then by the share of a feature's firings that are at this token."
