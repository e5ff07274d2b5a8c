"""Steering, `/steer`: plug features into a prompt's tokens and see what the model says instead.

Address (non-default values only): `prompt`, `prefix`, `turns` (see app/parts/prompts/conversation),
`stop`, `f` (see steer_state), `generated`, `freeze`, `chat`, `tokens`, `temperature`, `samples`,
`seed`, `controls` (0 = without); of the sections below, see steer_sections.
"""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient
from app.pages.steer import browser, rates, tokens
from app.pages.steer import code as steer_code
from app.pages.steer import features as steer_features
from app.pages.steer import sections as steer_sections
from app.pages.steer import state as steer_state
from app.parts import steering
from app.parts.components import (
    InterventionRack,
    PrefixBox,
    PromptBox,
    RunLink,
    SteerShift,
    SteerStream,
)
from app.parts.controls import address_complaints, not_known
from app.parts.opening import in_memory, live_demonstrations, named_sae
from app.parts.page import FOLLOWED, Page
from app.parts.panel import panel
from app.parts.prompts.conversation import ALLOWED, ConversationBox, read_turns
from backend import schemas as wire


async def layout(**query: str) -> Component:
    """The page, empty; `open_page` fills it from the query and what the server can do."""
    return html.Article(
        [
            html.Header(
                [
                    html.H1("Change one feature at one token. Does the answer follow?"),
                    html.P(
                        "Plug a feature in under a token: by default the last function token, "
                        "where the paper does it. The next token shifts, then the texts; the "
                        "controls say what any such push would do."
                    ),
                ],
                className="fs-live-lead",
            ),
            html.Div(id="steer-complaints"),
            html.Div(
                [html.Div([_recipe(), _texts()], className="fs-steer-left"), _shift()],
                className="fs-steer-main",
            ),
            *steer_sections.layout(),
            dcc.Store(id="steer-query", data=query),
            *(
                dcc.Store(id=f"steer-{name}")
                for name in ("defaults", "request", "subjects", "address")
            ),
        ],
        className="fs-live-page fs-steer",
        id="steer-page",
    )


def _recipe() -> Component:
    return html.Section(
        [
            html.Div(id="steer-demonstrations", className="fs-demos"),
            PrefixBox("steer-prefix", stop=[]),
            ConversationBox("steer-talk"),
            PromptBox(
                "steer-prompt", label="Prompt", placeholder="Type a prompt; a newline counts."
            ),
            InterventionRack(
                "steer-rack", tokens=[], interventions=[], saes=[], info={}, strengths={}
            ),
        ],
        className="fs-panel fs-steer-recipe",
    )


def _shift() -> Component:
    shift = SteerShift("steer-shift", endpoint="/api/steer", busy=True)
    return panel(
        "The next token", shift, id="steer-effect", badge="live", class_name="fs-steer-shift"
    )


def _number(name: str, label: str, **bounds: Any) -> Component:
    return dmc.NumberInput(
        id=f"steer-{name}",
        label=label,
        w=98,
        size="xs",
        debounce=200,
        clampBehavior="strict",
        **bounds,
    )


def _texts() -> Component:
    numbers = html.Div(
        [
            _number("tokens", "New tokens", min=1, allowDecimal=False),
            _number("samples", "Sampled texts", min=0, allowDecimal=False),
            _number("temperature", "Temperature", min=0, step=0.1),
            _number("seed", "Seed", min=0, allowDecimal=False),
            dmc.Switch(id="steer-controls", label="controls", size="sm"),
            dmc.Switch(id="steer-auto", label="write as I change things", size="sm", checked=True),
        ],
        className="fs-live-tools",
    )
    words = html.Summary(
        html.Span(id="steer-settings-words"), title="length, samples, seed, controls"
    )
    settings = html.Details([words, numbers], className="fs-steer-settings", id="steer-settings")
    stream = SteerStream(
        "steer-stream", auto=True, endpoint="/api/steer/stream", cancel="/api/steer/cancel"
    )
    tools = [settings, RunLink("steer-save", label="Save as a run", title=steer_state.RECORDED)]
    parts = [html.Div(tools, className="fs-texts-tools"), stream]
    return panel("The texts", parts, id="steer-written", badge="live", class_name="fs-steer-texts")


def register(app: Dash, api: ApiClient) -> None:
    _register_open(app, api)
    tokens.register(app, api)
    rates.register(app, api)
    steer_features.register(app, api)
    steer_sections.register(app, api)
    steer_code.register(app)
    _register_save(app, api)
    browser.register(app)


_TEXTS = ("prompt", "prefix", "stop", "turns", "f")
_OPENED = (
    Output("steer-prompt", "value"),
    Output("steer-prefix", "value"),
    Output("steer-prefix", "stop"),
    Output("steer-talk", "turns"),
    Output("steer-rack", "saes"),
    Output("steer-rack", "default_sae"),
    Output("steer-rack", "limits"),
    Output("steer-rack", "last_layer"),
    Output("steer-rack", "has_chat"),
    Output("steer-rack", "interventions"),
    Output("steer-rack", "include_generated"),
    Output("steer-rack", "freeze_attention"),
    Output("steer-rack", "chat"),
    Output("steer-tokens", "value"),
    Output("steer-temperature", "value"),
    Output("steer-samples", "value"),
    Output("steer-seed", "value"),
    Output("steer-controls", "checked"),
    Output("steer-demonstrations", "children"),
    Output("steer-shift", "model"),
    Output("steer-sweep", "settings"),
    Output("steer-traits", "settings"),
    Output("steer-set", "settings"),
    Output("steer-defaults", "data"),
    Output("steer-complaints", "children"),
)


def _register_open(app: Dash, api: ApiClient) -> None:
    waits = (Output("steer-shift", "busy"), True, False)

    @app.callback(*_OPENED, Input("steer-query", "data"), running=[waits, FOLLOWED])
    async def open_page(query: dict[str, str]) -> tuple[Any, ...]:
        can = await in_memory(api)
        shown = live_demonstrations(can)
        defaults = defaults_of(can, shown)
        query, said, written, chosen = await _readable(api, query, can, defaults)
        *before, interventions = written
        fingerprint = can.model_info.fingerprint if can.model_info else None
        said += not_known(query, {*_TEXTS, *chosen, *steer_sections.NAMES})
        sections = steer_sections.opened(query)
        rack = (*_of_server(can), interventions)
        lower = (rates.demo_buttons(shown), fingerprint, *sections)
        return *before, *rack, *chosen.values(), *lower, defaults, address_complaints(said)


async def _readable(
    api: ApiClient, query: dict[str, str], can: wire.Capabilities, defaults: dict[str, Any]
) -> tuple[dict[str, str], list[str], tuple[Any, ...], dict[str, Any]]:
    """What of an address can be read, what is said of the rest; texts and settings without that."""
    said: list[str] = []
    while True:
        try:
            chosen = steer_state.settings(query, can.limits, chat=chats(can))
            return query, said, await _written(api, query, defaults), chosen
        except steering.BadAddress as error:
            said.append(f"{error}; showing the page without it")
            query = {name: value for name, value in query.items() if name != error.name}


async def _written(
    api: ApiClient, query: dict[str, str], defaults: dict[str, Any]
) -> tuple[str, str, list[str], list[dict[str, str]], list[dict[str, Any]]]:
    """(prompt, prefix, stops, turns, interventions) of an address. BadAddress where it cannot be
    read.
    """
    prefix = query.get("prefix", defaults["prefix"])
    stop = steering.read_stops(query.get("stop", defaults["stop"]))
    turns = read_turns(query.get("turns", ""))
    if turns is None:
        raise steering.BadAddress("turns", f"got {query['turns']!r}, allowed {ALLOWED}")
    if "prompt" not in query and "f" not in query:
        first = [demo["intervention"] for demo in defaults["demonstrations"][:1]]
        return defaults["prompt"], prefix, stop, turns, first
    plugged = await steer_features.plugged(api, steering.parse(query.get("f", "")))
    return query.get("prompt", defaults["prompt"]), prefix, stop, turns, plugged


def _of_server(can: wire.Capabilities) -> tuple[Any, ...]:
    """What the rack knows of the server: SAEs, where its search begins, limits, model."""
    saes = [sae.model_dump(include={"sae_id", "layer", "d_sae"}) for sae in can.saes if sae.live]
    limits = can.limits.model_dump(include={"interventions", "value"})
    model = can.model_info
    known = (model.n_layers - 1, model.chat) if model else (None, False)
    return saes, _steering_sae(can), limits, *known


def defaults_of(can: wire.Capabilities, shown: list[wire.Demonstration]) -> dict[str, Any]:
    """What the page holds when its address says nothing:
    the first demonstration, or the bare default prompt.
    """
    demonstrations: list[dict[str, Any]] = [
        {
            "prompt": demo.prompt,
            "prefix": demo.prefix,
            "stop": steering.written_stops(demo.stop),
            "intervention": steer_state.of_demonstration(demo, f"d{i}"),
        }
        for i, demo in enumerate(shown)
    ]
    first = demonstrations[:1]
    return {
        **(_bare(can) if not first else {name: first[0][name] for name in _BARE}),
        "features": steering.text_of([demo["intervention"] for demo in first]),
        "settings": steer_state.settings({}, can.limits, chat=chats(can)),
        "demonstrations": demonstrations,
        "sweep": steer_sections.SWEEP,
        "traits": steer_sections.TRAITS,
        "set": steer_sections.SET,
    }


def chats(can: wire.Capabilities) -> bool:
    """Whether the preset's prompts are a user's turns."""
    return can.opening.chat and bool(can.model_info and can.model_info.chat)


_BARE = ("prompt", "prefix", "stop")


def _bare(can: wire.Capabilities) -> dict[str, Any]:
    """What is written where there is no demonstration: the preset's own prompt."""
    opening = can.opening
    stop = steering.written_stops(opening.stop)
    return {
        "prompt": opening.steer or can.default_prompt,
        "prefix": opening.prefix,
        "stop": stop,
    }


def _steering_sae(can: wire.Capabilities) -> str | None:
    """What the search begins with: the preset's choice, a demonstration's, one to steer with."""
    live = {sae.sae_id: sae for sae in can.saes if sae.live}
    meant = [sae_id for sae_id, sae in live.items() if sae.use != "browse"]
    order = [named_sae("steer", can), *(d.sae_id for d in can.demonstrations), *meant, *live]
    return next((sae_id for sae_id in order if sae_id in live), None)


def _register_save(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("steer-save", "runs"),
        Input("steer-save", "n_clicks"),
        State("steer-request", "data"),
        prevent_initial_call=True,
        running=[(Output("steer-save", "busy"), True, False), FOLLOWED],
    )
    async def save(n_clicks: int | None, body: dict[str, Any] | None) -> Any:
        if not n_clicks or body is None:
            return no_update
        requests = [wire.SteerRequest.model_validate(one) for one in steer_state.passes(body)]
        runs = [await api.record(wire.SteerRun(kind="steer", request=one)) for one in requests]
        names = ["greedy", "sampled"] if len(runs) > 1 else [""]
        return [run.model_dump() | {"holds": name} for run, name in zip(runs, names, strict=True)]


PAGE = Page("/steer", "Steering", layout, register, key="s", icon="steering")
