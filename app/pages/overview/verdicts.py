"""What came out on the build being served, in plain words: the verdicts of the claims that have
some.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.base import at
from app.parts.estimates import MARKS
from app.parts.panel import notice, skeleton
from app.parts.still import still
from backend.schemas import Claim


def section() -> Component:
    """Filled when the claims have been judged."""
    return html.Section(
        [
            html.H2("What came out", id="overview-verdicts-title"),
            html.Div(skeleton("95%", "85%", "90%", "95%", "80%", "90%"), id="overview-verdicts"),
        ],
        className="fs-came-out",
        **{"aria-labelledby": "overview-verdicts-title"},
    )


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("overview-verdicts", "children"),
        Output("overview-verdicts-title", "children"),
        Input("overview-verdicts-title", "id"),
    )
    async def show_verdicts(_: str) -> tuple[Any, str]:
        try:
            claims = (await api.claims()).claims
        except ApiProblem as problem:
            return notice(problem.title, problem.detail, kind="problem"), "What came out"
        model = (await api.capabilities()).model
        return still([_told(claims)]), f"What came out on {model}"


def _told(claims: Sequence[Claim]) -> Component:
    told = [claim for claim in claims if claim.plain]
    if not told:
        return html.P("Nothing was tested on this build yet.", className="fs-small")
    items = [
        html.Li(
            [
                html.Span(
                    [
                        html.Span(MARKS[claim.verdict], **{"aria-hidden": "true"}),
                        html.Span(f"{claim.verdict}: ", className="fs-visually-hidden"),
                    ],
                    className=f"fs-claim-mark fs-claim-mark--{claim.verdict.replace(' ', '-')}",
                    title=claim.verdict,
                ),
                dcc.Link(claim.plain, href=at(f"/claims#claims-{claim.id}")),
            ]
        )
        for claim in told
    ]
    tested = sum(claim.verdict != "not tested" for claim in claims)
    more = [
        "The paper’s claim: ✓ holds here, ✕ does not, ≈ cannot be told. ",
        dcc.Link(f"All {tested} that were tested", href=at("/claims")),
        f", of {len(claims)}.",
    ]
    return html.Div([html.Ul(items), html.P(more, className="fs-small")])
