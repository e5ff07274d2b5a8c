"""The frame around the current page: rail, top bar, status line, keyboard help."""

from __future__ import annotations

from collections.abc import Sequence

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from app.base import at
from app.link_note import place
from app.parts.page import FOLLOWED, Page, icon
from app.parts.panel import skeleton
from app.theme import MANTINE

SHORTCUTS = (
    (("?",), "this help"),
    (("/",), "focus the prompt or the search of a page"),
    (("y",), "copy the link to exactly this"),
    (("t",), "light or dark"),
    (("←", "→"), "walk along tokens, or to the next feature"),
    (("f", "F"), "next, previous function token"),
    (("↑", "↓"), "walk along features"),
    (("s",), "on Reactivation: make the token the source that is followed"),
    (("p",), "pin the feature; on Steering, plug it in at the token (P: there too)"),
    (("l",), "on a feature's page: write a label of your own"),
    (("x",), "on Steering: switch the feature off or on"),
    (("Esc",), "unlock, stop, close"),
)


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
                [icon(page.icon), html.Span(page.title), html.Kbd(f"g {page.key}")],
                href=at(page.path),
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
        href=at("/"),
        className="fs-brand",
        title="FunctionScope",
    )
    return html.Nav([brand, html.Ul(items)], className="fs-rail", **{"aria-label": "Pages"})


def _top_bar() -> Component:
    buttons = [
        _bar_button("link", "Copy the link to exactly this (y)"),
        _bar_button("keep", "Save this page as one file that opens without a server"),
        _bar_button("scheme", "Light or dark (t)"),
        _bar_button("help", "Keyboard help (?)"),
    ]
    return html.Header(
        [
            html.Div(skeleton("14rem"), id="frame-facts", className="fs-facts"),
            html.Div(id="frame-live", className="fs-live", role="status"),
            # static/js/frame/connection.js says there that the server does not answer
            html.Div(id="frame-connection", className="fs-live fs-live--failed", role="status"),
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
