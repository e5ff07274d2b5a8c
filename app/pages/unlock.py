"""Giving a server its token, once a browser.

The token goes to the API alone, never into an address.
"""

from __future__ import annotations

from dash import Dash, dcc, html
from dash.development.base_component import Component

from app.api import ApiClient
from app.parts.page import Page


async def layout(**_: str) -> Component:
    field = dcc.Input(
        id="unlock-token",
        type="password",
        placeholder="token",
        autoComplete="current-password",
        className="fs-input",
    )
    return html.Article(
        [
            html.H1("Unlock live work"),
            html.P(
                "This server may ask for its token (FUNCTIONSCOPE_TOKEN) before it runs the "
                "model or records anything. What is precomputed or recorded is open to "
                "everybody. Whoever runs the server has the token."
            ),
            html.Form(
                [
                    html.Label("Token", htmlFor="unlock-token"),
                    field,
                    html.Button("Unlock", type="submit", className="fs-button fs-button--primary"),
                    html.Button(
                        "Lock again", type="button", id="unlock-forget", className="fs-button"
                    ),
                ],
                id="unlock-form",
                className="fs-unlock",
            ),
            html.P(id="unlock-said", role="status", className="fs-small"),
            html.P(
                "The browser keeps a cookie in the token's place for 30 days; no script can read "
                "it, and no other site can send it. Scripts send the token as a header: "
                "Authorization: Bearer …",
                className="fs-small",
            ),
        ],
        className="fs-narrow",
    )


def register(app: Dash, api: ApiClient) -> None:
    """Nothing to register: static/js/shared/unlock.js sends the form from the browser,
    so that the cookie arrives there.
    """


PAGE = Page("/unlock", "Unlock", layout, register)
