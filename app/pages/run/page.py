"""A recorded run, `/r/{run_id}`: exactly what was saved; nothing is computed to show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.base import at
from app.links import origin, reproduce_get, reproduce_post, run_url
from app.pages.run import sets
from app.pages.run.address import at_place, complaints
from app.pages.run.texts import next_table, read_pieces, texts
from app.pages.run.tools import embedded, owner, tools
from app.pages.run.words import TITLES, agreement, endpoint, facts, request_text, when
from app.parts.components import FiringMatrix, MatrixLegend, NextTokens, SteerShift, TokenStrip
from app.parts.controls import address_complaints
from app.parts.matrix import lane_of, view_of
from app.parts.opening import marked
from app.parts.page import FOLLOWED, Page
from app.parts.panel import notice, panel, skeleton
from app.parts.steering import shift_of
from app.parts.still import still
from backend.schemas import (
    InspectRequest,
    InspectResponse,
    ReactivationSetRequest,
    Run,
    SteerRequest,
    SteerResponse,
)
from backend.schemas.prompt_sets import SteerSetRequest

GROUP = "run"


MOST_SAES = 8  # matrices whose view is kept in the address


async def layout(run_id: str, **query: str) -> Component:
    return html.Article(
        [
            dcc.Store(id="run-id", data=run_id),
            dcc.Store(id="run-query", data=query),
            html.Div(skeleton("40%", "70%", "55%"), id="run-page"),
        ]
    )


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("run-page", "children"),
        Input("run-id", "data"),
        State("run-query", "data"),
        State("frame-location", "href"),
    )
    async def show_run(run_id: str, query: dict[str, str], href: str | None) -> Component:
        try:
            run = await api.run(run_id)
        except ApiProblem as problem:
            kept = [
                f"{problem.detail} (request {problem.request_id}). ",
                dcc.Link("Go to the overview.", href=at("/")),
            ]
            return html.Div(notice(f"No run {run_id}", kept, kind="problem"), className="fs-narrow")
        return await _run_page(api, run, query, href)

    @app.callback(
        Output("run-agreement", "children"),
        Input("run-again", "n_clicks"),
        State("run-id", "data"),
        prevent_initial_call=True,
        running=[(Output("run-again", "disabled"), True, False), FOLLOWED],
    )
    async def run_again(n_clicks: int | None, run_id: str) -> Any:
        if not n_clicks:
            return no_update
        run = await api.run(run_id)
        return agreement(run, await repeat(api, run))

    _register_browser(app)


def _register_browser(app: Dash) -> None:
    """What the browser does alone: the matrices' addresses, and what only the owner sees."""
    for i in range(MOST_SAES):
        app.clientside_callback(
            ClientsideFunction("run_address", "address"),
            Output(f"run-address-{i}", "data"),
            *(Input(f"run-matrix-{i}", prop) for prop in ("view", "locked", "source", "pins")),
            State(f"run-matrix-{i}", "id"),
            prevent_initial_call=True,
        )
    app.clientside_callback(
        ClientsideFunction("run_owner", "showOwner"),
        Output("run-page", "title"),
        Input("run-page", "children"),
        State("run-id", "data"),
    )


async def repeat(api: ApiClient, run: Run) -> InspectResponse | SteerResponse | sets.SetResult:
    """The same request on the model that is loaded now; raises ApiProblem."""
    if run.kind == "reactivation_set":
        return await api.reactivation_set(ReactivationSetRequest.model_validate(run.request))
    if run.kind == "steer_set":
        return await api.steer_set(SteerSetRequest.model_validate(run.request))
    if run.kind == "inspect":
        return await api.inspect(InspectRequest.model_validate(run.request))
    return await api.steer(SteerRequest.model_validate(run.request))


async def _run_page(api: ApiClient, run: Run, query: dict[str, str], href: str | None) -> Component:
    code = reproduce_get(href, f"/api/runs/{run.run_id}", {})
    if run.kind == "inspect":
        result: Sequence[Component | None] = _inspected(run, query, code)
    elif run.kind != "steer":
        result = sets.shown(run, code)
    else:
        answer = SteerResponse.model_validate(run.result)
        result = _steered(run, answer, await read_pieces(api, answer), code)
    return html.Div(
        [
            _header(run, href),
            address_complaints(
                complaints(query, len(run.result["firings"]) if run.kind == "inspect" else 0)
            ),
            *result,
            html.Div([_provenance(run, code), _request(run, href)], className="fs-pair"),
            embedded(run),
        ]
    )


def _header(run: Run, href: str | None) -> Component:
    return html.Header(
        [
            html.P(when(run), className="fs-small"),
            html.H1(run.title or TITLES[run.kind]),
            html.P(run.note, className="fs-run-note") if run.note else None,
            tools(run, href),
            owner(run),
        ],
        className="fs-lead fs-run-lead",
    )


def _inspected(run: Run, query: dict[str, str], code: dict[str, str]) -> list[Component]:
    """One firing matrix per SAE that was encoded with."""
    answer = InspectResponse.model_validate(run.result)
    parts: list[Component] = []
    for i, sae_id in enumerate(answer.firings):
        group = f"{GROUP}-{i}"
        info = {k: v.model_dump() for k, v in answer.feature_info.get(sae_id, {}).items()}
        lane = lane_of(run.request["prompt"], sae_id, answer)
        asked = at_place(query, i)
        pins = [pin for pin in asked.get("pins", "").split(",") if pin]
        shown = {
            "locked": asked.get("at"),
            "source": asked.get("source"),
            "pins": pins,
            "view": view_of(asked),
        }
        matrix = FiringMatrix(
            f"run-matrix-{i}", group=group, prompts=[lane], info=info, sae_id=sae_id, **shown
        )
        parts += [
            panel(
                f"Firings, {sae_id}",
                [MatrixLegend(f"run-legend-{i}"), matrix, dcc.Store(id=f"run-address-{i}")],
                badge="recorded",
                reproduce=code,
                class_name="fs-run-matrix",
            ),
            panel(
                "What comes next",
                NextTokens(f"run-next-{i}", group=group),
                badge="recorded",
                reproduce=code,
            ),
        ]
    return [html.Div(parts, className="fs-run-inspect")]


def _steered(
    run: Run, answer: SteerResponse, pieces: Mapping[int, str], code: dict[str, str]
) -> list[Component | None]:
    tokens = marked(answer.tokens, answer.prefix_length)
    locked = str(answer.applied_positions[-1]) if answer.applied_positions else None
    prompt = panel(
        "The prompt and where it was edited",
        TokenStrip("run-tokens", tokens=tokens, locked=locked, label="prompt"),
        badge="recorded",
        reproduce=code,
        note=answer.sentence,
    )
    return [
        prompt,
        html.Div(
            [
                panel("The texts", texts(run, answer, pieces), badge="recorded", reproduce=code),
                panel(
                    "The next token",
                    SteerShift("run-shift", result=shift_of(answer)),
                    badge="recorded",
                    reproduce=code,
                ),
            ],
            className="fs-pair",
        ),
        _every_arm(answer, code) if answer.controls else None,
    ]


def _every_arm(answer: SteerResponse, code: dict[str, str]) -> Component:
    return panel(
        "The next token, in every arm",
        still(next_table(answer)),
        badge="recorded",
        reproduce=code,
        exports={"table": "run-arms-next"},
        note="Probability right after the prompt, most probable in any arm first; <: not among "
        "the 20 that it lists.",
    )


def _provenance(run: Run, code: dict[str, str]) -> Component:
    rows = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts(run)]
    return panel(
        "Provenance", html.Dl(rows, className="fs-facts-list"), badge="recorded", reproduce=code
    )


def _request(run: Run, href: str | None) -> Component:
    link = origin(href) + run_url(run.run_id)
    return panel(
        "Request",
        html.Pre(request_text(run), className="fs-code fs-code--tall"),
        badge="recorded",
        reproduce=reproduce_post(href, endpoint(run), run.request),
        note=f"The body that was sent to {endpoint(run)}, defaults filled in. This page: {link}",
    )


PAGE = Page("/r/<run_id>", "Recorded run", layout, register)
