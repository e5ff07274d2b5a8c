"""The Features page's table and its sentences. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dash import dcc, html
from dash.development.base_component import Component

from app.pages.features.state import ORDERS, ROWS, SearchState
from app.parts.numbers import counted, number, share
from app.parts.panel import Children, notice
from app.parts.shared_rows import (
    bar,
    feature_link,
    heads,
    lift_cell,
    table,
    texts_of,
    token_link,
    token_links,
    value_of,
)
from app.parts.token import NAMED_BY, name_of, visible
from app.parts.urls import search_url
from backend.schemas import FeaturePage, FoundFeature, TokenRow


def found_table(found: FeaturePage, state: SearchState, token: TokenRow | None) -> Component:
    """A row per feature; with a token, its edge to that token too."""
    if not found.features:
        if found.total:
            return notice("This page is past the last", f"{found.total:,} features match: go back.")
        return notice("No feature matches", "Widen a filter: every one of them must hold.")
    most = max(one.density for one in found.features)
    names = [
        ("feature", "dictionary entry; opens its page"),
        ("density", "share of corpus positions at which it fires"),
        *([("at the token", "firings there, and their share of all its firings")] if token else []),
        ("max", "largest activation"),
        ("tokens", "distinct tokens that fire it"),
        ("first rank", "lowest frequency rank of a token that fires it"),
        (
            "function : content",
            "ratio of its rates at function and at content tokens, 95 % interval",
        ),
        ("fires beyond chance at", NAMED_BY),
        ("promotes", "next tokens that its direction raises most"),
    ]
    rows = [_row(one, most, token is not None) for one in found.features]
    return table("Matching features", heads(*names), rows, "fs-rows--found")


def _row(one: FoundFeature, most: float, with_token: bool) -> Component:
    density = f"{one.n_firings:,} firing{'' if one.n_firings == 1 else 's'}"
    cells = [
        html.Th(feature_link(one.sae_id, one.feature_index), scope="row"),
        html.Td(
            [bar(one.density / most if most else 0, density), html.Span(share(one.density))],
            className="fs-num fs-lead-cell",
            title=density,
            **value_of(one.density),
        ),
    ]
    if with_token:
        at = one.at_token
        words = f"{at.n_firings:,} · {share(at.share_of_feature or 0.0)}" if at else "–"
        tip = f"largest activation there {number(at.act_max)}" if at else ""
        cells.append(
            html.Td(words, className="fs-num", title=tip, **value_of(at.n_firings if at else None))
        )
    return html.Tr(
        [
            *cells,
            html.Td(number(one.act_max), className="fs-num", **value_of(one.act_max)),
            html.Td(f"{one.n_tokens:,}", className="fs-num", **value_of(one.n_tokens)),
            html.Td(
                f"{one.first_rank:,}" if one.first_rank else "–",
                className="fs-num",
                **value_of(one.first_rank),
            ),
            html.Td(lift_cell(one.lift), **value_of(one.lift.lift if one.lift else None)),
            html.Td(token_links(name_of(one), one.sae_id), **texts_of(name_of(one))),
            html.Td(
                token_links(one.promoted_tokens[:4], one.sae_id),
                **texts_of(one.promoted_tokens[:4]),
            ),
        ]
    )


def found_words(
    found: FeaturePage,
    state: SearchState,
    tokens: Mapping[str, TokenRow | None],
    others: Mapping[str, Sequence[TokenRow]],
) -> Children:
    """How many match, of how many, under which filters; and what an order needs to be read."""
    hidden = found.n_active - found.total
    said: list[Component | str] = [
        html.Strong(f"{found.total:,}"),
        f" of {found.n_active:,} active features match",
        f"; the filters leave out {hidden:,}" if hidden else "",
    ]
    for name, words in (("fires", ". Firing at "), ("promotes", ". Promoting ")):
        token = tokens[name]
        if token is not None:
            said += [words, token_link(token, state.sae), *_which(token, state, name, others[name])]
    said.append(
        f". In order: {ORDERS[state.order]}{', reversed' if state.direction == 'reversed' else ''}."
    )
    if state.q:
        said.append(
            " Search looks at the tokens that fire a feature most often, at those it promotes, "
            f"at its own label, and at what is said of it elsewhere: {visible(state.q)}."
        )
    if state.order in ("function_lift", "content_lift") or state.lift != "any":
        said.append(
            " Lifts are taken at the nearer end of their 95 % interval, so that rare features do "
            "not win by chance."
        )
    if found.labels_missing:
        said.append(f" Labels were not searched: {found.labels_missing}")
    if found.explanations_missing:
        said.append(f" Explanations were not searched: {found.explanations_missing}")
    if found.details_missing:
        said.append(f" Lifts are not known: {found.details_missing}")
    return said


def _which(
    token: TokenRow, state: SearchState, name: str, others: Sequence[TokenRow]
) -> list[Component | str]:
    """The token's id and count, and the other spellings that the same words could mean."""
    said: list[Component | str] = [f" (id {token.token_id}, {counted(token.occurrences, 'time')}"]
    default = SearchState(state.sae).as_query()
    for other in others:
        asked = state.as_query() | {name: f"#{other.token_id}", "page": "1"}
        changed = {key: value for key, value in asked.items() if value != default[key]}
        words = f"{visible(other.text)}, {counted(other.occurrences, 'time')}"
        link = dcc.Link(words, href=search_url(state.sae, **changed))
        said += ["; also written ", link]
    return [*said, ")"]


def pager(state: SearchState, last: int) -> Component:
    """Which page this is, with buttons for the ones beside it;
    both exist always, since callbacks listen.
    """
    before, after = state.page > 1, state.page < last
    return html.Nav(
        [
            html.Button(
                "← before",
                id="features-before",
                type="button",
                className="fs-button",
                disabled=not before,
            ),
            html.Span(
                f"page {state.page:,} of {last:,}, {ROWS} a page", className="fs-num fs-small"
            ),
            html.Button(
                "next →",
                id="features-after",
                type="button",
                className="fs-button",
                disabled=not after,
            ),
        ],
        className="fs-browse-pager",
        **{"aria-label": "Pages of the result"},
    )
