"""Coverage, `/coverage`: how many features the first k tokens of an order
reach (paper, Table 1).
"""

from __future__ import annotations

import asyncio
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient
from app.changed import only_changed
from app.figures.template import CONFIG, blank
from app.pages.coverage import dictionaries
from app.pages.coverage import shared as coverage_shared
from app.pages.coverage.code import BY_SQL, FILLED, filled
from app.pages.coverage.drawn import NOTED, everything
from app.pages.coverage.shared import read_tokens
from app.pages.coverage.state import CoverageState, read_sort, theta_options
from app.pages.coverage.table import rank_table
from app.pages.coverage.view import FrequentTokens, read_view
from app.parts.address.kinds import Offer
from app.parts.address.settings import register_address
from app.parts.controls import address_complaints, built_saes, no_build
from app.parts.page import Page
from app.parts.panel import graph_exports, panel, skeleton

GRAPHS = {
    "curve": "Cumulative coverage by token rank, one line per layer",
    "equal": "Coverage of the most frequent tokens against as many positions of content tokens",
    "nulls": "Coverage by token rank of the model and of the null models",
    "rarefaction": "Expected distinct features by the number of occurrences, function and "
    "content tokens",
    "degree": "Degree against occurrences, both on logarithms, with the degree expected of a "
    "content token",
    "shared": "Features shared by the ticked tokens",
    "zipf": "Occurrences by frequency rank, both on logarithms",
    "documents": "Share of documents that contain each token, by frequency rank",
}


TABLES = (
    ("cuts", "Where the cut lies", "fs-c6"),
    ("kinds", "By frequency, and by kind", "fs-c6"),
    ("rates", "An edge by rate", "fs-c6"),
    ("laws", "Power laws", "fs-c6"),
)


LEAD, PANELS = "fs-lead", "fs-coverage"
BEHIND = " fs-behind"  # shows what was asked for before


async def layout(**query: str) -> Component:
    ticked = read_tokens(query.get("tokens"))
    return html.Div(
        [
            dcc.Store(id="coverage-asked", data=query),
            dcc.Store(id="coverage-declared"),
            dcc.Store(id="coverage-grids"),
            dcc.Store(id="coverage-state"),
            dcc.Store(id="coverage-function"),
            *(dcc.Store(id=f"coverage-{name}-held") for name in ("view", "ticked", "requests")),
            dcc.Store(id="coverage-sort", data=query.get("sort") if read_sort(query) else None),
            dcc.Store(id="coverage-tokens", data=",".join(map(str, ticked)) or None),
            html.Header(
                [
                    html.H1("Coverage", className="fs-visually-hidden"),
                    html.P(skeleton("92%", "64%"), id="coverage-headline", className="fs-headline"),
                    html.P(id="coverage-nulls-line", className="fs-small fs-nulls-line"),
                    html.Div(id="coverage-first", className="fs-chips"),
                ],
                id="coverage-lead",
                className=LEAD,
            ),
            html.Div(
                skeleton("100%"), id="coverage-controls", className="fs-controls", role="group"
            ),
            html.Div(id="coverage-complaints"),
            html.Div(id="coverage-lacking"),
            html.Div(_panels(read_sort(query)), id="coverage-panels", className=PANELS),
            html.Div(id="coverage-dictionaries"),
        ]
    )


def _graph(name: str, height: int) -> Component:
    graph = dcc.Graph(
        id=f"coverage-{name}", figure=blank(None), config=CONFIG, style={"height": f"{height}px"}
    )
    return html.Div(
        graph, role="img", style={"minHeight": f"{height}px"}, **{"aria-label": GRAPHS[name]}
    )


def _blank_code(name: str) -> dict[str, str]:
    """The blocks of a panel's drawer, which a callback fills."""
    return dict.fromkeys(("curl", "python", *(("sql",) if name in BY_SQL else ())), "")


def _drawn(name: str, title: str, height: int, size: str) -> Component:
    """A panel with one graph; its note is written by a callback."""
    return panel(
        title,
        _graph(name, height),
        id=f"coverage-{name}-panel",
        reproduce=_blank_code(name),
        exports=graph_exports(f"coverage-{name}"),
        note=skeleton("60%"),
        class_name=size,
    )


def _panels(sort: tuple[str, str] | None) -> list[Component]:
    table = html.Div(rank_table(sort), style={"minHeight": "430px"})
    return [
        _drawn("curve", "Reached by the first k tokens", 370, "fs-c6"),
        _drawn("equal", "At equal occurrences", 370, "fs-c6"),
        _drawn("nulls", "Null models", 300, "fs-c4"),
        _drawn("rarefaction", "Rarefaction", 300, "fs-c4"),
        _drawn("degree", "Degree", 300, "fs-c4 fs-c4--last"),
        panel(
            "Tokens by rank",
            [table, html.P(id="coverage-hidden", className="fs-small")],
            id="coverage-table-panel",
            reproduce=_blank_code("table"),
            exports={"csv": "coverage-table", "every": "", "parquet": ""},
            note=(
                "Click a row for the token's page. Tick two or more to see which features they "
                "share. Expected: the features of a content token so frequent; italic where none "
                "is, and on hover at equal n."
            ),
            class_name="fs-c12",
        ),
        _drawn("shared", "Features that the ticked tokens share", 320, "fs-c12 fs-absent"),
        *(
            panel(
                title,
                html.Div(skeleton("100%"), id=f"coverage-{name}"),
                id=f"coverage-{name}-panel",
                note=skeleton("60%"),
                class_name=size,
            )
            for name, title, size in TABLES
        ),
        _drawn("zipf", "Zipf", 260, "fs-c6"),
        _drawn("documents", "Documents", 260, "fs-c6"),
    ]


def register(app: Dash, api: ApiClient) -> None:
    _register_controls(app, api)
    _register_view(app, api)
    coverage_shared.register(app, api)
    dictionaries.register(app, api)


def _register_controls(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("coverage-controls", "children"),
        Output("coverage-declared", "data"),
        Output("coverage-grids", "data"),
        Output("coverage-complaints", "children"),
        Input("coverage-asked", "data"),
    )
    async def show_controls(asked: dict[str, str]) -> tuple[Any, Any, Any, Any]:
        capabilities = await api.capabilities()
        saes = built_saes(capabilities)
        if not saes:
            return None, None, None, await no_build(api, "coverage")
        offer = Offer(capabilities, saes)
        state, complaints = CoverageState.read(asked, offer)
        grids = {sae.sae_id: list(theta_options(sae).items()) for sae in saes}
        told = address_complaints(complaints)
        return state.bar(offer), CoverageState.opening(offer), grids, told

    _register_state(app)
    _register_rows(app)


def _register_state(app: Dash) -> None:
    """What happens in the browser alone: the state and its address."""
    app.clientside_callback(
        ClientsideFunction("fsCoverage", "thetas"),
        Output("coverage-theta", "data"),
        Output("coverage-theta", "value"),
        Input("coverage-sae", "value"),
        State("coverage-theta", "value"),
        State("coverage-grids", "data"),
    )
    register_address(
        app,
        CoverageState,
        Input("coverage-tokens", "data"),
        Input("coverage-sort", "data"),
        read_by="fsCoverage.named",
        with_states=[State("coverage-grids", "data")],
    )


def _register_rows(app: Dash) -> None:
    """What happens in the browser alone: sorted, ticked and opened rows."""
    app.clientside_callback(
        ClientsideFunction("fsCoverage", "sorted"),
        Output("coverage-sort", "data"),
        Input("coverage-table", "columnState"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("fsCoverage", "ticked"),
        Output("coverage-tokens", "data"),
        Input("coverage-table", "selectedRows"),
        State("coverage-table", "rowData"),
        State("coverage-tokens", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("fsCoverage", "openRow"),
        Output("coverage-table", "title"),
        Input("coverage-table", "cellClicked"),
        State("coverage-table", "rowData"),
        prevent_initial_call=True,
    )


VIEW = (
    ("coverage-headline", "children"),
    ("coverage-nulls-line", "children"),
    ("coverage-first", "children"),
    ("coverage-lacking", "children"),
    ("coverage-function", "data"),
    *(
        (f"coverage-{name}", "figure")
        for name in ("curve", "equal", "nulls", "degree", "zipf", "documents")
    ),
    ("coverage-table", "rowData"),
    ("coverage-hidden", "children"),
    *((f"coverage-{name}", "children") for name, _, _ in TABLES),
    *((f"coverage-{name}-panel-note", "children") for name in NOTED),
)

HELD = ("coverage-view-held", "data")
TICKED = ("coverage-table", "selectedRows")  # told always: people change it
DIMMED = [
    (Output("coverage-lead", "className"), LEAD + BEHIND, LEAD),
    (Output("coverage-panels", "className"), PANELS + BEHIND, PANELS),
]


def _register_view(app: Dash, api: ApiClient) -> None:
    frequent = FrequentTokens(api)

    @app.callback(
        [Output(*where) for where in (*VIEW, HELD, TICKED)],
        Input("coverage-state", "data"),
        Input("frame-scheme", "data"),
        State("coverage-tokens", "data"),
        State(*HELD),
        prevent_initial_call=True,
        running=DIMMED,
    )
    async def show_view(
        asked: dict[str, str] | None, scheme: str | None, ticked: str | None, held: Any
    ) -> list[Any]:
        if asked is None:
            return [no_update] * (len(VIEW) + 2)
        view = await read_view(api, frequent, asked)
        made = await asyncio.to_thread(everything, view, scheme, read_tokens(ticked))
        return [*only_changed([made[where] for where in VIEW], held), made[TICKED]]

    @app.callback(
        [*(Output(*where) for where in FILLED), Output("coverage-requests-held", "data")],
        Input("coverage-state", "data"),
        State("coverage-grids", "data"),
        State("frame-location", "href"),
        State("coverage-requests-held", "data"),
        prevent_initial_call=True,
    )
    async def show_requests(
        asked: dict[str, str] | None, grids: dict[str, Any], href: str | None, held: Any
    ) -> list[Any]:
        if asked is None:
            return [no_update] * (len(FILLED) + 1)
        can = await api.capabilities()
        file = can.build.name if can.build else ""
        made = filled(asked, grids, href, can.limits.page, file)
        return only_changed([made[where] for where in FILLED], held)


PAGE = Page("/coverage", "Coverage", layout, register, key="c", icon="coverage")
