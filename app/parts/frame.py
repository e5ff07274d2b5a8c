"""What all pages share: the shell around them, panels, token chips, empty and waiting states."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import dash_mantine_components as dmc
from dash import Dash, Output, dcc, html
from dash.development.base_component import Component

from app.api import ApiClient
from app.link_note import place
from app.theme import MANTINE

Badge = Literal["precomputed", "recorded", "live"]
Children: TypeAlias = Component | str | Sequence[Component | str | None] | None

BADGES: dict[Badge, str] = {
    "precomputed": "Read from the build: counted over its corpus beforehand.",
    "recorded": "Read from a recorded run: nothing was computed for this view.",
    "live": "Computed by the loaded model for this view.",
}
# for the `running` of a callback that waits at the model: meanwhile the top bar follows its place
# in the queue
FOLLOWED = (Output("frame-heartbeat", "interval"), 500, 15_000)
SHORTCUTS = (
    (("?",), "this help"),
    (("/",), "focus the prompt or the search of a page"),
    (("y",), "copy the link to exactly this"),
    (("t",), "light or dark"),
    (("←", "→"), "walk along tokens, or to the next feature"),
    (("f", "F"), "next, previous function token"),
    (("↑", "↓"), "walk along features"),
    (("p",), "pin the feature; on Steering, plug it in at the token (P: there too)"),
    (("x",), "on Steering: switch the feature off or on"),
    (("Esc",), "unlock, stop, close"),
)


@dataclass(frozen=True)
class Page:
    """One page: where it is, how the rail shows it
    (`key` after g; None = not in the rail), what draws it.

    `layout` gets the path's variables and the query as keyword arguments, all strings, and must
    accept names that it does not know. `path` may hold <name> segments.
    """

    path: str
    title: str
    layout: Callable[..., Awaitable[Component]]
    register: Callable[[Dash, ApiClient], None]
    key: str | None = None
    icon: str = ""


def icon(name: str) -> Component:
    """Inline icon, drawn by static/frame.css in the colour of the text around it."""
    return html.Span(className=f"fs-icon fs-icon--{name}", **{"aria-hidden": "true"})


def token_chip(text: str, token_class: str, token_id: int, *, inline: bool = False) -> Component:
    """The product's one token: visible spaces and newlines, class by underline and by colour.

    `token_class` is "function", "content" or "special"; other values raise ValueError. `inline`
    drops the box, for a token inside a sentence.
    """
    if token_class not in ("function", "content", "special"):
        raise ValueError(
            f"token_class: got {token_class!r}, allowed are function, content, special"
        )
    classes = f"fs-token fs-token--{token_class}" + (" fs-token--inline" if inline else "")
    escaped = text.encode("unicode_escape").decode().replace('"', '\\"')
    return html.Span(
        visible(text), className=classes, title=f'"{escaped}" · id {token_id} · {token_class}'
    )


def visible(text: str) -> str:
    """`text` with `·` for a leading space, `↵` for newlines, `⇥` for tabs;
    what cannot be printed is escaped.

    An empty text shows as `∅`.
    """
    if not text:
        return "∅"
    shown = "·" + text[1:] if text[0] == " " else text
    return "".join(
        _MARKS.get(sign) or (sign if sign.isprintable() else f"\\u{ord(sign):04x}")
        for sign in shown
    )


_MARKS = {"\n": "↵", "\t": "⇥", "\r": "␍", "\ufffd": "\ufffd"}


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
    (static/js/frame/tables.js), "png" and "svg" to a graph's id, "parquet" to an address of
    /api/export.
    """
    if badge not in BADGES:
        raise ValueError(f"badge: got {badge!r}, allowed are {', '.join(BADGES)}")
    tools = [html.Span(badge, className=f"fs-badge fs-badge--{badge}", title=BADGES[badge])]
    if exports:
        tools.append(_export_menu(exports))
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


def _export_menu(exports: dict[str, str]) -> Component:
    return html.Details(
        [
            html.Summary("export", className="fs-tool"),
            html.Div(
                [_export(*one) for one in exports.items()],
                className="fs-pop__body fs-pop__body--row",
            ),
        ],
        className="fs-pop",
    )


def _export(kind: str, target: str) -> Component:
    if kind == "parquet":
        return html.A(
            "Parquet",
            href=target,
            download="",
            className="fs-button",
            title="the whole table of the build",
        )
    name = "CSV" if kind == "table" else kind.upper()
    marks = (
        {"data-fs-table": target}
        if kind == "table"
        else {"data-fs-export": kind, "data-fs-target": target}
    )
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


def shell(pages: Sequence[Page]) -> Component:
    """The frame around the current page; `frame-page` is what the router fills."""
    return dmc.MantineProvider(
        html.Div(
            [
                html.A("Skip to content", href="#frame-main", className="fs-skip"),
                dcc.Location(id="frame-location", refresh="callback-nav"),
                *(
                    dcc.Store(id=f"frame-{name}")
                    for name in ("scheme", "problem", "title", "visit")
                ),
                dcc.Interval(id="frame-heartbeat", interval=FOLLOWED[2]),
                _rail(pages),
                _top_bar(),
                html.Main(
                    [place(), html.Div(id="frame-page", className="fs-page")],
                    id="frame-main",
                    tabIndex="-1",
                ),
                _status_line(),
                _help(pages),
            ],
            className="fs-frame",
        ),
        defaultColorScheme="auto",
        theme=MANTINE,
    )


def _rail(pages: Sequence[Page]) -> Component:
    items = [
        html.Li(
            dcc.Link(
                [icon(page.icon), html.Span(page.title), html.Kbd(f"g {page.key}")], href=page.path
            ),
            title=page.title,
            **{"data-key": page.key, "data-path": page.path},
        )
        for page in pages
        if page.key is not None
    ]
    brand = dcc.Link(
        [
            html.Span("Function", className="fs-brand__a"),
            html.Span("Scope", className="fs-brand__b"),
        ],
        href="/",
        className="fs-brand",
        title="FunctionScope",
    )
    return html.Nav([brand, html.Ul(items)], className="fs-rail", **{"aria-label": "Pages"})


def _top_bar() -> Component:
    buttons = [
        _bar_button("link", "Copy the link to exactly this (y)"),
        _bar_button("scheme", "Light or dark (t)"),
        _bar_button("help", "Keyboard help (?)"),
    ]
    return html.Header(
        [
            html.Div(skeleton("14rem"), id="frame-facts", className="fs-facts"),
            html.Div(id="frame-live", className="fs-live", role="status"),
            html.Div(buttons, className="fs-bar-buttons"),
        ],
        className="fs-top",
    )


def _bar_button(action: str, label: str) -> Component:
    return html.Button(
        icon(action),
        type="button",
        className="fs-bar-button",
        title=label,
        **{"data-fs-action": action, "aria-label": label},
    )


def _status_line() -> Component:
    return html.Footer(
        [
            html.Span(id="frame-problem-text", className="fs-status__problem", role="alert"),
            html.Span(id="frame-notice", className="fs-status__notice", role="status"),
            html.Button(
                ["request ", html.Span(id="frame-request-id")],
                type="button",
                className="fs-status__request",
                title="copy the request id: the server's log has the rest",
                **{"data-fs-copy-of": "frame-request-id"},
            ),
            html.Button(
                "dismiss", id="frame-dismiss", type="button", className="fs-status__dismiss"
            ),
            html.Span([html.Kbd("?"), " keys"], className="fs-status__hint"),
        ],
        id="frame-status",
        className="fs-status",
    )


def _help(pages: Sequence[Page]) -> Component:
    def row(keys: Sequence[str], meaning: str) -> Component:
        shown = [html.Kbd(key) for key in keys]
        return html.Div([html.Dt(shown), html.Dd(meaning)])

    shortcuts = [row(keys, meaning) for keys, meaning in SHORTCUTS]
    chords = [row(("g", page.key), page.title) for page in pages if page.key is not None]
    return html.Dialog(
        [
            html.H2("Keyboard"),
            html.Dl([*shortcuts, *chords], className="fs-keys"),
            html.Form(html.Button("close", className="fs-button"), method="dialog"),
        ],
        id="frame-help",
        className="fs-dialog",
        **{"aria-label": "Keyboard help"},
    )
