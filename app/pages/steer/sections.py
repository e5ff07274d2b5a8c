"""What stands below the texts on the Steering page:
the sweep, the trait finder and the set of prompts, closed at first.

Address (non-default values only). Sweep: `open_sweep` (1 = open), `sweep` (`sae_id:index` that was
swept; it runs again when the link is opened), `strengths`, `at`, `target`. Trait finder:
`open_traits` (1 = open), `trait`, `contrast`, `test`, `success`, `ask`, `induces`, `length`. Set
of prompts: `open_set` (1 = open), `set` (the run over it that is shown), `set_success`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State
from dash.development.base_component import Component

from app.api import ApiClient
from app.links import reproduce_post
from app.pages.steer.components import SteerSet
from app.parts.components import SteerSweep, TraitFinder

SWEEP: dict[str, Any] = {
    "open_sweep": "",
    "sweep": "",
    "strengths": "0.25x 0.5x 1x 2x 4x",
    "at": "all",
    "target": "",
}
"""Settings of the sweep when the address says nothing: static/js/steering/sweep/plan.js."""

_PLACES = [
    "Egypt",
    "Brazil",
    "Canada",
    "Kenya",
    "India",
    "Peru",
    "Spain",
    "Turkey",
    "Norway",
    "Greece",
]
_TESTS = [
    "Italy",
    "Poland",
    "Mexico",
    "Cuba",
    "Iran",
    "Ireland",
    "Chile",
    "Vietnam",
    "Finland",
    "Portugal",
]


def _questions(places: list[str]) -> str:
    """Half ask for capitals, half for languages: one question a line."""
    asked = ["What is the capital of {}?", "What language is spoken in {}?"]
    return "\n".join(asked[i % 2].format(place) for i, place in enumerate(places))


TRAITS: dict[str, Any] = {
    "open_traits": "",
    "trait": "Speak Chinese. What is the capital of the UK?",
    "contrast": _questions(_PLACES),
    "test": _questions(_TESTS),
    "success": "language:zh",
    "ask": "Speak Chinese. {prompt}",
    "induces": "0.5",
    "length": "8",
}
"""Settings of the trait finder when the address says nothing:
the paper's own trait, asked of any model.
"""

SET: dict[str, Any] = {"open_set": "", "set": "", "set_success": ""}
NAMES = (*SWEEP, *TRAITS, *SET)


def layout() -> list[Component]:
    live = {"cancel": "/api/steer/cancel", "target_rack": "steer-rack"}
    return [
        SteerSweep(
            "steer-sweep", endpoint="/api/sweep", tokens=[], interventions=[], strengths={}, **live
        ),
        TraitFinder(
            "steer-traits",
            endpoint="/api/traits",
            target_prompt="steer-prompt",
            defaults=TRAITS,
            **live,
        ),
        SteerSet("steer-set", cancel=live["cancel"]),
    ]


def opened(query: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """The sections' settings of an address, in their order on the page."""
    return tuple(
        {name: query.get(name, value) for name, value in section.items()}
        for section in (SWEEP, TRAITS, SET)
    )


_FROM_RACK = ("tokens", "last_function", "strengths", "saes", "last_layer", "interventions")


def register(app: Dash, api: ApiClient) -> None:
    def follow(target: str, prop: str, source: Input) -> None:
        same = ClientsideFunction("fsSteering", "sameProp")
        app.clientside_callback(same, Output(target, prop), source, prevent_initial_call=True)

    for prop in _FROM_RACK:
        follow("steer-sweep", prop, Input("steer-rack", prop))
    follow("steer-sweep", "request", Input("steer-request", "data"))
    follow("steer-traits", "request", Input("steer-request", "data"))
    follow("steer-set", "request", Input("steer-request", "data"))
    follow("steer-traits", "saes", Input("steer-rack", "saes"))
    follow("steer-traits", "interventions", Input("steer-rack", "interventions"))
    _register_code(app, "steer-sweep", "/api/sweep")
    _register_code(app, "steer-traits", "/api/traits")
    _register_code(app, "steer-set", "/api/steer/set")

    @app.callback(
        Output("steer-sweep", "most_cells"),
        Output("steer-traits", "most_prompts"),
        Input("steer-query", "data"),
    )
    async def limits(query: dict[str, str]) -> tuple[int, int]:
        allowed = (await api.capabilities()).limits
        return allowed.sweep_cells, allowed.trait_prompts


def _register_code(app: Dash, component: str, path: str) -> None:
    @app.callback(
        Output(component, "code"),
        Input(component, "body"),
        State("frame-location", "href"),
        prevent_initial_call=True,
    )
    async def reproduce(body: dict[str, Any] | None, href: str | None) -> dict[str, str] | None:
        return reproduce_post(href, path, body) if body else None
