"""A recorded run, `/r/{run_id}`: exactly what was saved; nothing is computed to show it."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.components import FiringMatrix, MatrixLegend, NextTokens, SteerShift, TokenStrip
from app.frame import FOLLOWED, Page, notice, panel, skeleton
from app.links import origin, reproduce_get, reproduce_post, run_url
from app.pages.reactivation import lane_of
from app.pages.run_tools import embedded, owner, tools
from app.pages.run_words import ARM_TITLES, agreement, facts, nats, request_text, when
from app.pages.steer import shift_of
from backend.schemas import (
    Arm,
    InspectRequest,
    InspectResponse,
    Run,
    SteerRequest,
    SteerResponse,
)

GROUP = "run"


async def layout(run_id: str, **_: str) -> Component:
    return html.Article(
        [
            dcc.Store(id="run-id", data=run_id),
            html.Div(skeleton("40%", "70%", "55%"), id="run-page"),
        ]
    )


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("run-page", "children"),
        Input("run-id", "data"),
        State("frame-location", "href"),
    )
    async def show_run(run_id: str, href: str | None) -> Component:
        try:
            run = await api.run(run_id)
        except ApiProblem as problem:
            kept = [f"{problem.detail} (request {problem.request_id}). ", dcc.Link("Go to the overview.", href="/")]
            return html.Div(notice(f"No run {run_id}", kept, kind="problem"), className="fs-narrow")
        return _run_page(run, href)

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

    app.clientside_callback(
        ClientsideFunction("run_owner", "showOwner"),
        Output("run-page", "title"),
        Input("run-page", "children"),
        State("run-id", "data"),
    )


async def repeat(api: ApiClient, run: Run) -> InspectResponse | SteerResponse:
    """The same request on the model that is loaded now; raises ApiProblem."""
    if run.kind == "inspect":
        return await api.inspect(InspectRequest.model_validate(run.request))
    return await api.steer(SteerRequest.model_validate(run.request))


def _run_page(run: Run, href: str | None) -> Component:
    result = _inspected(run) if run.kind == "inspect" else _steered(run)
    return html.Div(
        [
            _header(run, href),
            *result,
            html.Div([_provenance(run, href), _request(run, href)], className="fs-pair"),
            embedded(run),
        ]
    )


def _header(run: Run, href: str | None) -> Component:
    return html.Header(
        [
            html.P(when(run), className="fs-small"),
            html.H1(run.title or ("A recorded prompt" if run.kind == "inspect" else "A recorded steering")),
            html.P(run.note, className="fs-run-note") if run.note else None,
            tools(run, href),
            owner(run),
        ],
        className="fs-lead fs-run-lead",
    )


def _inspected(run: Run) -> list[Component]:
    """One firing matrix per SAE that was encoded with."""
    answer = InspectResponse.model_validate(run.result)
    parts: list[Component] = []
    for i, sae_id in enumerate(answer.firings):
        group = f"{GROUP}-{i}"
        info = {k: v.model_dump() for k, v in answer.feature_info.get(sae_id, {}).items()}
        lane = lane_of(run.request["prompt"], sae_id, answer)
        matrix = FiringMatrix(f"run-matrix-{i}", group=group, prompts=[lane], info=info, sae_id=sae_id, pins=[])
        parts += [
            panel(
                f"Firings, {sae_id}",
                [MatrixLegend(f"run-legend-{i}"), matrix],
                badge="recorded",
                class_name="fs-run-matrix",
            ),
            panel("What comes next", NextTokens(f"run-next-{i}", group=group), badge="recorded"),
        ]
    return [html.Div(parts, className="fs-run-inspect")]


def _steered(run: Run) -> list[Component]:
    answer = SteerResponse.model_validate(run.result)
    tokens = [token.model_dump() for token in answer.tokens]
    locked = str(answer.applied_positions[-1]) if answer.applied_positions else None
    prompt = panel(
        "The prompt and where it was edited",
        TokenStrip("run-tokens", tokens=tokens, locked=locked, label="prompt"),
        badge="recorded",
        note=answer.sentence,
    )
    arms = {"baseline": answer.baseline, "steered": answer.steered, **answer.controls}
    texts = html.Div([_arm(name, arm) for name, arm in arms.items()], className="fs-run-arms")
    return [
        prompt,
        html.Div(
            [
                panel("The texts", texts, badge="recorded"),
                panel("The next token", SteerShift("run-shift", result=shift_of(answer)), badge="recorded"),
            ],
            className="fs-pair",
        ),
    ]


def _arm(name: str, arm: Arm) -> Component:
    kl = html.Span(f"KL {nats(arm.kl)} nats", className="fs-small fs-num", title="KL(this arm ‖ baseline), next token")
    title = [html.Strong(ARM_TITLES.get(name, name)), kl if name != "baseline" else None]
    texts = [html.P(text or "(ended at once)", className="fs-run-arm__text") for text in arm.texts]
    sentence = html.P(arm.sentence, className="fs-small")
    return html.Section([html.Header(title), sentence, *texts], className=f"fs-run-arm fs-run-arm--{name}")


def _provenance(run: Run, href: str | None) -> Component:
    rows = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts(run)]
    code = reproduce_get(href, f"/api/runs/{run.run_id}", {})
    return panel("Provenance", html.Dl(rows, className="fs-facts-list"), badge="recorded", reproduce=code)


def _request(run: Run, href: str | None) -> Component:
    link = origin(href) + run_url(run.run_id)
    return panel(
        "Request",
        html.Pre(request_text(run), className="fs-code fs-code--tall"),
        badge="recorded",
        reproduce=reproduce_post(href, f"/api/{run.kind}", run.request),
        note=f"The body that was sent to /api/{run.kind}, defaults filled in. This page: {link}",
    )


PAGE = Page("/r/<run_id>", "Recorded run", layout, register)
