"""Graph, `/graph`: tokens by rank on one side,
features by the rank that reaches them first on the other.
"""

from __future__ import annotations

import asyncio
from typing import Any

import dash_ag_grid as dag
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.changed import only_changed
from app.figures.graph import degree_distribution
from app.figures.template import CONFIG, blank
from app.links import reproduce_get
from app.pages.graph import words
from app.pages.graph.state import GraphState, ranges_of, read_path, steps_of
from app.parts.address.kinds import Offer
from app.parts.address.settings import register_address
from app.parts.components import BipartiteGraph
from app.parts.controls import address_complaints, built_saes, no_build
from app.parts.page import Page
from app.parts.panel import graph_exports, notice, panel, skeleton
from backend.schemas.graph import GraphDegreesResponse, GraphResponse
from backend.schemas.statistics import DegreeFit

SIDES = ("token", "feature")


async def layout(**query: str) -> Component:
    return html.Div(
        [
            dcc.Store(id="graph-asked", data=query),
            dcc.Store(id="graph-declared"),
            dcc.Store(id="graph-state"),
            dcc.Store(id="graph-degrees-held"),
            html.Header(
                [
                    html.H1("Graph", className="fs-visually-hidden"),
                    html.P(skeleton("92%", "54%"), id="graph-headline", className="fs-headline"),
                ],
                className="fs-lead",
            ),
            html.Div(skeleton("100%"), id="graph-controls", className="fs-controls", role="group"),
            html.Div(id="graph-complaints"),
            html.Div(_panels(), className="fs-graph-page"),
        ]
    )


def _panels() -> list[Component]:
    picture = [
        html.Nav(
            skeleton("30%"), id="graph-crumbs", className="fs-crumbs", **{"aria-label": "Way down"}
        ),
        BipartiteGraph(id="graph-picture", view=None, path=None, pathKey=None, sae_id=None),
        _legend(),
    ]
    return [
        panel("Which tokens fire which features", picture, id="graph-panel", note=skeleton("70%")),
        *(_degree_panel(side) for side in SIDES),
        panel(
            "The same as a table",
            html.Div(_table(), style={"minHeight": "320px"}),
            id="graph-table-panel",
            exports={"csv": "graph-table"},
            note="A row for each ribbon of the picture, most edges first.",
            class_name="fs-graph-page__table",
        ),
    ]


def _legend() -> Component:
    marks = (
        ("function", 0.85, "function tokens, or features that they reach first"),
        ("content", 0.85, "content tokens, or features that they reach first"),
        ("ink", 0.75, "strong: the first edge of a feature"),
        ("ink", 0.16, "faint: a feature that was reached before"),
    )
    return html.Div(
        [
            html.Span(text, style={"--swatch": f"var(--fs-{colour})", "--strength": s})
            for colour, s, text in marks
        ],
        className="fs-graph-legend",
    )


def _degree_panel(side: str) -> Component:
    label = f"Degree distribution of {side}s, both axes on logarithms"
    graph = dcc.Graph(
        id=f"graph-{side}-degrees", figure=blank(None), config=CONFIG, style={"height": "280px"}
    )
    return panel(
        f"Degrees of {side}s",
        html.Div(graph, role="img", style={"minHeight": "280px"}, **{"aria-label": label}),
        id=f"graph-{side}-panel",
        exports=graph_exports(f"graph-{side}-degrees"),
        note=skeleton("60%"),
    )


def _table() -> Component:
    counted = {
        "valueFormatter": {"function": "params.value == null ? '–' : d3.format(',')(params.value)"}
    }
    columns: list[dict[str, Any]] = [
        {"field": "ranks", "headerName": "ranks", "sortable": False},
        {"field": "tokens", "headerName": "tokens", "flex": 2, "sortable": False},
        {"field": "features", "headerName": "features", "sortable": False},
        {"field": "reached", "headerName": "first reached by rank", "sortable": False},
        {"field": "n_edges", "headerName": "edges", "type": "rightAligned", **counted},
        {"field": "n_firings", "headerName": "firings", "type": "rightAligned", **counted},
        {"field": "n_first", "headerName": "of them first", "type": "rightAligned", **counted},
    ]
    return dag.AgGrid(
        id="graph-table",
        columnDefs=columns,
        rowData=None,
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "flex": 1,
            "minWidth": 90,
            "suppressHeaderMenuButton": True,
        },
        dashGridOptions={"rowHeight": 30, "headerHeight": 34, "animateRows": False},
        getRowId="params.data.id",
        className="ag-theme-quartz fs-grid",
        style={"height": "320px"},
    )


def register(app: Dash, api: ApiClient) -> None:
    _register_controls(app, api)
    _register_view(app, api)
    _register_crumbs(app)
    _register_degrees(app, api)


def _register_controls(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("graph-controls", "children"),
        Output("graph-declared", "data"),
        Output("graph-complaints", "children"),
        Output("graph-picture", "path"),
        Input("graph-asked", "data"),
    )
    async def show_controls(asked: dict[str, str]) -> tuple[Any, ...]:
        capabilities = await api.capabilities()
        saes = built_saes(capabilities)
        if not saes:
            return None, None, await no_build(api, "graph"), no_update
        offer = Offer(capabilities, saes)
        state, complaints = GraphState.read(asked, offer)
        path = {"key": state.path_key, "steps": read_path(asked.get("path", ""))}
        told = address_complaints(complaints)
        return state.bar(offer), GraphState.opening(offer), told, path

    register_address(app, GraphState, Input("graph-picture", "path"), write_by="fsGraph.writeState")


def _register_view(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("graph-picture", "view"),
        Output("graph-picture", "pathKey"),
        Output("graph-picture", "sae_id"),
        Output("graph-headline", "children"),
        Output("graph-crumbs", "children"),
        Output("graph-panel-note", "children"),
        Output("graph-table", "rowData"),
        *(
            Output(f"graph-{name}panel-{kind}", "children")
            for name in ("", "table-")
            for kind in ("curl", "python")
        ),
        Input("graph-state", "data"),
        Input("graph-picture", "path"),
        State("frame-location", "href"),
        running=[(Output("graph-picture", "busy"), True, False)],
        prevent_initial_call=True,
    )
    async def show_view(
        asked: dict[str, str] | None, path: dict[str, Any] | None, href: str | None
    ) -> Any:
        if asked is None:
            return (no_update,) * 11
        state = GraphState.of(asked)
        steps = steps_of(path, state)
        ranges = (ranges_of(steps[-1]) or {}) if steps else {}
        query: dict[str, Any] = state.as_request() | {"max_edges": state.max_edges} | ranges
        layers = {sae.sae_id: sae.layer for sae in (await api.capabilities()).saes}
        try:
            view, whole = await _seen(api, state, query, not steps)
        except ApiProblem as problem:
            told = notice("This part of the graph cannot be shown", problem.detail, kind="problem")
            return (None, state.path_key, state.sae, told, words.whole_crumb(), *(no_update,) * 6)
        code = reproduce_get(href, "/api/graph", query)
        return (
            view.model_dump(),
            state.path_key,
            state.sae,
            words.headline(layers[state.sae], view, whole),
            words.crumbs(steps, view),
            words.note(state, view),
            words.rows(view),
            *(code["curl"], code["python"]) * 2,
        )


async def _seen(
    api: ApiClient, state: GraphState, query: dict[str, Any], drawn_whole: bool
) -> tuple[GraphResponse, GraphDegreesResponse | None]:
    """The view, and how many have an edge at all where it is of all of them."""
    view = await api.graph(**query)
    filters: dict[str, Any] = state.as_request()
    return view, await api.graph_degrees(**filters) if drawn_whole else None


def _register_crumbs(app: Dash) -> None:
    @app.callback(
        Output("graph-picture", "path", allow_duplicate=True),
        Input({"graph-crumb": ALL}, "n_clicks"),
        State("graph-picture", "path"),
        prevent_initial_call=True,
    )
    async def go_back(clicks: list[int | None], path: dict[str, Any] | None) -> Any:
        if not path or not any(clicks) or not isinstance(ctx.triggered_id, dict):
            return no_update
        return {**path, "steps": path["steps"][: ctx.triggered_id["graph-crumb"]]}


def _register_degrees(app: Dash, api: ApiClient) -> None:
    @app.callback(
        *(Output(f"graph-{side}-degrees", "figure") for side in SIDES),
        *(Output(f"graph-{side}-panel-note", "children") for side in SIDES),
        *(
            Output(f"graph-{side}-panel-{kind}", "children")
            for side in SIDES
            for kind in ("curl", "python")
        ),
        Output("graph-degrees-held", "data"),
        Input("graph-state", "data"),
        Input("frame-scheme", "data"),
        State("frame-location", "href"),
        State("graph-degrees-held", "data"),
        prevent_initial_call=True,
    )
    async def show_degrees(
        asked: dict[str, str] | None, scheme: str | None, href: str | None, held: Any
    ) -> list[Any]:
        if asked is None:
            return [no_update] * 9
        state = GraphState.of(asked)
        request: dict[str, Any] = state.as_request()
        degrees, fits = await asyncio.gather(api.graph_degrees(**request), _fits(api, state.sae))
        by_side = (
            {fit.side: fit for fit in fits or []}
            if (state.min_count, state.token_class) == ("1", "all")
            else {}
        )
        figures = [degree_distribution(degrees.bins, "token", by_side.get("token"), scheme)]
        figures.append(degree_distribution(degrees.bins, "feature", by_side.get("feature"), scheme))
        code = reproduce_get(href, "/api/graph/degrees", request)
        notes = [words.degree_note(side, degrees, fits) for side in SIDES]
        return only_changed([*figures, *notes, *(code["curl"], code["python"]) * 2], held)


async def _fits(api: ApiClient, sae_id: str) -> list[DegreeFit] | None:
    """The power-law fits beside the build; None where there are none to read."""
    try:
        return (await api.statistics(sae_id)).degree_fits
    except ApiProblem:
        return None


PAGE = Page("/graph", "Graph", layout, register, key="b", icon="graph")
