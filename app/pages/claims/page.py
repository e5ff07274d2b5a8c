"""Claims, `/claims`: each statement with our number, its control,
and the verdict that a stated rule gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.base import at
from app.links import reproduce_get
from app.pages.claims import traits
from app.pages.claims.builds import builds_panel
from app.pages.claims.card import claim_card
from app.pages.claims.experiments import experiment_panels
from app.parts.controls import address_complaints, not_known
from app.parts.estimates import MARKS
from app.parts.page import Page
from app.parts.panel import notice, panel, skeleton
from app.parts.still import still
from backend.schemas import Claim, ExperimentList

ALL = "all"
RENAMED = {"not testable": "not tested"}  # what older links call it


async def layout(**query: str) -> Component:
    chosen = query.get("verdict", ALL).replace("-", " ")
    chosen = RENAMED.get(chosen, chosen)
    known = chosen in (ALL, *MARKS)
    complaints = not_known(query, ("verdict",))
    if not known:
        allowed = ", ".join((ALL, *MARKS))
        complaints.append(f"verdict: got {chosen!r}, allowed are {allowed}; showing all")
    return html.Article(
        [
            html.Header(
                [
                    html.H1("Claims", className="fs-visually-hidden"),
                    html.P(skeleton("80%", "50%"), id="claims-headline", className="fs-headline"),
                ],
                className="fs-lead",
            ),
            address_complaints(complaints),
            html.Div(
                [_filter(chosen if known else ALL), _legend()],
                className="fs-controls fs-claims__bar",
            ),
            html.Div(skeleton("100%", "90%", "95%"), id="claims-list", className="fs-claims"),
            html.Div(skeleton("100%", "90%"), id="claims-builds"),
            html.Div(id="claims-experiments", className="fs-claims"),
            dcc.Store(id="claims-shown"),
        ]
    )


def _filter(chosen: str) -> Component:
    control = dmc.SegmentedControl(
        id="claims-verdict",
        value=chosen.replace(" ", "-"),
        data=[{"value": name.replace(" ", "-"), "label": name} for name in (ALL, *MARKS)],
        **{"aria-label": "show claims by verdict"},
    )
    shown = [html.Span("show", className="fs-control__label"), control]
    return html.Div(shown, **{"data-fs-setting": "verdict"})


def _legend() -> Component:
    keys = (
        ("value", "our number"),
        ("interval", "its 95 % interval"),
        ("control", "the control"),
        ("region", "where the rule supports the claim"),
    )
    return html.Ul(
        [
            html.Li([html.Span(className=f"fs-axis__key fs-axis__{name}"), words])
            for name, words in keys
        ],
        className="fs-claims__legend",
    )


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("claims-list", "children"),
        Output("claims-headline", "children"),
        Input("claims-verdict", "id"),
        State("frame-location", "href"),
    )
    async def show_claims(_: str, href: str | None) -> tuple[Any, Any]:
        try:
            claims = (await api.claims()).claims
        except ApiProblem as problem:
            return notice(problem.title, problem.detail, kind="problem"), ""
        code = reproduce_get(href, "/api/claims", {})
        titles = dict.fromkeys(claim.group for claim in claims)
        groups = [
            claim_group(title, [claim for claim in claims if claim.group == title], code)
            for title in titles
        ]
        return still(groups), headline(claims)

    _register_beside(app, api)
    app.clientside_callback(
        ClientsideFunction("fsClaims", "show"),
        Output("claims-shown", "data"),
        Input("claims-verdict", "value"),
        Input("claims-list", "children"),
    )


def _register_beside(app: Dash, api: ApiClient) -> None:
    """What stands below the cards."""

    @app.callback(
        Output("claims-builds", "children"),
        Input("claims-verdict", "id"),
        State("frame-location", "href"),
    )
    async def show_builds(_: str, href: str | None) -> Any:
        try:
            claims, judged = (await api.claims()).claims, (await api.judged_builds()).builds
        except ApiProblem as problem:
            return notice(problem.title, problem.detail, kind="problem")
        if not judged:
            return None
        return still([builds_panel(claims, judged, reproduce_get(href, "/api/claims/builds", {}))])

    @app.callback(
        Output("claims-experiments", "children"),
        Input("claims-verdict", "id"),
        State("frame-location", "href"),
    )
    async def show_experiments(_: str, href: str | None) -> Any:
        try:
            found = await api.experiments()
        except ApiProblem as problem:
            return notice("No experiments on prompts beside this build", problem.detail)
        panels = experiment_panels(found, reproduce_get(href, "/api/experiments", {}))
        return still([*panels, *await _traits(api, found, href)])


async def _traits(api: ApiClient, found: ExperimentList, href: str | None) -> list[Component]:
    """The panel of demonstrations, where they were judged beside this build."""
    judged = next((one for one in found.experiments if one.name == traits.NAME), None)
    if judged is None:
        return []
    path = f"/api/experiments/{judged.name}/answers"
    answers = (await api.experiment_answers(judged.name)).answers
    made = traits.traits_panel(judged, answers, reproduce_get(href, path, {}))
    return [made] if made is not None else []


def claim_group(title: str, claims: Sequence[Claim], code: dict[str, str]) -> Component:
    """A panel of cards; where nothing was tested for one reason, that stands before them."""
    cards: Component = html.Ul([claim_card(claim) for claim in claims])
    lacking = {claim.reason.rstrip(".") for claim in claims}
    untested = all(claim.verdict == "not tested" for claim in claims)
    if untested and len(lacking) == 1 and len(claims) > 2:
        said = f"None of these {len(claims)} was tested: {lacking.pop()}."
        cards = html.Div([html.P(said), html.Details([html.Summary("the claims"), cards])])
    return panel(title, cards, reproduce=code, class_name="fs-claims__group")


def headline(claims: Sequence[Claim]) -> list[Component | str]:
    """How many of each verdict."""
    found = Counter(claim.verdict for claim in claims)
    return [
        f"Of {len(claims)} statements, ",
        html.Strong(f"{found['supported']} hold"),
        " on this build, ",
        html.Strong(f"{found['not supported']} do not"),
        f", {found['inconclusive']} are inconclusive (tested, and the interval holds the "
        f"threshold), and {found['not tested']} were not tested. Each verdict follows from a "
        "stated rule and the number, with its interval where it is an estimate; none is typed in. ",
        html.Span(
            [
                "Take them along: ",
                html.A("CSV", href=at("/api/claims?format=csv"), download=""),
                ", ",
                html.A("BibTeX", href=at("/api/claims?format=bib"), download=""),
                ".",
            ],
            className="fs-small",
        ),
    ]


PAGE = Page("/claims", "Claims", layout, register, key="l", icon="claims")
