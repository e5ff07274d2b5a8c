"""Panels with where their numbers come from; designed nothings and waiting states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from dash import html
from dash.development.base_component import Component

Badge = Literal["precomputed", "recorded", "live"]
Children: TypeAlias = Component | str | Sequence[Component | str | None] | None
BADGES: dict[Badge, str] = {
    "precomputed": "Read from the build: counted over its corpus beforehand.",
    "recorded": "Read from a recorded run: nothing was computed for this view.",
    "live": "Computed by the loaded model for this view.",
}


def panel(
    title: Children,
    children: Children,
    *,
    id: str | None = None,
    badge: Badge = "precomputed",
    reproduce: dict[str, str] | None = None,
    exports: dict[str, str] | None = None,
    note: Children = None,
    class_name: str = "",
) -> Component:
    """A titled part of a page, saying where its numbers come from and how to get them again.

    `reproduce` maps "curl", "python", "sql" to code that runs as it stands. With an `id`, the
    drawer is there even while empty, and callbacks fill `{id}-curl`, `{id}-python` (children) and
    `{id}-note`. `exports` maps "csv" to a grid's id, "table" to that of an element with HTML tables
    (static/js/frame/tables.js), "data", "png" and "svg" to a graph's id, "every" and "parquet" to
    addresses of /api/export, which callbacks change as `{id}-every` and `{id}-parquet` (href).
    """
    if badge not in BADGES:
        raise ValueError(f"badge: got {badge!r}, allowed are {', '.join(BADGES)}")
    tools = [html.Span(badge, className=f"fs-badge fs-badge--{badge}", title=BADGES[badge])]
    if exports:
        tools.append(_export_menu(exports, id))
    if reproduce is not None or id is not None:
        tools.append(_reproduce_drawer(reproduce or {"curl": "", "python": ""}, id))
    header = html.Header(
        [html.H2(title, className="fs-panel__title"), html.Div(tools, className="fs-panel__tools")],
        className="fs-panel__head",
    )
    note_id = {"id": f"{id}-note"} if id else {}
    noted = html.P(note, className="fs-panel__note", **note_id) if note is not None else None
    own_id = {"id": id} if id else {}
    # Dash draws no nested lists
    body: list[Any] = list(children) if isinstance(children, list | tuple) else [children]
    return html.Section(
        [header, noted, *body], className=f"fs-panel {class_name}".strip(), **own_id
    )


def graph_exports(graph: str) -> dict[str, str]:
    """What every figure can be saved as: its numbers, and two pictures."""
    return dict.fromkeys(("data", "png", "svg"), graph)


def _export_menu(exports: dict[str, str], panel_id: str | None) -> Component:
    return html.Details(
        [
            html.Summary("export", className="fs-tool"),
            html.Div(
                [_export(kind, target, panel_id) for kind, target in exports.items()],
                className="fs-pop__body fs-pop__body--row",
            ),
        ],
        className="fs-pop",
    )


# of a table of the build: name, what it holds
_WHOLE = {
    "every": ("CSV, every row", "all ranks, not only those listed"),
    "parquet": ("Parquet", "all rows"),
}
_NAMES = {"table": "CSV", "data": "CSV"}


def _export(kind: str, target: str, panel_id: str | None) -> Component:
    if kind in _WHOLE:
        name, title = _WHOLE[kind]
        own_id = {"id": f"{panel_id}-{kind}"} if panel_id else {}
        return html.A(name, href=target, download="", className="fs-button", title=title, **own_id)
    marks = (
        {"data-fs-table": target}
        if kind == "table"
        else {"data-fs-export": kind, "data-fs-target": target}
    )
    name = _NAMES.get(kind, kind.upper())
    return html.Button(name, type="button", className="fs-button", **marks)


def _reproduce_drawer(code: dict[str, str], panel_id: str | None) -> Component:
    blocks = [
        _code_block(kind, text, f"{panel_id}-{kind}" if panel_id else None)
        for kind, text in code.items()
    ]
    return html.Details(
        [
            html.Summary("reproduce", className="fs-tool"),
            html.Div(blocks, className="fs-pop__body fs-pop__body--code"),
        ],
        className="fs-pop",
    )


def _code_block(kind: str, text: str, code_id: str | None) -> Component:
    """Code with a copy button; without an id, the text itself rides on the button."""
    source = {"data-fs-copy-of": code_id} if code_id else {"data-fs-copy": text}
    own_id = {"id": code_id} if code_id else {}
    names = {"curl": "curl", "python": "Python", "sql": "SQL"}
    head = [
        html.Span(names[kind], className="fs-code__name"),
        html.Button(
            "copy", type="button", className="fs-button", **{"aria-label": f"copy {kind}"}, **source
        ),
    ]
    return html.Div(
        [html.Div(head, className="fs-code__head"), html.Pre(text, className="fs-code", **own_id)]
    )


def notice(
    title: str, detail: Children, *, kind: Literal["empty", "problem"] = "empty"
) -> Component:
    """A designed nothing: what is not here, why, and what to do."""
    role = {"role": "alert"} if kind == "problem" else {}
    return html.Div(
        [html.Strong(title), html.Div(detail, className="fs-notice__detail")],
        className=f"fs-notice fs-notice--{kind}",
        **role,
    )


def skeleton(*widths: str) -> Component:
    """Grey lines of the given CSS widths, where text is on its way."""
    lines = [html.Span(className="fs-skeleton", style={"width": width}) for width in widths]
    return html.Div(lines, className="fs-skeletons", **{"aria-hidden": "true"})
