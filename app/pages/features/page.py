"""Features, `/features`: search and browse the features of a layer;
filters first, then the order, then a page.

Address (non-default values only): see SearchState.
"""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient
from app.links import reproduce_get
from app.pages.features.label_files import LabelFiles
from app.pages.features.state import SearchState, n_pages, request_of
from app.pages.features.table import found_table, found_words, pager
from app.parts.address.kinds import Offer
from app.parts.address.settings import register_address
from app.parts.controls import built_saes, no_build
from app.parts.page import Page
from app.parts.panel import notice, panel, skeleton
from app.parts.still import still
from app.parts.typed_token import asked_of, meant
from backend.schemas import TokenRow


async def layout(**query: str) -> Component:
    return html.Article(
        [
            dcc.Store(id="features-asked", data=query),
            dcc.Store(id="features-declared"),
            dcc.Store(id="features-page", data=None),
            dcc.Store(id="features-state"),
            html.Header(
                [
                    html.H1("Features", className="fs-browse-title"),
                    html.P(
                        "Directions that an SAE found in the residual stream. Filter by the "
                        "token that fires them, by the token they promote, by how often they "
                        "fire and where; whatever matches is counted.",
                        className="fs-browse-lead",
                    ),
                    LabelFiles("features-labels"),
                ],
                className="fs-browse-head",
            ),
            html.Div(
                skeleton("100%"), id="features-controls", className="fs-controls", role="search"
            ),
            html.Div(id="features-complaints"),
            panel(
                "Matching features",
                [
                    html.Div(skeleton(*["100%"] * 8), id="features-found"),
                    html.Div(id="features-pager"),
                ],
                id="features-panel",
                exports={"table": "features-found"},
                note=skeleton("50%"),
                class_name="fs-browse__found",
            ),
        ],
        id="features-root",
        className="fs-browse-page",
    )


def register(app: Dash, api: ApiClient) -> None:
    _register_controls(app, api)
    _register_search(app, api)


def _register_controls(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("features-controls", "children"),
        Output("features-declared", "data"),
        Output("features-page", "data"),
        Input("features-asked", "data"),
    )
    async def show_controls(asked: dict[str, str]) -> tuple[Any, Any, Any]:
        can = await api.capabilities()
        saes = built_saes(can)
        if not saes:
            return await no_build(api, "features"), None, None
        offer = Offer(can, saes)
        state, _ = SearchState.read(asked, offer)
        return state.bar(offer), SearchState.opening(offer), state.page

    register_address(
        app,
        SearchState,
        read_by="browse.searchState",
        with_states=[State("features-state", "data")],
    )
    app.clientside_callback(
        ClientsideFunction("browse", "turnPage"),
        Output("features-page", "data", allow_duplicate=True),
        Input("features-before", "n_clicks"),
        Input("features-after", "n_clicks"),
        State("features-state", "data"),
        prevent_initial_call=True,
    )


def _register_search(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("features-found", "children"),
        Output("features-pager", "children"),
        Output("features-panel-note", "children"),
        Output("features-complaints", "children"),
        Output("features-panel-curl", "children"),
        Output("features-panel-python", "children"),
        Input("features-state", "data"),
        State("features-asked", "data"),
        State("frame-location", "href"),
        prevent_initial_call=True,
    )
    async def show_found(
        state: dict[str, str] | None, asked: dict[str, str], href: str | None
    ) -> Any:
        if state is None:
            return (no_update,) * 6
        can = await api.capabilities()
        offer = Offer(can, built_saes(can))
        chosen, complaints = SearchState.read(state, offer)
        opened, refused = SearchState.read(asked, offer)
        if chosen == opened:  # the address's own complaints, until something else is asked for
            complaints = list(dict.fromkeys([*refused, *complaints]))
        return await _found(api, chosen, complaints, href)


async def _found(
    api: ApiClient, state: SearchState, complaints: list[str], href: str | None
) -> tuple[Any, ...]:
    """Table, pager, sentence, complaints, curl, Python."""
    most = (await api.capabilities()).limits.page
    tokens: dict[str, TokenRow | None] = {}
    others: dict[str, list[TokenRow]] = {}
    typed = {"fires": state.fires, "promotes": state.promotes}
    for name, text in typed.items():
        spelled, complaint = await _spelled(api, name, text, most)
        tokens[name], others[name] = (spelled[0] if spelled else None), spelled[1:]
        complaints = [*complaints, complaint] if complaint else complaints
    told = (
        notice("Not everything asked for is there", "; ".join(complaints), kind="problem")
        if complaints
        else None
    )
    if any(text and not tokens[name] for name, text in typed.items()):
        return (
            notice("No feature", "There is no such token."),
            None,
            "0 features match.",
            told,
            "",
            "",
        )
    query = request_of(state, *(one.token_id if one else None for one in tokens.values()))
    found = await api.features(state.sae, **query)
    given = {
        name: value for name, value in {"sae_id": state.sae, **query}.items() if value is not None
    }
    code = reproduce_get(href, "/api/features", given)
    table = still(found_table(found, state, tokens["fires"]))
    note = found_words(found, state, tokens, others)
    return table, pager(state, n_pages(found.total)), note, told, code["curl"], code["python"]


async def _spelled(
    api: ApiClient, name: str, typed: str, most: int
) -> tuple[list[TokenRow], str | None]:
    """The tokens that somebody typed, `#id` or a text, most frequent first; and a complaint where
    there is none. most: tokens that one request lists.
    """
    if not typed:
        return [], None
    found = (await api.tokens(q=asked_of(typed), limit=most)).tokens
    if exact := meant(found, typed):
        return exact, None
    if typed.startswith("#"):
        return [], f"{name}: no token has the id {typed[1:]!r}"
    like = ", ".join(repr(one.text) for one in found[:5])
    return [], f"{name}: no token is {asked_of(typed)!r}" + (f"; there are {like}" if like else "")


PAGE = Page("/features", "Features", layout, register, key="e", icon="features")
