"""Token, `/token/{token_id}`: how often it occurs, what it reaches in each layer,
and what is its own.

Address (non-default values only): `sae`, whose features are listed.
"""

from __future__ import annotations

import asyncio
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.base import at
from app.figures.feature import place_figure
from app.figures.template import CONFIG, blank
from app.links import reproduce_get
from app.pages.token.lists import (
    degree_table,
    edge_list,
    exclusive_words,
    facts,
    listed_words,
    neighbours,
)
from app.parts.controls import address_complaints, built_saes, no_build, not_known
from app.parts.page import Page
from app.parts.panel import graph_exports, notice, panel, skeleton
from app.parts.still import still
from backend.schemas import TokenDetail

LISTED = 12
LISTS = {
    "count": ("Fires most often", "Features by how many of this token's positions they fire at."),
    "strength": ("Fires most strongly", "Features by the largest activation at this token."),
    "share": ("Most its own", ""),
}


async def layout(token_id: str = "", **query: str) -> Component:
    asked = {"token_id": token_id, **query}
    return html.Article(
        [
            dcc.Store(id="token-asked", data=asked),
            dcc.Store(id="token-default"),
            html.Div(skeleton("30%", "70%"), id="token-head", className="fs-browse-head"),
            html.Div(id="token-complaints"),
            html.Div(_panels(), id="token-body", className="fs-browse fs-token-page"),
        ],
        id="token-page",
        className="fs-browse-page",
    )


def _panels() -> list[Component]:
    graph = dcc.Graph(
        id="token-places", figure=blank(None), config=CONFIG, style={"height": "150px"}
    )
    lists = [
        panel(
            title,
            html.Div(skeleton("100%", "90%", "95%"), id=f"token-{order}"),
            id=f"token-{order}-panel",
            exports={"table": f"token-{order}"},
            note=skeleton("60%"),
            class_name=f"fs-browse__{order}",
        )
        for order, (title, _) in LISTS.items()
    ]
    return [
        panel(
            "What it reaches, layer by layer",
            html.Div(skeleton("100%", "100%", "100%"), id="token-degrees"),
            id="token-degrees-panel",
            exports={"table": "token-degrees"},
            note="Features that have ever fired at this token, of those that fire at all.",
            class_name="fs-browse__degrees",
        ),
        panel(
            "Its place among the tokens",
            html.Div(
                graph,
                role="img",
                **{"aria-label": "Place by degree in each layer, beside the place by frequency"},
            ),
            id="token-places-panel",
            exports=graph_exports("token-places"),
            note="By degree in each layer; 1 reaches most.",
            class_name="fs-browse__places",
        ),
        *lists,
    ]


def register(app: Dash, api: ApiClient) -> None:
    _register_head(app, api)
    _register_lists(app, api)
    app.clientside_callback(
        ClientsideFunction("browse", "writeToken"),
        Output("token-complaints", "title"),
        Input("token-sae", "value"),
        State("token-default", "data"),
        prevent_initial_call=True,
    )


NO_CODE = ("",) * 4
_HEAD = (
    Output("token-head", "children"),
    Output("token-complaints", "children"),
    Output("token-degrees", "children"),
    Output("token-places", "figure"),
    Output("token-default", "data"),
    Output("token-body", "hidden"),
    *(
        Output(f"token-{name}-panel-{kind}", "children")
        for name in ("degrees", "places")
        for kind in ("curl", "python")
    ),
)


def _register_head(app: Dash, api: ApiClient) -> None:
    @app.callback(
        *_HEAD,
        Input("token-asked", "data"),
        Input("frame-scheme", "data"),
        State("frame-location", "href"),
    )
    async def show_token(
        asked: dict[str, str], scheme: str | None, href: str | None
    ) -> tuple[Any, ...]:
        capabilities = await api.capabilities()
        saes = built_saes(capabilities)
        if not saes:
            told = await no_build(api, "tokens")
            return None, told, None, blank(scheme), None, True, *NO_CODE
        asked_id = asked["token_id"]
        if not asked_id.isdecimal() or int(asked_id) >= 2**31:
            return (
                None,
                _no_token(asked_id, "a token_id is a whole number"),
                None,
                blank(scheme),
                None,
                True,
                *NO_CODE,
            )
        try:
            token = await api.token(int(asked_id), limit=0)
        except ApiProblem as problem:
            return (
                None,
                _no_token(asked_id, problem.detail),
                None,
                blank(scheme),
                None,
                True,
                *NO_CODE,
            )
        default = saes[(len(saes) - 1) // 2].sae_id
        ids = [sae.sae_id for sae in saes]
        complaints = _complaints(asked, ids)
        sae = asked.get("sae", default) if asked.get("sae") in ids else default
        options = [{"value": one.sae_id, "label": str(one.layer)} for one in saes]
        code = reproduce_get(href, f"/api/tokens/{token.token_id}", {"limit": 0})
        head = [still(facts(token)), _controls(options, sae), still(neighbours(token))]
        figure = place_figure(token.layers, token.rank, scheme) if token.rank else blank(scheme)
        return (
            head,
            complaints,
            still(degree_table(token)),
            figure,
            default,
            False,
            *(code["curl"], code["python"]) * 2,
        )


def _no_token(asked: str, detail: str) -> Component:
    said = [
        f"{asked!r}: {detail} ",
        dcc.Link("Look for tokens by their text.", href=at("/token")),
    ]
    return notice("No such token", said, kind="problem")


def _complaints(asked: dict[str, str], ids: list[str]) -> Component | None:
    said = not_known(asked, ("token_id", "sae"))
    if asked.get("sae") not in (None, *ids):
        said.append(f"sae: got {asked['sae']!r}, allowed are {', '.join(ids)}")
    return address_complaints(said)


def _controls(options: list[dict[str, str]], sae: str) -> Component:
    control = dmc.SegmentedControl(id="token-sae", data=options, value=sae, size="xs", radius=6)
    return html.Div(
        [
            html.Span("Features of layer", id="token-sae-label", className="fs-control__label"),
            control,
        ],
        className="fs-control fs-browse-control",
        role="group",
        **{"aria-labelledby": "token-sae-label", "data-fs-setting": "sae"},
    )


def _register_lists(app: Dash, api: ApiClient) -> None:
    kinds = ("curl", "python")

    @app.callback(
        [Output(f"token-{order}", "children") for order in LISTS],
        [Output(f"token-{order}-panel-note", "children") for order in LISTS],
        [Output(f"token-{order}-panel-{kind}", "children") for order in LISTS for kind in kinds],
        Input("token-sae", "value"),
        State("token-asked", "data"),
        State("frame-location", "href"),
    )
    async def show_lists(sae: str | None, asked: dict[str, str], href: str | None) -> Any:
        if sae is None:
            return [no_update] * (4 * len(LISTS))
        token_id = int(asked["token_id"])
        found: list[TokenDetail] = await asyncio.gather(
            *(
                api.token(token_id, limit=LISTED, order=order, sae_id=sae, notes=True)
                for order in LISTS
            )
        )
        drawn = [still(edge_list(one, order)) for one, order in zip(found, LISTS, strict=True)]
        query: dict[str, str | int | float | None] = {"limit": LISTED, "sae_id": sae, "notes": True}
        code = [
            reproduce_get(href, f"/api/tokens/{token_id}", {**query, "order": order})
            for order in LISTS
        ]
        layers = [one.layers[0] for one in found]
        first = [LISTS["count"][1], LISTS["strength"][1], exclusive_words(layers[-1])]
        notes = [f"{said} {listed_words(layer)}" for said, layer in zip(first, layers, strict=True)]
        return [*drawn, *notes, *(one[kind] for one in code for kind in kinds)]


PAGE = Page("/token/<token_id>", "Token", layout, register)
