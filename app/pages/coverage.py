"""Coverage, `/coverage`: how many features the first k tokens of an order reach (paper, Table 1)."""

from __future__ import annotations

import asyncio
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient
from app.figures.coverage import coverage_figure, is_papers_model
from app.figures.distributions import degree_figure, document_figure, zipf_figure
from app.figures.template import CONFIG, blank
from app.frame import Page, notice, panel, skeleton
from app.links import reproduce_get
from app.pages import coverage_token
from app.pages.coverage_state import CONTROLS, built_saes, control_bar, default_state, read_state
from app.pages.coverage_table import rank_table
from app.pages.coverage_view import LISTED, CoverageView, FrequentTokens, read_view
from app.pages.coverage_words import first_tokens, function_contrast, headline, setting_sentence
from app.tables import rank_rows


async def layout(**query: str) -> Component:
    token = query.get("token", "")
    return html.Div(
        [
            dcc.Store(id="coverage-asked", data=query),
            dcc.Store(id="coverage-defaults"),
            dcc.Store(id="coverage-state"),
            dcc.Store(id="coverage-token", data=int(token) if token.isdecimal() else None),
            html.Header(
                [
                    html.H1("Coverage", className="fs-visually-hidden"),
                    html.P(skeleton("92%", "64%"), id="coverage-headline", className="fs-headline"),
                    html.Div(id="coverage-first", className="fs-chips"),
                ],
                className="fs-lead",
            ),
            html.Div(skeleton("100%"), id="coverage-controls", className="fs-controls", role="group"),
            html.Div(id="coverage-complaints"),
            html.Div(_panels(), className="fs-coverage"),
            coverage_token.drawer(),
        ]
    )


def _graph(name: str, height: int, label: str) -> Component:
    graph = dcc.Graph(id=f"coverage-{name}", figure=blank(None), config=CONFIG, style={"height": f"{height}px"})
    return html.Div(graph, role="img", style={"minHeight": f"{height}px"}, **{"aria-label": label})


def _images(name: str) -> dict[str, str]:
    return {"png": f"coverage-{name}", "svg": f"coverage-{name}"}


def _panels() -> list[Component]:
    table = html.Div(rank_table(), style={"minHeight": "400px"})
    return [
        panel(
            "Reached by the first k tokens",
            _graph("curve", 380, "Cumulative coverage by token rank, one line per layer"),
            id="coverage-curve-panel",
            exports=_images("curve"),
            note=skeleton("60%"),
            class_name="fs-coverage__curve",
        ),
        panel(
            "Tokens by rank",
            [table, html.P(id="coverage-hidden", className="fs-small")],
            id="coverage-table-panel",
            exports={"csv": "coverage-table"},
            note="Select a row to see the token: its degree in every layer and the features that it fires most.",
            class_name="fs-coverage__table",
        ),
        _small_panel("degree", "Degree", "Degree against occurrences, both on logarithms, by token class"),
        _small_panel(
            "zipf",
            "Zipf",
            "Occurrences by frequency rank, both on logarithms",
            "Occurrences by frequency rank. Left of the dotted line: function tokens.",
        ),
        _small_panel("documents", "Documents", "Share of documents that contain each token, by frequency rank"),
    ]


def _small_panel(name: str, title: str, label: str, note: str | None = None) -> Component:
    """`note` None: a callback writes it."""
    return panel(
        title,
        _graph(name, 280, label),
        id=f"coverage-{name}-panel",
        exports=_images(name),
        note=note or skeleton("60%"),
    )


def register(app: Dash, api: ApiClient) -> None:
    _register_controls(app, api)
    _register_view(app, api)
    coverage_token.register(app, api)


def _register_controls(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("coverage-controls", "children"),
        Output("coverage-defaults", "data"),
        Output("coverage-complaints", "children"),
        Input("coverage-asked", "data"),
    )
    async def show_controls(asked: dict[str, str]) -> tuple[Any, Any, Any]:
        capabilities = await api.capabilities()
        saes = built_saes(capabilities)
        if not saes:
            detail = (await api.health()).build_detail
            return None, None, notice("No build, so no coverage", detail, kind="problem")
        state, complaints = read_state(asked, saes, capabilities)
        told = notice("The address asks for what is not there", "; ".join(complaints), kind="problem")
        return control_bar(state, saes, capabilities), default_state(saes).as_query(), told if complaints else None

    app.clientside_callback(
        ClientsideFunction("fs", "named"),
        Output("coverage-state", "data"),
        [Input(f"coverage-{name}", "value") for name in CONTROLS],
        State("coverage-defaults", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("fs", "writeState"),
        Output("coverage-complaints", "title"),
        Input("coverage-state", "data"),
        Input("coverage-token", "data"),
        State("coverage-defaults", "data"),
        prevent_initial_call=True,
    )


def _register_view(app: Dash, api: ApiClient) -> None:
    frequent = FrequentTokens(api)

    @app.callback(
        Output("coverage-headline", "children"),
        Output("coverage-first", "children"),
        Output("coverage-curve", "figure"),
        Output("coverage-degree", "figure"),
        Output("coverage-zipf", "figure"),
        Output("coverage-documents", "figure"),
        Output("coverage-table", "rowData"),
        Output("coverage-hidden", "children"),
        Output("coverage-curve-panel-note", "children"),
        Output("coverage-degree-panel-note", "children"),
        Output("coverage-documents-panel-note", "children"),
        Input("coverage-state", "data"),
        Input("frame-scheme", "data"),
        prevent_initial_call=True,
    )
    async def show_view(asked: dict[str, str] | None, scheme: str | None) -> tuple[Any, ...]:
        if asked is None:
            return (no_update,) * 11
        view = await read_view(api, frequent, asked)
        return await asyncio.to_thread(_everything, view, scheme)

    panels = ("curve", "table", "degree", "zipf", "documents")

    @app.callback(
        [Output(f"coverage-{name}-panel-{kind}", "children") for name in panels for kind in ("curl", "python")],
        Input("coverage-state", "data"),
        State("frame-location", "href"),
        prevent_initial_call=True,
    )
    async def show_requests(asked: dict[str, str], href: str | None) -> list[str]:
        query = {"sae_id": asked["sae"], **{name: asked[name] for name in CONTROLS[1:5]}}
        coverage = reproduce_get(href, "/api/coverage", query)
        tokens = reproduce_get(href, "/api/tokens", {"order": "frequency", "limit": 500})
        return [code[kind] for code in (coverage, coverage, coverage, tokens, tokens) for kind in ("curl", "python")]


def _everything(view: CoverageView, scheme: str | None) -> tuple[Any, ...]:
    return (*_sentences_and_figures(view, scheme), *_table_and_notes(view))


def _sentences_and_figures(view: CoverageView, scheme: str | None) -> tuple[Any, ...]:
    answer = view.chosen.answer
    by_frequency = view.state.order == "frequency"
    curve = coverage_figure(
        view.curves,
        scheme,
        n_function=len(view.function) if by_frequency else None,
        paper=is_papers_model(view.capabilities.build),
    )
    return (
        headline(view.sae.layer, answer),
        [
            html.Span("The first ten:" if by_frequency else "First ten in this order:"),
            *first_tokens(answer.rows, view.function),
        ],
        curve,
        degree_figure(answer.rows, view.function, view.fit, scheme),
        zipf_figure([row.occurrences for row in answer.rows if row.occurrences], len(view.function), scheme),
        document_figure(view.tokens, view.function, scheme),
    )


def _table_and_notes(view: CoverageView) -> tuple[Any, ...]:
    answer = view.chosen.answer
    by_id = {token.token_id: token for token in view.tokens}
    seen = [row for row in answer.rows if row.occurrences]
    hidden = {
        "tokens of the vocabulary never occur in the corpus and are left out": len(answer.rows) - len(seen),
        "more ranks are drawn but not listed; the reproduce drawer's request gives all": len(seen) - LISTED,
    }
    said = ". ".join(f"{n:,} {what}" for what, n in hidden.items() if n > 0)
    fit = view.fit
    slope = "Too few tokens for a fit."
    if fit is not None:
        slope = (
            f"Features per token against its occurrences: degree ∝ occurrences^{fit.slope:.2f} "
            f"[{fit.low:.2f}, {fit.high:.2f}], least squares, n = {fit.n:,} tokens."
        )
    return (
        rank_rows(seen[:LISTED], by_id, view.function),
        said and f"{said}.",
        [setting_sentence(view.state, answer, view.function), " ", function_contrast(answer)],
        slope,
        f"Share of documents that hold the token; the {len(view.tokens):,} most frequent.",
    )


PAGE = Page("/coverage", "Coverage", layout, register, key="c", icon="coverage")
