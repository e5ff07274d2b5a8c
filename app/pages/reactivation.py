"""Reactivation, `/reactivation`: one or two prompts, and which features fire again where along them.

Address (non-default values only): `prompt`, `second`, `sae`, `at` (locked position: `7`, `b7` in the
second prompt, `none`), `pins` (`sae_id:feature_index`, comma-separated), `order`, `locked`,
`function_only`, `density` (per cent), `find`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.components import FeaturePins, FiringCompare, FiringMatrix, MatrixLegend, NextTokens, PromptBox, RunLink
from app.frame import Page, panel
from app.links import reproduce_post
from backend import schemas as wire

GROUP = "reactivation"
NEXT_TOKENS = 10


async def layout(**query: str) -> Component:
    """The page, empty; `open_page` fills it from the query and what the server can do."""
    return html.Article(
        [
            html.Header(
                [
                    html.H1("Which features fire again, and at which tokens?"),
                    html.P(
                        "The hypothesis: function tokens (thick underline) reactivate the features that the "
                        "context before them switched on. A ring is a feature's first firing, a disc a later one."
                    ),
                ],
                className="fs-live-lead",
            ),
            _prompts(),
            html.Div([_matrix(), _side()], className="fs-live-main"),
            panel(
                "Which features fire here, and in which prompt",
                FiringCompare("reactivation-compare", group=GROUP, target="reactivation-matrix"),
                badge="live",
            ),
            dcc.Store(id="reactivation-query", data=query),
            dcc.Store(id="reactivation-defaults"),
            dcc.Store(id="reactivation-run"),
            dcc.Store(id="reactivation-address"),
        ],
        className="fs-live-page",
        id="reactivation-page",
    )


def _prompts() -> Component:
    boxes = [
        PromptBox("reactivation-prompt", label="Prompt A", placeholder="Type a prompt; a newline counts."),
        PromptBox("reactivation-second", label="Prompt B, lined up with A", placeholder="Leave empty for one prompt."),
    ]
    tools = [
        dmc.Select(id="reactivation-sae", label="SAE", data=[], allowDeselect=False, w=260),
        html.Button(["Run ", html.Kbd("Ctrl ↵")], id="reactivation-go", type="button", className="fs-go"),
        html.Button("Built-in pair", id="reactivation-pair", type="button", className="fs-button"),
        RunLink("reactivation-save", label="Save as a run"),
    ]
    return html.Section(
        [html.Div(boxes, className="fs-prompts"), html.Div(tools, className="fs-live-tools")],
        className="fs-panel fs-live-prompts",
    )


def _matrix() -> Component:
    return panel(
        "Firings, feature by position",
        html.Div(
            [MatrixLegend("reactivation-legend"), FiringMatrix("reactivation-matrix", group=GROUP, prompts=[], info={})]
        ),
        id="reactivation-firings",
        badge="live",
        class_name="fs-live-matrix",
    )


def _side() -> Component:
    return html.Div(
        [
            panel("Next token", NextTokens("reactivation-next", group=GROUP), badge="live"),
            panel(
                "Pinned features",
                FeaturePins("reactivation-pins", group=GROUP, target="reactivation-matrix"),
                badge="live",
            ),
        ],
        className="fs-live-side",
    )


def register(app: Dash, api: ApiClient) -> None:
    _register_open(app, api)
    _register_tokenize(app, api)
    _register_inspect(app, api)
    _register_save(app, api)
    _register_browser(app)


def default_sae(capabilities: wire.Capabilities) -> str | None:
    """The SAE of the first demonstration when it is live, so that pins can be steered with; else the first live one."""
    live = [sae.sae_id for sae in capabilities.saes if sae.live]
    shown = [demo.sae_id for demo in capabilities.demonstrations if demo.sae_id in live]
    return next(iter([*shown, *live]), None)


def _register_open(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("reactivation-prompt", "value"),
        Output("reactivation-second", "value"),
        Output("reactivation-sae", "data"),
        Output("reactivation-sae", "value"),
        Output("reactivation-matrix", "locked"),
        Output("reactivation-matrix", "pins"),
        Output("reactivation-matrix", "view"),
        Output("reactivation-defaults", "data"),
        Output("reactivation-run", "data"),
        Input("reactivation-query", "data"),
    )
    async def open_page(query: dict[str, str]) -> tuple[Any, ...]:
        capabilities = await api.capabilities()
        pair = [*capabilities.prompts, capabilities.default_prompt, ""][:2]
        defaults = {
            "prompt": pair[0],
            "second": pair[1] if len(capabilities.prompts) > 1 else "",
            "sae": default_sae(capabilities),
        }
        typed = "prompt" in query or "second" in query
        prompt = query.get("prompt", "") if typed else defaults["prompt"]
        second = query.get("second", "") if typed else defaults["second"]
        options = [
            {"value": sae.sae_id, "label": f"layer {sae.layer} · {sae.sae_id}"} for sae in capabilities.saes if sae.live
        ]
        pins = [pin for pin in query.get("pins", "").split(",") if pin]
        sae_id = query.get("sae", defaults["sae"])
        return prompt, second, options, sae_id, query.get("at"), pins, view_of(query), defaults, {"opened": True}


def view_of(query: dict[str, str]) -> dict[str, Any]:
    """The matrix's order and filters from the query; what cannot be read is left at its default."""
    density = query.get("density", "")
    return {
        "order": query.get("order", "first"),
        "locked": query.get("locked") == "1",
        "only_function": query.get("function_only") == "1",
        "density": float(density) if density.replace(".", "", 1).isdigit() else None,
        "find": query.get("find", ""),
    }


def _register_tokenize(app: Dash, api: ApiClient) -> None:
    for box in ("reactivation-prompt", "reactivation-second"):

        @app.callback(Output(box, "tokens"), Output(box, "problem"), Input(box, "value"), prevent_initial_call=True)
        async def tokenize(value: str | None) -> tuple[Any, Any]:
            if not value:
                return [], None
            try:
                answer = await api.tokenize(wire.TokenizeRequest(prompt=value))
            except ApiProblem as problem:
                return [], f"{problem.title}: {problem.detail}"
            return [token.model_dump() for token in answer.tokens], None


def _register_inspect(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("reactivation-matrix", "prompts"),
        Output("reactivation-matrix", "info"),
        Output("reactivation-matrix", "sae_id"),
        Output("reactivation-firings-curl", "children"),
        Output("reactivation-firings-python", "children"),
        Output("reactivation-save", "runs", allow_duplicate=True),
        Input("reactivation-run", "data"),
        Input("reactivation-go", "n_clicks"),
        Input("reactivation-prompt", "n_submit"),
        Input("reactivation-second", "n_submit"),
        Input("reactivation-sae", "value"),
        State("reactivation-prompt", "value"),
        State("reactivation-second", "value"),
        State("frame-location", "href"),
        prevent_initial_call=True,
        running=[(Output("reactivation-matrix", "busy"), True, False)],
    )
    async def inspect(_run: Any, _n: Any, _a: Any, _b: Any, sae_id: str | None, *state: str | None) -> tuple[Any, ...]:
        first, second, href = state
        prompts = [text for text in (first, second) if text]
        if not prompts:
            raise ApiProblem(422, "Nothing to run", "both prompts are empty: type at least one character into prompt A")
        if sae_id is None:
            raise ApiProblem(503, "No live SAE", "this server has no model loaded: start it with a preset that has one")
        requests = [inspect_request(text, sae_id) for text in prompts]
        answers = await asyncio.gather(*(api.inspect(request) for request in requests))
        lanes = [lane_of(text, sae_id, answer) for text, answer in zip(prompts, answers, strict=True)]
        info = {k: v.model_dump() for answer in answers for k, v in answer.feature_info.get(sae_id, {}).items()}
        code = reproduce_post(href, "/api/inspect", requests[0].model_dump(mode="json"))
        return lanes, info, sae_id, code["curl"], code["python"], None


def inspect_request(prompt: str, sae_id: str) -> wire.InspectRequest:
    return wire.InspectRequest(prompt=prompt, sae_ids=[sae_id], next_tokens=NEXT_TOKENS)


def lane_of(prompt: str, sae_id: str, answer: wire.InspectResponse) -> dict[str, Any]:
    """One prompt as FiringMatrix takes it: next tokens and splits by position."""
    following: dict[int, list[dict[str, Any]]] = {}
    for token in answer.next_tokens:
        following.setdefault(token.position, []).append(token.model_dump())
    return {
        "prompt": prompt,
        "tokens": [token.model_dump() for token in answer.tokens],
        "firings": answer.firings[sae_id].model_dump(),
        "next": following,
        "splits": {split.position: split.model_dump() for split in answer.splits.get(sae_id, [])},
    }


def _register_save(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("reactivation-save", "runs"),
        Input("reactivation-save", "n_clicks"),
        State("reactivation-matrix", "prompts"),
        State("reactivation-matrix", "sae_id"),
        prevent_initial_call=True,
        running=[(Output("reactivation-save", "busy"), True, False)],
    )
    async def save(n_clicks: int | None, prompts: list[dict[str, Any]], sae_id: str | None) -> Any:
        """One run per prompt, A first."""
        if not n_clicks or not prompts or sae_id is None:
            return no_update
        requests = [inspect_request(lane["prompt"], sae_id) for lane in prompts]
        runs = [await api.record(wire.InspectRun(kind="inspect", request=request)) for request in requests]
        return [run.model_dump() for run in runs]


def _register_browser(app: Dash) -> None:
    """What the browser does alone: the address bar, and putting the built-in pair back."""
    app.clientside_callback(
        ClientsideFunction("functionscope", "reactivationAddress"),
        Output("reactivation-address", "data"),
        Input("reactivation-matrix", "prompts"),
        Input("reactivation-matrix", "sae_id"),
        Input("reactivation-matrix", "locked"),
        Input("reactivation-matrix", "pins"),
        Input("reactivation-matrix", "view"),
        State("reactivation-defaults", "data"),
        State("reactivation-prompt", "value"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("functionscope", "builtInPair"),
        Output("reactivation-prompt", "value", allow_duplicate=True),
        Output("reactivation-second", "value", allow_duplicate=True),
        Output("reactivation-run", "data", allow_duplicate=True),
        Input("reactivation-pair", "n_clicks"),
        State("reactivation-defaults", "data"),
        prevent_initial_call=True,
    )


PAGE = Page("/reactivation", "Reactivation", layout, register, key="r", icon="reactivation")
