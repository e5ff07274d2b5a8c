"""What Reactivation does in the browser alone."""

from __future__ import annotations

from dash import ClientsideFunction, Dash, Input, Output, State


def register(app: Dash) -> None:
    """What the browser does alone: the address bar, what is out of date,
    and putting the built-in pair back.
    """
    _register_address(app)
    app.clientside_callback(
        ClientsideFunction("fsReactivation", "staleRun"),
        Output("reactivation-stale", "children"),
        Output("reactivation-page", "className"),
        Input("reactivation-prompt", "value"),
        Input("reactivation-second", "value"),
        Input("reactivation-prefix", "value"),
        Input("reactivation-matrix", "prompts"),
        Input("reactivation-asked", "data"),
        Input("reactivation-talk", "chat"),
        Input("reactivation-talk", "turns"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("fsReactivation", "builtInPair"),
        Output("reactivation-prompt", "value", allow_duplicate=True),
        Output("reactivation-second", "value", allow_duplicate=True),
        Output("reactivation-prefix", "value", allow_duplicate=True),
        Output("reactivation-run", "data", allow_duplicate=True),
        Input("reactivation-pair", "n_clicks"),
        State("reactivation-defaults", "data"),
        prevent_initial_call=True,
    )


def _register_address(app: Dash) -> None:
    app.clientside_callback(
        ClientsideFunction("fsReactivation", "reactivationAddress"),
        Output("reactivation-address", "data"),
        Input("reactivation-matrix", "prompts"),
        Input("reactivation-matrix", "sae_id"),
        Input("reactivation-matrix", "locked"),
        Input("reactivation-matrix", "pins"),
        Input("reactivation-matrix", "view"),
        Input("reactivation-shuffled", "checked"),
        Input("reactivation-index", "measured"),
        Input("reactivation-asked", "data"),
        Input("reactivation-matrix", "source"),
        Input("reactivation-words", "settings"),
        Input("reactivation-travel", "settings"),
        Input("reactivation-index", "own"),
        State("reactivation-defaults", "data"),
        prevent_initial_call=True,
    )
