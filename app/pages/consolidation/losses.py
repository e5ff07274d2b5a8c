"""What the consolidation page draws of the losses; another measure or other lines bring a figure
alone, and not the cursor's data, which everything else on the page is drawn from.
"""

from __future__ import annotations

import asyncio
from typing import Any

from dash import Dash, Input, Output, State, no_update

from app.api import ApiClient, ApiProblem
from app.pages.consolidation.state import ConsolidationState
from app.pages.consolidation.view import LossView, read_losses
from app.parts.panel import notice

# filled at every setting
DRAWN = (
    ("consolidation-loss", "figure"),
    ("consolidation-loss-panel-note", "children"),
)
# filled where `LossView.data_of` tells of a change
KEPT = (
    ("consolidation-headline", "children"),
    ("consolidation-lines-note", "children"),
    ("consolidation-data", "data"),
    ("consolidation-paper", "children"),
    ("consolidation-paper-panel-note", "children"),
    ("consolidation-group", "data"),
    ("consolidation-group", "value"),
    ("consolidation-group", "style"),
    ("consolidation-shown", "data"),
)


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        [Output(*where) for where in (*KEPT, *DRAWN)],
        Input("consolidation-state", "data"),
        Input("consolidation-group", "value"),
        Input("frame-scheme", "data"),
        State("consolidation-shown", "data"),
        prevent_initial_call=True,
    )
    async def show_losses(
        asked: dict[str, str] | None, group: str | None, scheme: str | None, shown: Any
    ) -> list[Any]:
        if asked is None:
            return [no_update] * len((*KEPT, *DRAWN))
        try:
            view: LossView = await read_losses(api, ConsolidationState.of(asked), group)
        except ApiProblem as problem:
            told = notice("No training runs to look at", problem.detail, kind="problem")
            return [told, *[no_update] * (len(KEPT) - 2), None, *[no_update] * len(DRAWN)]
        of = view.data_of()
        kept = [no_update] * len(KEPT) if shown == of else [*view.kept(), of]
        return [*kept, *await asyncio.to_thread(view.drawn, scheme)]
