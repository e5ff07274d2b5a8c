"""Steering, `/steer`: plug features into a prompt's tokens and see what the model says instead.

Address (non-default values only): `prompt`, `f` (see steer_state), `generated`, `tokens`,
`temperature`, `samples`, `seed`, `controls` (0 = without).
"""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component
from pydantic import ValidationError

from app.api import ApiClient, ApiProblem
from app.components import InterventionRack, PromptBox, RunLink, SteerShift, SteerStream
from app.frame import Page, panel
from app.links import reproduce_post
from app.pages import steer_features, steer_state
from backend import schemas as wire


async def layout(**query: str) -> Component:
    """The page, empty; `open_page` fills it from the query and what the server can do."""
    return html.Article(
        [
            html.Header(
                [
                    html.H1("Change one feature at one token. Does the answer follow?"),
                    html.P(
                        "Plug a feature in under a token: by default the last function token, where the paper does it. "
                        "The next token shifts, then the texts; the controls say what any such push would do."
                    ),
                ],
                className="fs-live-lead",
            ),
            html.Div([html.Div([_recipe(), _texts()], className="fs-steer-left"), _shift()], className="fs-steer-main"),
            dcc.Store(id="steer-query", data=query),
            dcc.Store(id="steer-defaults"),
            dcc.Store(id="steer-request"),
            dcc.Store(id="steer-address"),
        ],
        className="fs-live-page fs-steer",
        id="steer-page",
    )


def _recipe() -> Component:
    return html.Section(
        [
            html.Div(id="steer-demonstrations", className="fs-demos"),
            PromptBox("steer-prompt", label="Prompt", placeholder="Type a prompt; a newline counts."),
            InterventionRack("steer-rack", tokens=[], interventions=[], saes=[], info={}),
        ],
        className="fs-panel fs-steer-recipe",
    )


def _shift() -> Component:
    return panel(
        "The next token", SteerShift("steer-shift"), id="steer-effect", badge="live", class_name="fs-steer-shift"
    )


def _number(name: str, label: str, **bounds: Any) -> Component:
    return dmc.NumberInput(
        id=f"steer-{name}", label=label, w=98, size="xs", debounce=200, clampBehavior="strict", **bounds
    )


def _texts() -> Component:
    controls = html.Div(
        [
            _number("tokens", "New tokens", min=1, allowDecimal=False),
            _number("temperature", "Temperature", min=0, step=0.1),
            _number("samples", "Texts per arm", min=1, allowDecimal=False),
            _number("seed", "Seed", min=0, allowDecimal=False),
            dmc.Switch(id="steer-controls", label="controls", size="sm"),
            dmc.Switch(id="steer-auto", label="write as I change things", size="sm", checked=True),
            RunLink("steer-save", label="Save as a run"),
        ],
        className="fs-live-tools",
    )
    stream = SteerStream("steer-stream", auto=True, endpoint="/api/steer/stream", cancel="/api/steer/cancel")
    return panel("The texts", html.Div([controls, stream]), badge="live", class_name="fs-steer-texts")


def register(app: Dash, api: ApiClient) -> None:
    _register_open(app, api)
    _register_tokens(app, api)
    steer_features.register(app, api)
    _register_shift(app, api)
    _register_save(app, api)
    _register_browser(app)


_OPENED = (
    Output("steer-prompt", "value"),
    Output("steer-rack", "saes"),
    Output("steer-rack", "default_sae"),
    Output("steer-rack", "limits"),
    Output("steer-rack", "interventions"),
    Output("steer-rack", "include_generated"),
    Output("steer-tokens", "value"),
    Output("steer-temperature", "value"),
    Output("steer-samples", "value"),
    Output("steer-seed", "value"),
    Output("steer-controls", "checked"),
    Output("steer-demonstrations", "children"),
    Output("steer-defaults", "data"),
)


def _register_open(app: Dash, api: ApiClient) -> None:
    @app.callback(*_OPENED, Input("steer-query", "data"))
    async def open_page(query: dict[str, str]) -> tuple[Any, ...]:
        can = await api.capabilities()
        shown = [demo for demo in can.demonstrations if any(s.live and s.sae_id == demo.sae_id for s in can.saes)]
        defaults = defaults_of(can, shown)
        prompt, interventions = defaults["prompt"], [demo["intervention"] for demo in defaults["demonstrations"][:1]]
        try:
            chosen = steer_state.settings(query, can.limits)
            if "prompt" in query or "f" in query:
                written = steer_state.parse(query.get("f", ""))
                prompt, interventions = query.get("prompt", prompt), await steer_features.plugged(api, written)
        except steer_state.BadAddress as error:
            raise ApiProblem(422, "The address cannot be opened", str(error)) from error
        saes = [sae.model_dump(include={"sae_id", "layer", "d_sae"}) for sae in can.saes if sae.live]
        limits = can.limits.model_dump(include={"interventions", "value"})
        numbers = [chosen[name] for name in ("generated", "tokens", "temperature", "samples", "seed", "controls")]
        buttons = _demo_buttons(shown)
        return prompt, saes, _steering_sae(can), limits, interventions, *numbers, buttons, defaults


def defaults_of(can: wire.Capabilities, shown: list[wire.Demonstration]) -> dict[str, Any]:
    """What the page holds when its address says nothing: the first demonstration, or the bare default prompt."""
    demonstrations: list[dict[str, Any]] = [
        {"prompt": demo.prompt, "intervention": steer_state.of_demonstration(demo, f"d{i}")}
        for i, demo in enumerate(shown)
    ]
    first = demonstrations[:1]
    return {
        "prompt": first[0]["prompt"] if first else can.default_prompt,
        "features": steer_state.text_of([demo["intervention"] for demo in first]),
        "settings": steer_state.settings({}, can.limits),
        "demonstrations": demonstrations,
    }


def _steering_sae(can: wire.Capabilities) -> str | None:
    """The SAE that the search begins with: the first demonstration's, else the first meant for steering."""
    live = {sae.sae_id: sae for sae in can.saes if sae.live}
    meant = [sae_id for sae_id, sae in live.items() if sae.use != "browse"]
    order = [demo.sae_id for demo in can.demonstrations] + meant + list(live)
    return next((sae_id for sae_id in order if sae_id in live), None)


def _demo_buttons(shown: list[wire.Demonstration]) -> list[Component]:
    buttons = [
        html.Button(
            demo.title, id={"type": "steer-demo", "index": i}, type="button", className="fs-button", title=demo.note
        )
        for i, demo in enumerate(shown)
    ]
    return [html.Span("Demonstrations"), *buttons] if buttons else []


def _register_tokens(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("steer-rack", "tokens"),
        Output("steer-rack", "last_function"),
        Output("steer-prompt", "tokens"),
        Output("steer-prompt", "problem"),
        Input("steer-prompt", "value"),
        prevent_initial_call=True,
    )
    async def tokenize(value: str | None) -> tuple[Any, ...]:
        if not value:
            return [], None, [], None
        try:
            answer = await api.tokenize(wire.TokenizeRequest(prompt=value))
        except ApiProblem as problem:
            return [], None, [], f"{problem.title}: {problem.detail}"
        tokens = [token.model_dump() for token in answer.tokens]
        return tokens, answer.last_function, tokens, None


def _register_shift(app: Dash, api: ApiClient) -> None:
    """The next token first; the texts follow once the server has accepted the recipe."""

    @app.callback(
        Output("steer-shift", "result"),
        Output("steer-shift", "problem"),
        Output("steer-stream", "request"),
        Output("steer-effect-curl", "children"),
        Output("steer-effect-python", "children"),
        Output("steer-save", "runs", allow_duplicate=True),
        Input("steer-request", "data"),
        State("frame-location", "href"),
        prevent_initial_call=True,
        running=[(Output("steer-shift", "busy"), True, False)],
    )
    async def shift(body: dict[str, Any] | None, href: str | None) -> tuple[Any, ...]:
        if body is None:
            return None, None, None, "", "", None
        code = reproduce_post(href, "/api/steer", body)
        quick = body | {"max_new_tokens": 0, "samples": 1, "temperature": 0.0, "controls": False}
        try:
            answer = await api.steer(wire.SteerRequest.model_validate(quick))
        except ApiProblem as problem:
            return None, f"{problem.title}: {problem.detail}", None, code["curl"], code["python"], None
        except ValidationError as error:
            first = error.errors()[0]
            return None, f"{'.'.join(map(str, first['loc']))}: {first['msg']}", None, "", "", None
        return shift_of(answer), None, body, code["curl"], code["python"], None


def shift_of(answer: wire.SteerResponse) -> dict[str, Any]:
    """What SteerShift shows of an answer."""
    arms = {"baseline": answer.baseline, "steered": answer.steered}
    shown = {name: {"next_tokens": [n.model_dump() for n in arm.next_tokens]} for name, arm in arms.items()}
    return {**shown, "kl": answer.kl, "sentence": answer.sentence, "applied_positions": answer.applied_positions}


def _register_save(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("steer-save", "runs"),
        Input("steer-save", "n_clicks"),
        State("steer-request", "data"),
        prevent_initial_call=True,
        running=[(Output("steer-save", "busy"), True, False)],
    )
    async def save(n_clicks: int | None, body: dict[str, Any] | None) -> Any:
        if not n_clicks or body is None:
            return no_update
        request = wire.SteerRequest.model_validate(body)
        return [(await api.record(wire.SteerRun(kind="steer", request=request))).model_dump()]


_REQUEST_PARTS = (
    Input("steer-prompt", "value"),
    Input("steer-rack", "interventions"),
    Input("steer-rack", "include_generated"),
    Input("steer-tokens", "value"),
    Input("steer-temperature", "value"),
    Input("steer-samples", "value"),
    Input("steer-seed", "value"),
    Input("steer-controls", "checked"),
)


def _register_browser(app: Dash) -> None:
    """What the browser does alone: composing the request, the address bar, demonstrations."""

    def here(function: str, *parts: Any) -> None:
        app.clientside_callback(ClientsideFunction("functionscope", function), *parts, prevent_initial_call=True)

    here("steerRequest", Output("steer-request", "data"), *_REQUEST_PARTS)
    here("needsTemperature", Output("steer-samples", "disabled"), Input("steer-temperature", "value"))
    here("sameProp", Output("steer-stream", "auto"), Input("steer-auto", "checked"))
    here(
        "steerAddress",
        Output("steer-address", "data"),
        Input("steer-request", "data"),
        Input("steer-rack", "interventions"),
        State("steer-defaults", "data"),
    )
    here(
        "steerDemonstration",
        Output("steer-prompt", "value", allow_duplicate=True),
        Output("steer-rack", "interventions", allow_duplicate=True),
        Output("steer-rack", "include_generated", allow_duplicate=True),
        Input({"type": "steer-demo", "index": ALL}, "n_clicks"),
        State("steer-defaults", "data"),
    )


PAGE = Page("/steer", "Steering", layout, register, key="s", icon="steering")
