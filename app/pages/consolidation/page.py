"""Consolidation, `/consolidation`:
one checkpoint cursor over loss, features, coverage and predictions.
"""

from __future__ import annotations

import asyncio
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.pages.consolidation import losses
from app.pages.consolidation.asked import complaints_of
from app.pages.consolidation.code import PANELS, requests_of
from app.pages.consolidation.data import prediction_table, run_title
from app.pages.consolidation.panels import GRAPHS, panels, timeline
from app.pages.consolidation.state import ConsolidationState
from app.pages.consolidation.view import FeaturesView, read_features, read_losses
from app.parts.address.settings import register_address
from app.parts.controls import address_complaints
from app.parts.page import Page
from app.parts.panel import skeleton
from app.parts.reproduce import reproduce_all
from app.parts.still import still
from backend.schemas import Capabilities, Generations

FEATURES_PANEL = "consolidation-features-panel"


async def layout(**query: str) -> Component:
    state, _ = ConsolidationState.read(query)
    return html.Div(
        [
            dcc.Store(id="consolidation-asked", data=query),
            dcc.Store(id="consolidation-state"),
            dcc.Store(id="consolidation-declared", data=ConsolidationState.opening()),
            # parts of the state, for panels that follow no other setting
            dcc.Store(id="consolidation-axes"),
            dcc.Store(id="consolidation-requests"),
            dcc.Store(id="consolidation-data"),
            dcc.Store(id="consolidation-shown"),  # of which settings the data are
            dcc.Store(id="consolidation-compare", data=query.get("compare")),
            dcc.Store(id="consolidation-drawn"),
            dcc.Store(id="consolidation-brushed"),
            html.Header(
                [
                    html.H1("Consolidation", className="fs-visually-hidden"),
                    html.P(
                        skeleton("90%", "60%"), id="consolidation-headline", className="fs-headline"
                    ),
                ],
                className="fs-lead",
            ),
            html.Div(id="consolidation-complaints"),
            html.Div(state.bar(), className="fs-controls fs-consolidation__controls"),
            timeline(),
            html.Div(panels(query), className="fs-consolidation", id="consolidation-panels"),
        ]
    )


def register(app: Dash, api: ApiClient) -> None:
    register_address(
        app,
        ConsolidationState,
        read_by="fsConsolidation.state",
        with_states=[State("consolidation-state", "data")],
        write_by="fsConsolidation.chosen",
    )
    _register_complaints(app, api)
    _register_followed(app)
    losses.register(app, api)
    _register_features(app, api)
    _register_code(app)
    _register_sentences(app, api)
    _register_cursor(app)


def _register_complaints(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("consolidation-complaints", "children"), Input("consolidation-asked", "data")
    )
    async def complain(asked: dict[str, str]) -> Any:
        state, complaints = ConsolidationState.read(asked)
        try:
            view = await read_losses(api, state, None)
            complaints += complaints_of(asked, view.answer, view.generations)
        except ApiProblem:  # the losses' callback says what is missing
            pass
        return [_whose(await api.capabilities()), address_complaints(complaints)]


def _whose(can: Capabilities) -> Component | None:
    """Whose training this is, where it is not the model's that the other pages show."""
    if not can.training_of:
        return None
    told = f"These are training runs of {can.training_of}, not of {can.model}."
    return html.P(told, className="fs-small", **{"data-fs-of": "training"})


def _register_followed(app: Dash) -> None:
    for name in ("axes", "requests"):
        app.clientside_callback(
            ClientsideFunction("fsConsolidation", f"of{name.capitalize()}"),
            Output(f"consolidation-{name}", "data"),
            Input("consolidation-state", "data"),
            State(f"consolidation-{name}", "data"),
            prevent_initial_call=True,
        )


def _register_features(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("consolidation-features", "figure"),
        Output(f"{FEATURES_PANEL}-note", "children"),
        Output("consolidation-degree", "figure"),
        Output("consolidation-degree-panel-note", "children"),
        Output("consolidation-coverage", "figure"),
        Input("consolidation-axes", "data"),
        Input("frame-scheme", "data"),
        State("consolidation-state", "data"),
        prevent_initial_call=True,
    )
    async def show_features(
        _: dict[str, str] | None, scheme: str | None, asked: dict[str, str] | None
    ) -> tuple[Any, ...]:
        if asked is None:
            return (no_update,) * 5
        try:
            view: FeaturesView = await read_features(api, ConsolidationState.of(asked))
        except ApiProblem:
            return (no_update,) * 5  # the losses' callback says what is missing
        return await asyncio.to_thread(view.shown, scheme)


def _register_code(app: Dash) -> None:
    @app.callback(
        [
            Output(f"consolidation-{name}-panel-{kind}", "children")
            for name in PANELS
            for kind in ("curl", "python")
        ],
        Input("consolidation-requests", "data"),
        State("consolidation-state", "data"),
        State("frame-location", "href"),
        prevent_initial_call=True,
    )
    async def show_code(
        _: dict[str, str] | None, asked: dict[str, str] | None, href: str | None
    ) -> list[Any]:
        if asked is None:
            return [no_update] * (2 * len(PANELS))
        requests = requests_of(ConsolidationState.of(asked))
        codes = [reproduce_all(href, requests[name]) for name in PANELS]
        return [code[kind] for code in codes for kind in ("curl", "python")]


def _register_sentences(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("consolidation-run", "data"),
        Output("consolidation-run", "value"),
        Output("consolidation-sentence", "data"),
        Output("consolidation-sentence", "value"),
        Input("consolidation-requests", "data"),
        State("consolidation-run", "value"),
        State("consolidation-sentence", "value"),
        prevent_initial_call=True,
    )
    async def offer_sentences(
        asked: dict[str, str] | None, run: str, sentence: str
    ) -> tuple[Any, ...]:
        generations = await _sentences(api, asked["cut"]) if asked else None
        if generations is None:
            return (no_update,) * 4
        runs = [
            {"value": str(i), "label": run_title(one, generations.runs)}
            for i, one in enumerate(generations.runs)
        ]
        texts = [
            {"value": str(i), "label": one.text} for i, one in enumerate(generations.sentences)
        ]
        return runs, _known(run, len(runs)), texts, _known(sentence, len(texts))

    @app.callback(
        Output("consolidation-predictions", "children"),
        Input("consolidation-run", "value"),
        Input("consolidation-sentence", "value"),
        Input("consolidation-run", "data"),
        State("consolidation-state", "data"),
        prevent_initial_call=True,
    )
    async def show_predictions(
        run: str, sentence: str, runs: list[Any], state: dict[str, str] | None
    ) -> Any:
        if not runs or state is None:
            return no_update
        generations = await api.consolidation_generations(cut=state["cut"])
        tokens = {token.token_id: token for token in generations.vocabulary}
        return still(
            prediction_table(
                generations.sentences[int(sentence)], generations.runs[int(run)], tokens
            )
        )


async def _sentences(api: ApiClient, cut: str) -> Generations | None:
    """None where there are none: the losses' callback says what is missing."""
    try:
        return await api.consolidation_generations(cut=cut)
    except ApiProblem:
        return None


def _known(value: str | None, n: int) -> str:
    """`value` where it is the number of one of n options, else the first."""
    return value if value and value.isdecimal() and int(value) < n else "0"


def _register_cursor(app: Dash) -> None:
    """Everything that follows the cursor happens in the browser: static/js/consolidation."""

    def bind(
        function: str, outputs: list[Output], inputs: list[Input | State], *, at_start: bool = False
    ) -> None:
        where = ClientsideFunction("fsConsolidation", function)
        app.clientside_callback(where, *outputs, *inputs, prevent_initial_call=not at_start)

    value, data = ("consolidation-cursor", "value"), ("consolidation-data", "data")
    held, state = ("consolidation-compare", "data"), ("consolidation-state", "data")
    run, sentence = ("consolidation-run", "value"), ("consolidation-sentence", "value")
    declared = State("consolidation-declared", "data")
    bind(
        "begin",
        [Output("consolidation-cursor", "max"), Output(*value)],
        [Input(*data), State(*value), State("consolidation-asked", "data")],
    )
    bind(
        "compare",
        [Output(*held), Output("consolidation-pin", "children")],
        [Input("consolidation-pin", "n_clicks"), State(*held), State(*value), State(*data)],
        at_start=True,
    )
    bind("play", [Output("consolidation-play", "title")], [Input("consolidation-play", "n_clicks")])
    of_cursor = [Input(*one) for one in (value, held, data)]
    others = [State(*one) for one in (run, sentence, state)]
    bind("draw", [Output("consolidation-drawn", "data")], [*of_cursor, *others, declared])
    table = Input("consolidation-predictions", "children")
    bind(
        "mark",
        [Output("consolidation-predictions", "title")],
        [
            table,
            Input(*run),
            Input(*sentence),
            Input("consolidation-coverage", "figure"),
            State(*state),
            declared,
        ],
    )
    brushed: list[Input | State] = [
        Input(f"consolidation-{name}", "relayoutData") for name in GRAPHS
    ]
    bind("brush", [Output("consolidation-panels", "title")], brushed)
    drawn: list[Input | State] = [Input(f"consolidation-{name}", "figure") for name in GRAPHS]
    bind(
        "ranged",
        [Output("consolidation-brushed", "data")],
        [*drawn, State("consolidation-asked", "data")],
    )


PAGE = Page("/consolidation", "Consolidation", layout, register, key="n", icon="consolidation")
