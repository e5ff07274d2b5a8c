"""The cards are read when they are opened: what is live may have changed since the page came."""

from __future__ import annotations

from collections.abc import Sequence

from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.parts.cards.model import model_card
from app.parts.cards.presets import preset_list
from app.parts.cards.saes import saes_card
from app.parts.panel import notice, skeleton
from app.parts.still import still
from backend.schemas.presets import PresetChoice


def opens(name: str, summary: Component) -> Component:
    """A fact of the top bar that opens the card of that name, `model` or `saes`; a click on
    `summary`, whose id is frame-open-NAME, asks for it.
    """
    return html.Details(
        [
            summary,
            html.Div(
                skeleton("16rem", "12rem"),
                id=f"frame-card-{name}",
                className="fs-pop__body fs-about",
                role="group",
                **{"aria-label": {"model": "The model", "saes": "The SAEs"}[name]},
            ),
        ],
        className="fs-pop",
    )


def register(app: Dash, api: ApiClient, presets: Sequence[PresetChoice]) -> None:
    @app.callback(
        Output("frame-card-model", "children"),
        Input("frame-open-model", "n_clicks"),
        State("frame-location", "pathname"),
        prevent_initial_call=True,
    )
    async def show_model(_: int | None, pathname: str | None) -> Component:
        try:
            can = await api.capabilities()
            choice = preset_list(presets, can.preset, pathname)
            return still([part for part in (choice, model_card(can)) if part is not None])
        except ApiProblem as problem:
            return notice(problem.title, problem.detail, kind="problem")

    @app.callback(
        Output("frame-card-saes", "children"),
        Input("frame-open-saes", "n_clicks"),
        prevent_initial_call=True,
    )
    async def show_saes(_: int | None) -> Component:
        try:
            can = await api.capabilities()
            return still(saes_card([await api.sae(one.sae_id) for one in can.saes]))
        except ApiProblem as problem:
            return notice(problem.title, problem.detail, kind="problem")
