"""The list of presets in the card of the model: those that are ready here, each a link to the same
page of it; and how the others are made ready.
"""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from app.base import inside
from backend.schemas.presets import PresetChoice

# pages whose addresses name what other models do not have -> where their subject is looked for
ELSEWHERE = {"token": "/token", "feature": "/features", "r": "/"}

PROMPTED = ("/reactivation", "/steer")  # static/js/frame/presets.js takes the prompt along


def preset_list(
    presets: Sequence[PresetChoice], current: str | None, pathname: str | None
) -> Component | None:
    """`current`: the preset of this page, whose whole path is `pathname`. None where there is
    nothing to choose.
    """
    ready = [one for one in presets if not one.remedy]
    others = [one for one in presets if one.remedy]
    if len(presets) < 2:
        return None
    page = same_page(inside(pathname))
    rows = [html.Li(_row(one, page, here=one.name == current)) for one in ready]
    listed = html.Ul(rows, className="fs-presets", **{"aria-label": "Presets ready here"})
    title = "The same prompt under" if page in PROMPTED else "Presets ready here"
    return html.Div([html.H2(title), listed, *_not_ready(others)])


def same_page(path: str) -> str:
    """The page of another preset, without settings: its SAEs, tokens and features are others."""
    first = path.strip("/").split("/")[0]
    return ELSEWHERE.get(first, f"/{first}")


def _row(one: PresetChoice, page: str, *, here: bool) -> Component:
    mark = {"aria-current": "true"} if here else {}
    said = [
        html.Strong(one.title),
        html.Code(one.name),
        html.Span(one.words, className="fs-presets__words"),
    ]
    return html.A(said, href=one.base + page, className="fs-preset", **mark)


def _not_ready(others: Sequence[PresetChoice]) -> list[Component]:
    if not others:
        return []
    rows = [html.Li([html.Strong(one.title), html.Code(one.remedy)]) for one in others]
    told = f"{len(others)} more are known and not ready here"
    return [
        html.Details(
            [html.Summary(told), html.Ul(rows, className="fs-presets")],
            className="fs-small fs-presets-more",
        )
    ]
