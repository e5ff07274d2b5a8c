"""What Steering does in the browser alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State

_RACK = (
    Input("steer-prompt", "value"),
    Input("steer-rack", "interventions"),
    Input("steer-rack", "include_generated"),
    Input("steer-rack", "freeze_attention"),
    Input("steer-rack", "chat"),
)
_WRITING = (
    Input("steer-tokens", "value"),
    Input("steer-temperature", "value"),
    Input("steer-samples", "value"),
    Input("steer-seed", "value"),
    Input("steer-controls", "checked"),
)
_BEFORE = (
    Input("steer-prefix", "value"),
    Input("steer-prefix", "stop"),
    Input("steer-talk", "turns"),
)
_SHARED = (("tokens", "tokens"), ("saes", "saes"), ("last_layer", "last_layer"))


def register(app: Dash) -> None:
    """What the browser does alone: composing the request, the address bar, demonstrations."""

    def here(function: str, *parts: Any) -> None:
        app.clientside_callback(
            ClientsideFunction("fsSteering", function), *parts, prevent_initial_call=True
        )

    here("steerRequest", Output("steer-request", "data"), *_RACK, *_WRITING, *_BEFORE)
    here("steerSettingsWords", Output("steer-settings-words", "children"), *_WRITING)
    here("sameProp", Output("steer-shift", "request"), Input("steer-request", "data"))
    here("sameProp", Output("steer-stream", "newest"), Input("steer-request", "data"))
    here("sameProp", Output("steer-stream", "request"), Input("steer-shift", "accepted"))
    here("sameProp", Output("steer-stream", "auto"), Input("steer-auto", "checked"))
    here("sameProp", Output("steer-stream", "model"), Input("steer-shift", "model"))
    here("sameProp", Output("steer-talk", "chat"), Input("steer-rack", "chat"))
    for target, source in _SHARED:
        here("sameProp", Output("steer-stream", target), Input("steer-rack", source))
    here(
        "steerSubjects",
        Output("steer-subjects", "data"),
        *(_RACK[0], _RACK[4], _RACK[1], _BEFORE[0], _BEFORE[2]),
        State("steer-subjects", "data"),
    )
    _register_choices(here)


def _register_choices(here: Callable[..., None]) -> None:
    """The address bar and the demonstrations."""
    here(
        "steerAddress",
        Output("steer-address", "data"),
        Input("steer-request", "data"),
        Input("steer-rack", "interventions"),
        Input("steer-sweep", "settings"),
        Input("steer-traits", "settings"),
        Input("steer-set", "settings"),
        State("steer-defaults", "data"),
    )
    here(
        "steerDemonstration",
        Output("steer-prompt", "value", allow_duplicate=True),
        Output("steer-rack", "interventions", allow_duplicate=True),
        Output("steer-rack", "include_generated", allow_duplicate=True),
        Output("steer-prefix", "value", allow_duplicate=True),
        Output("steer-prefix", "stop", allow_duplicate=True),
        Input({"type": "steer-demo", "index": ALL}, "n_clicks"),
        State("steer-defaults", "data"),
    )
