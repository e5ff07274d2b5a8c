"""Overview, `/`: what the hypothesis says, this build's numbers, where to go,
and a worked example.
"""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.base import at
from app.figures.coverage import LayerCurve, coverage_figure
from app.figures.template import CONFIG, blank
from app.links import reproduce_get, reproduce_post
from app.pages.overview import answer, verdicts
from app.pages.overview.compared import (
    Compared,
    compared_in_build,
    compared_in_statistics,
    opening_setting,
    setting_words,
)
from app.pages.overview.primer import primer
from app.pages.overview.strip import most_firing, not_in_memory, prompt_strip
from app.parts.controls import built_saes
from app.parts.headline import number
from app.parts.opening import opened_sae
from app.parts.page import Page, icon
from app.parts.panel import graph_exports, notice, panel, skeleton
from backend.schemas import Capabilities, CoverageResponse, Sae

CURVE_RANKS = 1000
NOTE = "Share of all active features that the first k tokens by frequency reach."
ENTRIES = (
    (
        "coverage",
        "/coverage",
        "Browse coverage",
        "Which features do the first tokens reach, against which control?",
    ),
    (
        "reactivation",
        "/reactivation",
        "Watch reactivation",
        "Type a prompt: at which tokens do features fire, and fire again?",
    ),
    (
        "steering",
        "/steer",
        "Steer at a token",
        "Toggle a feature at the newline and watch the answer change.",
    ),
    (
        "link",
        "/steer",
        "Send what you see",
        "Save a live result: its link opens exactly that, and runs nothing.",
    ),
)


async def layout(**_: str) -> Component:
    return html.Article(
        [
            dcc.Store(id="overview-asked"),
            html.Div(
                [_thesis(), verdicts.section(), _numbers(), _entries()],
                className="fs-overview__words",
            ),
            html.Div([primer(), _prompt_panel(), _curve_panel()], className="fs-overview__example"),
        ],
        className="fs-overview",
    )


def _thesis() -> Component:
    title = [
        "Do a few ",
        html.Em("function tokens", className="fs-em fs-em--function"),
        " reach almost everything a language model knows?",
    ]
    return html.Header(
        [
            html.H1(title),
            html.P(
                "The hypothesis: tokens such as the full stop, “the” and the newline, which "
                "carry little meaning of their own, reactivate the features of what came before "
                "and so decide what comes next. In training, predicting the content tokens that "
                "follow them is what makes new features grow.",
            ),
            html.P(
                [
                    "Every number here is counted on this build, stands beside its control, and "
                    "can be run again. ",
                    html.A(
                        "arXiv 2510.08203",
                        href="https://arxiv.org/abs/2510.08203v1",
                        target="_blank",
                        rel="noreferrer",
                    ),
                ],
                className="fs-small",
            ),
        ],
        className="fs-thesis",
    )


def _numbers() -> Component:
    return html.Div(skeleton("30%", "80%", "60%"), id="overview-numbers", className="fs-stats")


def _entries() -> Component:
    cards = [
        dcc.Link(
            [icon(name), html.Strong(title), html.Span(text)],
            href=at(href),
            className="fs-entry",
        )
        for name, href, title, text in ENTRIES
    ]
    return html.Nav(cards, className="fs-entries", **{"aria-label": "What to do here"})


def _curve_panel() -> Component:
    graph = dcc.Graph(
        id="overview-curve", figure=blank(None), config=CONFIG, style={"height": "250px"}
    )
    return panel(
        "Coverage by token rank",
        html.Div(
            graph,
            role="img",
            style={"minHeight": "250px"},
            **{"aria-label": "Share of active features by token rank, a line per layer"},
        ),
        id="overview-curve-panel",
        exports=graph_exports("overview-curve"),
        note=NOTE,
    )


def _prompt_panel() -> Component:
    return panel(
        "Features firing along two prompts",
        html.Div(skeleton("100%", "100%", "70%"), id="overview-strips"),
        id="overview-strips-panel",
        badge="live",
        note=[
            "Above each token, the features that fire there: ",
            html.Span(className="fs-key fs-key--new"),
            " for the first time in the prompt, ",
            html.Span(className="fs-key fs-key--again"),
            " again.",
        ],
    )


def register(app: Dash, api: ApiClient) -> None:
    _register_build(app, api)
    _register_prompts(app, api)
    answer.register(app, api)
    verdicts.register(app, api)


def _register_build(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("overview-numbers", "children"),
        Output("overview-curve", "figure"),
        Output("overview-curve-panel-curl", "children"),
        Output("overview-curve-panel-python", "children"),
        Output("overview-curve-panel-note", "children"),
        Input("frame-scheme", "data"),
        State("frame-location", "href"),
    )
    async def show_build(scheme: str | None, href: str | None) -> tuple[Any, ...]:
        capabilities = await api.capabilities()
        saes = built_saes(capabilities)
        if not saes:
            told = notice("No build is being served", (await api.health()).build_detail)
            return told, blank(scheme), "", "", no_update
        middle = opened_sae("overview", capabilities, saes)
        settings = {sae.sae_id: opening_setting(sae, capabilities.build) for sae in saes}
        answers = [
            await api.coverage(sae.sae_id, max_rank=CURVE_RANKS, **settings[sae.sae_id])
            for sae in saes
        ]
        curves = [
            LayerCurve(sae.sae_id, sae.layer, answer, sae is middle)
            for sae, answer in zip(saes, answers, strict=True)
        ]
        cut = (await api.tokens(token_class="function", limit=1)).total
        own = settings[middle.sae_id]
        asked = {"sae_id": middle.sae_id, "max_rank": CURVE_RANKS, **own}
        code = reproduce_get(href, "/api/coverage", asked)
        chosen = answers[saes.index(middle)]
        compared = compared_in_build(chosen) or await _compared(api, middle, own)
        stats = _stats(middle, chosen, cut, compared)
        drawn = coverage_figure(curves, scheme, n_function=cut)
        return stats, drawn, code["curl"], code["python"], NOTE + setting_words(own)


def _register_prompts(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("overview-strips", "children"),
        Output("overview-strips-panel-curl", "children"),
        Output("overview-strips-panel-python", "children"),
        Output("overview-asked", "data"),
        Input("frame-live", "className"),
        State("overview-strips-panel-curl", "children"),
        State("frame-location", "href"),
    )
    async def show_prompts(
        live: str | None, drawn: str | None, href: str | None
    ) -> tuple[Any, Any, Any, Any]:
        if drawn or "--" not in (live or ""):
            # no heartbeat yet, or the strips are drawn already
            return (no_update,) * 4
        capabilities = await api.capabilities()
        if not capabilities.live:
            return notice("No live model, so no strip", capabilities.live_detail), "", "", None
        if capabilities.model_info is None:  # a look at a build is no reason to load its model
            return not_in_memory(capabilities), "", "", None
        return await _strips(api, capabilities, href)


async def _strips(
    api: ApiClient, capabilities: Capabilities, href: str | None
) -> tuple[Any, str, str, Any]:
    """The preset's pair of prompts, inspected at one live SAE, one strip each; the code of the
    first, and what was asked.
    """
    saes = sorted((sae for sae in capabilities.saes if sae.live), key=lambda sae: sae.layer)
    if not saes:
        detail = "The model is live, but this preset has no SAE to read it with."
        return notice("No SAE is loaded", detail), "", "", None
    middle = opened_sae("overview", capabilities, saes)
    requests = answer.requests_of(capabilities, middle)
    try:
        answers = [await api.inspect(request) for request in requests]
    except ApiProblem as problem:
        return notice(problem.title, problem.detail, kind="problem"), "", "", None
    most = most_firing(answers, middle)
    strips = [
        prompt_strip(one, middle, request.prompt, most, place)
        for place, (one, request) in enumerate(zip(answers, requests, strict=True))
    ]
    asked = [request.model_dump(exclude_none=True) for request in requests]
    code = reproduce_post(href, "/api/inspect", asked[0])
    return strips, code["curl"], code["python"], asked


async def _compared(api: ApiClient, sae: Sae, own: dict[str, Any]) -> Compared | None:
    """The comparison at this setting from the statistics; None where there are none."""
    try:
        told = await api.statistics(sae.sae_id, **own)
    except ApiProblem:
        return None
    return compared_in_statistics(told.equal_occurrence)


def _stats(
    sae: Sae, answer: CoverageResponse, n_function: int, compared: Compared | None
) -> list[Component]:
    """The claim, its control, and the two counts behind them; each opens the coverage page."""
    figures: list[tuple[Component, str]] = []
    if compared is not None:
        n = f"{compared.occurrences:,} occurrences"
        share = number(compared.coverage, compared.interval, n)
        whose = "most frequent token" if compared.k == 1 else f"{compared.k} most frequent tokens"
        figures.append((share, f"of layer {sae.layer}’s active features: the {whose}"))
        if compared.control is not None:
            control = number(compared.control, compared.control_interval, n)
            figures.append((control, "as many occurrences of content tokens, the control"))
    figures.append((html.Strong(f"{n_function:,}"), "function tokens at this build’s cut"))
    figures.append(
        (
            html.Strong(f"{answer.n_active:,}"),
            f"of layer {sae.layer}’s {answer.d_sae:,} features fire at all",
        )
    )
    return [_stat(value, words, "/coverage") for value, words in figures]


def _stat(value: Component, words: str, link: str) -> Component:
    return dcc.Link(
        [html.Span(value, className="fs-stat__value"), html.Span(words)],
        href=at(link),
        className="fs-stat",
    )


PAGE = Page("/", "Overview", layout, register, key="o", icon="overview")
