"""The graph page's sentences, crumbs and rows: pure functions of the wire's models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from app.pages.graph.state import GraphState, ranges_of
from app.parts.numbers import counted, fixed, interval, percent
from app.parts.token import token_chip, visible
from app.parts.urls import feature_url, token_url
from backend.schemas.graph import (
    GraphDegreesResponse,
    GraphFeatureBlock,
    GraphResponse,
    GraphTokenBlock,
)
from backend.schemas.statistics import DegreeFit

RANGES = ("rank_first", "rank_last", "order_first", "order_last")
N_FIRST = 10  # most frequent tokens that the headline speaks of


def span(first: int, last: int) -> str:
    """`3–4`, or `3` for a range of one."""
    return f"{first:,}" if first == last else f"{first:,}–{last:,}"


def headline(
    layer: int, view: GraphResponse, whole: GraphDegreesResponse | None
) -> list[Component | str]:
    """What the picture says; `whole`: how many have an edge, as the panels of degrees count them,
    None on the way down, where ranges name them.
    """
    if whole is None:
        ranges = {name: view.effective[name] for name in RANGES}
        return [
            html.Strong(f"{view.n_edges:,}"),
            f" of the {counted(view.n_edges_of_sae, 'edge')} of layer {layer} "
            f"{'joins' if view.n_edges == 1 else 'join'} the tokens of {_ranks(ranges)} and "
            f"{_features(ranges, view)}.",
        ]
    said: list[Component | str] = [
        html.Strong(f"{view.n_edges:,}"),
        f" {'edge joins' if view.n_edges == 1 else 'edges join'} "
        f"{counted(whole.n_tokens, _of_class(view))} and {counted(whole.n_features, 'feature')} "
        f"of layer {layer}{_least(view)}.",
    ]
    if view.cells.n_first is None or not whole.n_features:
        return said
    by_block = zip(view.cells.token_block, view.cells.n_first, strict=True)
    few = [i for i, block in enumerate(view.token_blocks) if block.rank_last <= N_FIRST]
    if not few:
        return said
    reached = sum(n for i, n in by_block if i in few)
    last = view.token_blocks[few[-1]].rank_last
    tokens = (
        "most frequent token is the first to reach"
        if last == 1
        else f"{last} most frequent tokens are the first to reach"
    )
    return [
        *said,
        f" The {tokens} ",
        html.Strong(percent(reached / whole.n_features)),
        f" of these features (n = {reached:,}).",
    ]


def _least(view: GraphResponse) -> str:
    """Which edges are counted, where it is not every one."""
    least = int(view.effective["min_count"])
    return "" if least == 1 else f" (edges of {least} firings or more)"


def _of_class(view: GraphResponse) -> str:
    """`token`, `function token`."""
    chosen = view.effective["token_class"]
    return f"{chosen} token" if chosen else "token"


def crumbs(steps: Sequence[str], view: GraphResponse) -> list[Component]:
    """The way down as buttons; the last is where the page is."""
    made: list[Component] = []
    names = ["whole graph", *(_crumb(step, view) for step in steps)]
    for at, name in enumerate(names):
        if at:
            made.append(html.Span("›", className="fs-crumbs__sep", **{"aria-hidden": "true"}))
        if at == len(names) - 1:
            made.append(html.Span(name, **{"aria-current": "page"}))
        else:
            made.append(html.Button(name, type="button", id={"graph-crumb": at}))
    return made + _links(view)


def _crumb(step: str, view: GraphResponse) -> str:
    found = ranges_of(step) or {}
    return f"{_ranks(found)} × {_features(found, view)}"


def _ranks(ranges: Mapping[str, int]) -> str:
    """`ranks 2–9`, `rank 2`."""
    first, last = ranges["rank_first"], ranges["rank_last"]
    return f"{'rank' if first == last else 'ranks'} {span(first, last)}"


def _features(ranges: Mapping[str, int], view: GraphResponse) -> str:
    """The features by their places in the picture; one that the view knows by its index."""
    first, last = ranges["order_first"], ranges["order_last"]
    if first < last:
        return f"features in places {span(first, last)}"
    known = {block.order_first: block.feature_index for block in view.feature_blocks}
    index = known.get(first)
    return f"the feature in place {first:,}" if index is None else f"feature {index}"


def _links(view: GraphResponse) -> list[Component]:
    """To the pages of the one token and the one feature that the view has come down to."""
    made: list[Component] = []
    tokens, features = view.token_blocks, view.feature_blocks
    if len(tokens) == 1 and tokens[0].rank_first == tokens[0].rank_last and tokens[0].tokens:
        token = tokens[0].tokens[0]
        chip = token_chip(token.text, token.token_class or "content", token.token_id)
        made.append(html.A(["token ", chip], href=token_url(token.token_id), className="fs-link"))
    if len(features) == 1 and features[0].feature_index is not None:
        index = features[0].feature_index
        made.append(
            html.A(
                f"feature {index}",
                href=feature_url(str(view.effective["sae_id"]), index),
                className="fs-link",
            )
        )
    return made


def note(state: GraphState, view: GraphResponse) -> str:
    """What is drawn, and how many edges the filters hide."""
    cells = len(view.cells.n_edges)
    said = (
        f"{counted(view.n_edges, 'edge')} in {counted(cells, 'ribbon')}, at most "
        f"{view.effective['max_edges']:,}; "
        "a ribbon's width is its share of each block's edges. Tokens are as high as they have "
        "edges, features as they are many; features stand by the first rank that reaches them, "
        "then by firings."
    )
    hidden = view.n_edges_of_sae - view.n_edges
    if hidden:
        said += (
            f" {hidden:,} of the layer's {counted(view.n_edges_of_sae, 'edge')} "
            f"{'is' if hidden == 1 else 'are'} not shown: filters or the ranges leave them out."
        )
    if state.min_count != "1":
        said += " The order of features, and what is first, is that of edges with one firing."
    return said


def rows(view: GraphResponse) -> list[dict[str, Any]]:
    """One row for each ribbon, most edges first."""
    cells = view.cells
    first: list[int] | list[None] = cells.n_first or [None] * len(cells.n_edges)
    columns = (cells.token_block, cells.feature_block, cells.n_edges, cells.n_firings, first)
    made = [
        {
            "id": f"{i}-{j}",
            "ranks": span(view.token_blocks[i].rank_first, view.token_blocks[i].rank_last),
            "tokens": token_names(view.token_blocks[i]),
            "features": feature_name(view.feature_blocks[j]),
            "reached": span(
                view.feature_blocks[j].first_rank_low, view.feature_blocks[j].first_rank_high
            ),
            "n_edges": n,
            "n_firings": firings,
            "n_first": n_first,
        }
        for i, j, n, firings, n_first in zip(*columns, strict=True)
    ]
    return sorted(made, key=lambda row: -row["n_edges"])


def token_names(block: GraphTokenBlock) -> str:
    """The block's named tokens, and … for the rest."""
    rest = " …" if block.rank_last - block.rank_first >= len(block.tokens) else ""
    return " ".join(visible(token.text) for token in block.tokens) + rest


def feature_name(block: GraphFeatureBlock) -> str:
    if block.feature_index is not None:
        return f"feature {block.feature_index}"
    return counted(block.order_last - block.order_first + 1, "feature")


def degree_note(side: str, degrees: GraphDegreesResponse, fits: Sequence[DegreeFit] | None) -> str:
    """n of one side, and the power law where the statistics beside the build hold it."""
    n = degrees.n_tokens if side == "token" else degrees.n_features
    said = f"{counted(n, side)} with an edge, by octave of degree."
    if fits is None:
        return (
            f"{said} No power-law fit: the statistics of this build were not made "
            "(functionscope precompute statistics)."
        )
    fit = next((one for one in fits if one.side == side), None)
    if fit is None:
        return f"{said} The statistics beside the build hold no power-law fit for this side."
    chances = [
        "< 0.001" if one.p_value < 0.001 else f"{one.p_value:.3f}" for one in fit.alternatives
    ]
    against = "; ".join(
        f"against {one.alternative}: ratio {fixed(one.ratio, 1, sign=True)}, p {p}"
        for one, p in zip(fit.alternatives, chances, strict=True)
    )
    return (
        f"{said} Power law from degree {fit.x_min:,} (all edges with one firing): exponent "
        f"{fit.alpha:.2f} {interval(fit.interval, 2)}, n = {fit.n_tail:,}, KS "
        f"{fit.ks:.3f}; {against} (positive favours the power law)."
    )


def whole_crumb() -> list[Component]:
    """The way out of a view that cannot be shown."""
    return [html.Button("whole graph", type="button", id={"graph-crumb": 0})]
