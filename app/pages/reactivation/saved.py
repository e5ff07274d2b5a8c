"""Save as a run: what the page shows, one run a prompt."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, no_update

from app.api import ApiClient
from app.pages.reactivation.state import inspect_requests
from app.parts.page import FOLLOWED
from backend import schemas as wire


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("reactivation-save", "runs"),
        Input("reactivation-save", "n_clicks"),
        State("reactivation-asked", "data"),
        prevent_initial_call=True,
        running=[(Output("reactivation-save", "busy"), True, False), FOLLOWED],
    )
    async def save(n_clicks: int | None, asked: dict[str, Any] | None) -> Any:
        """One run per prompt, A first."""
        if not n_clicks or asked is None:
            return no_update
        requests = inspect_requests(asked)
        runs = [
            await api.record(wire.InspectRun(kind="inspect", request=request))
            for request in requests
        ]
        names = [f"prompt {lane}" for lane in "AB"] if len(runs) > 1 else [""]
        return [run.model_dump() | {"holds": name} for run, name in zip(runs, names, strict=True)]
