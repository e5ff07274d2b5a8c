"""Tokens, `/token`: any token of the vocabulary, found by its text or its id.

Address: `q`, as typed; left out: the most frequent tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, html
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.links import reproduce_get
from app.parts.controls import address_complaints, labelled, not_known
from app.parts.numbers import counted, share
from app.parts.page import Page
from app.parts.panel import Children, notice, panel, skeleton
from app.parts.shared_rows import heads, table, token_link, value_of
from app.parts.still import still
from app.parts.token import visible
from app.parts.typed_token import asked_of, meant
from backend.schemas import TokenPage, TokenRow

LISTED = 50
MOST_TYPED = 200  # characters, as the API allows
HEADS = (
    ("token", "as written everywhere here: · is a space, ↵ a newline"),
    ("id", "entry of the model's vocabulary"),
    ("class", "function: the most frequent tokens that together make the build's cut"),
    ("rank", "1 = the most frequent token of the corpus"),
    ("occurrences", "positions in the corpus"),
    ("of all positions", "occurrences / all non-special occurrences"),
    ("in documents", "documents that hold it at least once / all documents"),
)


async def layout(q: str = "", **others: str) -> Component:
    return html.Article(
        [
            html.Header(
                [
                    html.H1("Tokens", className="fs-browse-title"),
                    html.P(
                        "What the model reads and writes, piece by piece. A word is another token "
                        "with the space before it (·Russia) than without (Russia).",
                        className="fs-browse-lead",
                    ),
                ],
                className="fs-browse-head",
            ),
            html.Div(_field(q[:MOST_TYPED]), className="fs-controls", role="search"),
            address_complaints(not_known(others, ())),
            panel(
                "Matching tokens",
                html.Div(skeleton(*["100%"] * 8), id="tokens-found"),
                id="tokens-panel",
                exports={"table": "tokens-found"},
                note=skeleton("50%"),
                class_name="fs-browse__found",
            ),
        ],
        className="fs-browse-page",
    )


def _field(q: str) -> Component:
    field = dmc.TextInput(
        id="tokens-q",
        value=q,
        placeholder="Russia, ↵, #201",
        size="xs",
        w="14rem",
        debounce=350,
        **{"aria-label": "Token"},
    )
    return labelled("tokens", "q", "Token", html.Div(field, **{"data-fs-search": "true"}))


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("tokens-found", "children"),
        Output("tokens-panel-note", "children"),
        Output("tokens-panel-curl", "children"),
        Output("tokens-panel-python", "children"),
        Input("tokens-q", "value"),
        State("frame-location", "href"),
    )
    async def show_found(q: str | None, href: str | None) -> tuple[Any, ...]:
        typed = (q or "")[:MOST_TYPED]
        query: dict[str, str | int | float | None] = {"q": asked_of(typed) or None}
        try:
            limits = (await api.capabilities()).limits
            found = await api.tokens(q=asked_of(typed) or None, limit=limits.page)
        except ApiProblem as problem:
            return notice(problem.title, problem.detail, kind="problem"), "", "", ""
        code = reproduce_get(href, "/api/tokens", query | {"limit": limits.page})
        return still(found_table(found.tokens, typed)), words(found, typed), *code.values()

    app.clientside_callback(
        ClientsideFunction("browse", "writeTokens"),
        Output("tokens-found", "title"),
        Input("tokens-q", "value"),
    )


def found_table(found: Sequence[TokenRow], typed: str) -> Component:
    """What was typed first, then what holds it, each by frequency."""
    if not found:
        return notice("No token", "No entry of the vocabulary holds this text, or has this id.")
    exact = meant(found, typed) if typed else []
    ids = {one.token_id for one in exact}
    rows = [*exact, *(one for one in found if one.token_id not in ids)][:LISTED]
    return table("Matching tokens", heads(*HEADS), [_row(one) for one in rows])


def _row(one: TokenRow) -> Component:
    numbers = (
        (f"{one.rank:,}" if one.rank else "–", one.rank),
        (f"{one.occurrences:,}", one.occurrences),
        (share(one.share), one.share),
        (share(one.document_coverage), one.document_coverage),
    )
    return html.Tr(
        [
            html.Th(token_link(one), scope="row", **{"data-value": one.text}),
            html.Td(str(one.token_id), className="fs-num"),
            html.Td(one.token_class),
            *(
                html.Td(written, className="fs-num", **value_of(value))
                for written, value in numbers
            ),
        ]
    )


def words(found: TokenPage, typed: str) -> Children:
    """How many match and how many of them are listed; which spellings of a word there are."""
    shown = min(LISTED, found.total)
    listed = f"{shown:,} listed" if shown < found.total else "all listed"
    if not typed:
        return f"{counted(found.total, 'token')}, most frequent first; {listed}."
    exact = meant(found.tokens, typed)
    spelled = " and ".join(
        f"{visible(one.text)} ({counted(one.occurrences, 'occurrence')})" for one in exact
    )
    named = f"Spelled so: {spelled}. " if exact else "No token is spelled so. "
    holding = f"{counted(found.total, 'token')} with this text, case ignored; {listed}."
    return named + holding


PAGE = Page("/token", "Tokens", layout, register, key="k", icon="tokens")
