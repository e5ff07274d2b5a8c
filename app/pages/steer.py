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
from app.pages import steer_state
from backend import schemas as wire

FOUND = 12  # features listed by the search
UNKNOWN_STRENGTH = 10.0  # when no build says how strongly a feature fires


async def layout(**query: str) -> Component:
    """The page, empty; `open_page` fills it from the query and what the server can do."""
    return html.Article(
        [
            html.Header(
                [
                    html.H1("Change one feature at one token. Does the answer follow?"),
                    html.P(
                        "Plug a feature in under a token: by default the last function token, where the paper does it. "
                        "First the next token shifts, then the texts; the controls say what any such push would have done."
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
    return panel("The next token", SteerShift("steer-shift"), id="steer-effect", badge="live", class_name="fs-steer-shift")


def _number(name: str, label: str, **bounds: Any) -> Component:
    return dmc.NumberInput(id=f"steer-{name}", label=label, w=104, debounce=200, clampBehavior="strict", **bounds)


def _texts() -> Component:
    controls = html.Div(
        [
            _number("tokens", "New tokens", min=1, allowDecimal=False),
            _number("temperature", "Temperature", min=0, step=0.1),
            _number("samples", "Texts per arm", min=1, allowDecimal=False),
            _number("seed", "Seed", min=0, allowDecimal=False),
            dmc.Switch(id="steer-controls", label="controls"),
            dmc.Switch(id="steer-auto", label="write as I change things", checked=True),
            RunLink("steer-save", label="Save as a run"),
        ],
        className="fs-live-tools",
    )
    stream = SteerStream("steer-stream", auto=True, endpoint="/api/steer/stream", cancel="/api/steer/cancel")
    return panel("The texts", html.Div([controls, stream]), badge="live")


def register(app: Dash, api: ApiClient) -> None:
    _register_open(app, api)
    _register_tokens(app, api)
    _register_features(app, api)
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
        first = [steer_state.of_demonstration(shown[0], "d0")] if shown else []
        prompt, interventions = (shown[0].prompt if shown else can.default_prompt), first
        defaults = {
            "prompt": prompt,
            "features": steer_state.text_of(first),
            "settings": steer_state.settings({}, can.limits),
            "demonstrations": [
                {"prompt": demo.prompt, "intervention": steer_state.of_demonstration(demo, f"d{i}")}
                for i, demo in enumerate(shown)
            ],
        }
        try:
            chosen = steer_state.settings(query, can.limits)
            if "prompt" in query or "f" in query:
                written = steer_state.parse(query.get("f", ""))
                prompt, interventions = query.get("prompt", prompt), await _plugged(api, written)
        except steer_state.BadAddress as error:
            raise ApiProblem(422, "The address cannot be opened", str(error)) from error
        saes = [sae.model_dump(include={"sae_id", "layer", "d_sae"}) for sae in can.saes if sae.live]
        limits = {"interventions": can.limits.interventions, "value": can.limits.value}
        numbers = [chosen[name] for name in ("generated", "tokens", "temperature", "samples", "seed", "controls")]
        buttons = [html.Span("Demonstrations"), *(_demo_button(i, demo) for i, demo in enumerate(shown))] if shown else []
        return prompt, saes, _steering_sae(can), limits, interventions, *numbers, buttons, defaults


async def _plugged(api: ApiClient, written: list[steer_state.Written]) -> list[dict[str, Any]]:
    """Interventions of an address; those without a strength get the feature's 99.9th percentile."""
    plugged = []
    for number, item in enumerate(written):
        strength = item.value if item.value is not None else await _typical_strength(api, item.sae_id, item.feature_index)
        plugged.append(steer_state.as_prop(item, f"u{number}", strength))
    return plugged


async def _typical_strength(api: ApiClient, sae_id: str, feature_index: int) -> float:
    try:
        known = (await api.feature(sae_id, feature_index)).act_q999
    except ApiProblem:  # no build, or one without this SAE: the page says so at the card
        known = None
    return float(f"{known:.3g}") if known else UNKNOWN_STRENGTH


def _steering_sae(can: wire.Capabilities) -> str | None:
    """The SAE that the search begins with: the first demonstration's, else the first meant for steering."""
    live = {sae.sae_id: sae for sae in can.saes if sae.live}
    order = [demo.sae_id for demo in can.demonstrations] + [s for s, sae in live.items() if sae.use != "browse"] + list(live)
    return next((sae_id for sae_id in order if sae_id in live), None)


def _demo_button(index: int, demo: wire.Demonstration) -> Component:
    return html.Button(
        demo.title, id={"type": "steer-demo", "index": index}, type="button", className="fs-button", title=demo.note
    )


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


def feature_note(row: wire.FeatureRow) -> dict[str, Any]:
    """What the rack shows of a feature."""
    return {
        "sae_id": row.sae_id,
        "feature_index": row.feature_index,
        "words": [token.text for token in row.top_tokens[:4]],
        "promoted": [token.text for token in row.promoted_tokens[:5]],
        "act_q999": row.act_q999,
    }


def _register_features(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("steer-rack", "results"),
        Output("steer-rack", "results_for"),
        Output("steer-rack", "search_note"),
        Input("steer-rack", "query"),
        prevent_initial_call=True,
    )
    async def search(query: dict[str, str]) -> tuple[Any, ...]:
        sae_id, text = query["sae_id"], query["text"]
        asked = f"{sae_id}:{text}"
        if not text:
            return [], asked, None
        try:
            found = await api.features(sae_id, q=text.removeprefix(f"{sae_id}:"), limit=FOUND)
        except ApiProblem as problem:
            return [], asked, problem.detail
        return [feature_note(row) for row in found.features], asked, None

    @app.callback(
        Output("steer-rack", "info"),
        Input("steer-rack", "interventions"),
        State("steer-rack", "info"),
        prevent_initial_call=True,
    )
    async def describe(interventions: list[dict[str, Any]], info: dict[str, Any]) -> Any:
        keys = {f"{it['sae_id']}:{it['feature_index']}": it for it in interventions}
        missing = {key: it for key, it in keys.items() if key not in info}
        if not missing:
            return no_update
        for key, it in missing.items():
            try:
                info[key] = feature_note(await api.feature(it["sae_id"], it["feature_index"]))
            except ApiProblem as problem:
                info[key] = {"problem": problem.detail}
        return info


def _register_shift(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("steer-shift", "result"),
        Output("steer-shift", "problem"),
        Output("steer-effect-curl", "children"),
        Output("steer-effect-python", "children"),
        Input("steer-request", "data"),
        State("frame-location", "href"),
        prevent_initial_call=True,
        running=[(Output("steer-shift", "busy"), True, False)],
    )
    async def shift(body: dict[str, Any] | None, href: str | None) -> tuple[Any, ...]:
        if body is None:
            return None, None, "", ""
        code = reproduce_post(href, "/api/steer", body)
        quick = body | {"max_new_tokens": 0, "samples": 1, "temperature": 0.0, "controls": False}
        try:
            answer = await api.steer(wire.SteerRequest.model_validate(quick))
        except ApiProblem as problem:
            return None, f"{problem.title}: {problem.detail}", code["curl"], code["python"]
        except ValidationError as error:
            return None, f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}", "", ""
        shown = answer.model_dump(include={"kl", "sentence", "applied_positions"})
        arms = {name: {"next_tokens": [n.model_dump() for n in arm.next_tokens]} for name, arm in
                (("baseline", answer.baseline), ("steered", answer.steered))}
        return shown | arms, None, code["curl"], code["python"]


def _register_save(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("steer-save", "run"),
        Input("steer-save", "n_clicks"),
        State("steer-request", "data"),
        prevent_initial_call=True,
        running=[(Output("steer-save", "busy"), True, False)],
    )
    async def save(n_clicks: int | None, body: dict[str, Any] | None) -> Any:
        if not n_clicks or body is None:
            return no_update
        request = wire.SteerRequest.model_validate(body)
        return (await api.record(wire.SteerRun(kind="steer", request=request))).model_dump()


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

    def here(function: str, *parts: Any, **options: Any) -> None:
        app.clientside_callback(ClientsideFunction("functionscope", function), *parts, prevent_initial_call=True, **options)

    here("steerRequest", Output("steer-request", "data"), *_REQUEST_PARTS)
    here("sameProp", Output("steer-stream", "request"), Input("steer-request", "data"))
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
