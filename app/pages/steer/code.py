"""The code in the drawers of the Steering page's two panels: a request for each pass."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State

from app.links import reproduce_post
from app.pages.steer import state as steer_state
from app.parts.reproduce import in_turn

PANELS = ("steer-effect", "steer-written")


def register(app: Dash) -> None:
    @app.callback(
        [Output(f"{panel}-{kind}", "children") for panel in PANELS for kind in ("curl", "python")],
        Output("steer-save", "runs", allow_duplicate=True),
        Input("steer-request", "data"),
        State("frame-location", "href"),
        prevent_initial_call=True,
    )
    async def reproduce(body: dict[str, Any] | None, href: str | None) -> tuple[Any, ...]:
        """The code, and no recording any more: it was of the request before."""
        code = in_turn(
            [reproduce_post(href, "/api/steer", one) for one in steer_state.passes(body)]
            if body
            else []
        )
        return *(code["curl"], code["python"]) * len(PANELS), None
