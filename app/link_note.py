"""Notes above a page: what does not work;
and of a link that was made on another build, what differs.

Copied links carry `b=1-1f3a9c02`: the form of this product's links, and the first digits of the
build's identity. The address bar does not: what is looked at is always the build that is served.
"""

from __future__ import annotations

import re

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.links import parsed_query
from backend.schemas import BuildComparison, Health

PARAMETER = "b"
FORM = 1  # of links: raised when an old link would be read differently
_VALUE = re.compile(r"(?:(\d{1,4})-)?([0-9a-f]{6,16})")


def place() -> Component:
    """Where the note stands: above the page."""
    return html.Div(
        [html.Div(id="frame-health-note"), html.Div(id="frame-link-note")], className="fs-link-note"
    )


def health_note(health: Health) -> Component | None:
    """What does not work, each with its file and its remedy;
    None when all does, or no model was asked for.
    """
    said = [
        reason
        for reason in health.why
        if not (health.live == "absent" and reason.startswith("No live model"))
    ]
    if not said:
        return None
    if len(said) == 1:
        return _note(said[0])
    return html.Details(
        [html.Summary(f"{len(said)} parts do not work as they should"), *map(html.P, said)],
        open=True,
    )


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(Output("frame-link-note", "children"), Input("frame-location", "search"))
    async def explain_link(search: str | None) -> Component | None:
        made = read_mark(parsed_query(search).get(PARAMETER))
        if made is None:
            return None
        form, identity = made
        if form > FORM:
            return _note(
                "This link was made by a newer FunctionScope; a control that is unknown here is "
                "left out."
            )
        try:
            compared = await api.compare_build(identity)
        except ApiProblem as problem:
            return _note(
                f"This link was made on build {identity}, which cannot be compared: "
                f"{problem.detail}"
            )
        return None if compared.same else _explained(compared)


def read_mark(value: str | None) -> tuple[int, str] | None:
    """`1-1f3a9c02` -> (1, "1f3a9c02"); None for anything else."""
    found = _VALUE.fullmatch(value or "")
    return (int(found[1] or FORM), found[2]) if found else None


def _explained(compared: BuildComparison) -> Component:
    said = (
        f"This link was made on another build ({compared.identity}): its numbers may differ "
        "from what is shown here."
    )
    if not compared.known:
        return _note(
            f"{said} This server has never served that build, so it cannot say what differs."
        )
    rows = [
        html.Tr([html.Td(d.name), html.Td(d.there or "–"), html.Td(d.here or "–")])
        for d in compared.differences
    ]
    head = html.Thead(html.Tr([html.Th(name) for name in ("", "when the link was made", "here")]))
    return _note(
        f"{said} {len(rows)} entries of its provenance differ.",
        html.Table([head, html.Tbody(rows)]),
    )


def _note(sentence: str, table: Component | None = None) -> Component:
    if table is None:
        return html.Details([html.Summary(sentence)], open=True)
    return html.Details([html.Summary(sentence), table])
