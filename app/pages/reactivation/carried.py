"""Who carries the subject: what many subjects say of the same question, beside this build."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State

from app.api import ApiClient, ApiProblem
from app.links import reproduce_get
from app.parts.carry import CARRY, carry_panel
from app.parts.still import still


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("reactivation-carry", "children"),
        Input("reactivation-query", "data"),
        State("frame-location", "href"),
    )
    async def show_carry(_: dict[str, str], href: str | None) -> Any:
        """What many subjects say of the same question; nothing where it was not measured beside
        this build.
        """
        try:
            found = await api.experiments()
        except ApiProblem:
            return None
        code = reproduce_get(href, "/api/experiments", {})
        return still(
            [
                carry_panel(one, "reactivation", code)
                for one in found.experiments
                if one.name == CARRY
            ]
        )
