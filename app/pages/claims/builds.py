"""The same claims by the same rules on every build that is ready here: a column a build."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from app.pages.claims.card import quantity, span_words
from app.parts.estimates import MARKS
from app.parts.panel import panel
from app.parts.shared_rows import table, value_of
from backend.schemas import Claim
from backend.schemas.browse.claims import ClaimOfBuild, JudgedBuild

NOTE = (
    "Each claim on each build that is ready on this machine, by the same rule: ✓ supported, "
    "✕ not supported, ≈ inconclusive (tested, and the interval holds the threshold), – not tested. "
    "A statement leads to its card, which says more of the build that is served."
)


def builds_panel(
    claims: Sequence[Claim], builds: Sequence[JudgedBuild], code: dict[str, str]
) -> Component:
    """Rows as on the page above; the build being served comes first."""
    found = [{one.id: one for one in build.claims} for build in builds]
    body = [
        html.Tr([_statement(claim), *(_cell(claim, of_one.get(claim.id)) for of_one in found)])
        for claim in claims
    ]
    heads = [
        html.Th(
            [build.model, html.Small(build.identity[:8])],
            scope="col",
            title=f"{build.build}, preset {build.preset}, build {build.identity}",
        )
        for build in builds
    ]
    head = html.Thead(html.Tr([html.Th("claim", scope="col"), *heads]))
    return panel(
        "Every claim, every build here",
        html.Div(
            table("claims by build", head, body, "fs-rows--builds"),
            id="claims-builds-table",
            className="fs-rows-box",
        ),
        id="claims-builds-panel",
        note=NOTE,
        reproduce=code,
        exports={"table": "claims-builds-table"},
    )


def _statement(claim: Claim) -> Component:
    return html.Th(html.A(claim.statement, href=f"#claims-{claim.id}"), scope="row")


def _cell(claim: Claim, found: ClaimOfBuild | None) -> Component:
    if found is None or found.value is None:
        said = f"not tested: {found.reason}" if found else "not tested"
        return html.Td(
            [_mark("not tested"), html.Small("not tested")], title=said, **value_of(None)
        )
    told = span_words(found.interval, claim.unit)
    words = f"{found.verdict}; {told or 'counted'}; n = {found.n:,} {found.n_unit}; {found.source}"
    return html.Td(
        [_mark(found.verdict), html.Small(quantity(found.value, claim.unit))],
        title=words,
        **value_of(found.value),
    )


def _mark(verdict: str) -> Component:
    name = verdict.replace(" ", "-")
    return html.Span(
        [
            html.Span(MARKS[verdict], **{"aria-hidden": "true"}),
            html.Span(verdict, className="fs-visually-hidden"),
        ],
        className=f"fs-claim-mark fs-claim-mark--{name}",
    )
