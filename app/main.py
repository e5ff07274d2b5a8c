"""`create_dashboard`: the pages, the router and the frame's own callbacks on a FastAPI server."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from dash import ClientsideFunction, Dash, Input, Output, State, html, no_update, set_props
from dash.development.base_component import Component
from fastapi import FastAPI
from starlette.middleware import Middleware

from app.api import ApiClient, ApiProblem
from app.base import based, inside
from app.index import AFTER_MODULES, allow_inline_scripts, index_of
from app.link_note import health_note
from app.link_note import register as register_link_note
from app.links import page_query, parsed_query
from app.modules import mount
from app.packed import Packed
from app.pages import unlock
from app.pages.claims import page as claims
from app.pages.consolidation import page as consolidation
from app.pages.coverage import page as coverage
from app.pages.feature import page as feature
from app.pages.features import page as feature_search
from app.pages.graph import page as graph
from app.pages.overview import page as overview
from app.pages.reactivation import page as reactivation
from app.pages.run import page as run
from app.pages.steer import page as steer
from app.pages.token import page as token
from app.pages.token import search as token_search
from app.parts.cards.opened import register as register_cards
from app.parts.page import Page
from app.parts.panel import notice
from app.parts.shell import shell
from app.parts.top_bar import facts, live_words
from app.preview import PreviewTags, head
from app.visitor import Visitor
from backend.schemas.presets import PresetChoice

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    coverage.PAGE,
    graph.PAGE,
    feature_search.PAGE,
    token_search.PAGE,
    feature.PAGE,
    token.PAGE,
    reactivation.PAGE,
    steer.PAGE,
    consolidation.PAGE,
    claims.PAGE,
    run.PAGE,
    unlock.PAGE,
)
STATIC = Path(__file__).resolve().parents[1] / "static"
log = logging.getLogger(__name__)


def create_dashboard(
    api: ApiClient,
    server: FastAPI,
    pages: Sequence[Page] = PAGES,
    *,
    base: str = "",
    presets: Sequence[PresetChoice] = (),
) -> Dash:
    """Adds the dashboard to `server`: every GET path that the API does not answer becomes a page.

    `base`: what stands before its paths outside, where it is one of several `presets`.
    """
    modules = mount(server)  # before Dash, which answers every other address with a page
    app = Dashboard(
        __name__,
        server=server,
        title="FunctionScope",
        update_title=None,
        assets_folder=str(STATIC),
        assets_ignore=r"\.css$",
        assets_path_ignore=["vendor", "^js$"],
        index_string=index_of(base, modules),
        routes_pathname_prefix="/",
        requests_pathname_prefix=f"{base}/",
        compress=True,
        suppress_callback_exceptions=True,
        on_error=_on_error,
    )
    # no callback streams; the browser would retry a socket for ever
    app.backend.websocket_capability = False
    app.renderer = AFTER_MODULES
    with based(base):
        app.layout = shell(pages)
    _register(app, api, pages, presets)
    server.add_middleware(PreviewTags, api=api, pages=pages, base=base)
    server.add_middleware(Visitor, base=base)
    server.user_middleware.append(Middleware(Packed))  # innermost: it keeps no visitor's headers
    allow_inline_scripts(app, server)
    _warm_up_at_start(server)
    return app


def _register(
    app: Dash, api: ApiClient, pages: Sequence[Page], presets: Sequence[PresetChoice]
) -> None:
    _register_router(app, pages)
    _register_frame(app, api)
    register_cards(app, api, presets)
    for page in pages:
        page.register(app, api)
    register_link_note(app, api)


class Dashboard(Dash):
    """Dash, with the tags of the address that is being asked for in its page's head."""

    def interpolate_index(self, **parts: Any) -> str:
        """The page; `head` was set by the middleware around the request. What is the same for all
        presets is fetched once: the default's address of it.
        """
        page = str(super().interpolate_index(**parts)).replace("<!--preview-->", head.get(), 1)
        before = str(self.config.requests_pathname_prefix)
        for shared in ("_dash-component-suites/", "assets/"):
            page = page.replace(f'"{before}{shared}', f'"/{shared}')
        return page


def find_page(pages: Sequence[Page], pathname: str) -> tuple[Page, dict[str, str]] | None:
    """The page whose path matches, with the values of its <name> segments;
    None when there is none.
    """
    asked = pathname.rstrip("/") or "/"
    for page in pages:
        pattern = re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", page.path)
        if found := re.fullmatch(pattern, asked):
            return page, {name: unquote(value) for name, value in found.groupdict().items()}
    return None


def _register_router(app: Dash, pages: Sequence[Page]) -> None:
    @app.callback(
        Output("frame-page", "children"),
        Output("frame-title", "data"),
        Input("frame-location", "pathname"),
        Input("frame-location", "search"),
        # Back or Forward to an address that Location does not see as another one
        Input("frame-visit", "data"),
    )
    async def show_page(
        pathname: str | None, search: str | None, _visit: int | None
    ) -> tuple[Component, str]:
        asked_path = inside(pathname)
        found = find_page(pages, asked_path)
        if found is None:
            return _no_such_page(asked_path, pages), "Not found · FunctionScope"
        page, variables = found
        asked = page_query(page.path, parsed_query(search))
        query = {name: value for name, value in asked.items() if name not in variables}
        named = " ".join([page.title, "/".join(variables.values())]).strip()
        return await page.layout(**variables, **query), f"{named} · FunctionScope"

    app.clientside_callback(
        ClientsideFunction("fs", "onRoute"),
        Output("frame-page", "title"),
        Input("frame-title", "data"),
        State("frame-location", "pathname"),
    )


def _no_such_page(pathname: str, pages: Sequence[Page]) -> Component:
    if pathname.startswith("/m/"):
        name = pathname.split("/")[2]
        detail = (
            f"The preset {name!r} is not served here: the model's name above opens the list of "
            "those that are."
        )
        return html.Div(notice("No such preset", detail, kind="problem"), className="fs-narrow")
    known = ", ".join(page.path for page in pages if page.key is not None)
    detail = f"{pathname} is not a page. There are {known}, and /r/… for a recorded run."
    return html.Div(notice("No such page", detail, kind="problem"), className="fs-narrow")


def _register_frame(app: Dash, api: ApiClient) -> None:
    @app.callback(Output("frame-facts", "children"), Input("frame-heartbeat", "id"))
    async def show_facts(_: str) -> Any:
        """Once a page load: a beat that overtook it would leave the bar empty."""
        return facts(await api.capabilities())

    @app.callback(
        Output("frame-live", "children"),
        Output("frame-live", "className"),
        Output("frame-health-note", "children"),
        Input("frame-heartbeat", "n_intervals"),
        State("frame-live", "className"),
    )
    async def show_state(_beats: int | None, shown: str | None) -> tuple[Any, Any, Any]:
        try:
            health = await api.health()
        except ApiProblem as problem:
            return problem.title, _state_class("failed", shown), no_update
        return live_words(health), _state_class(health.live, shown), health_note(health)

    for outputs, function, inputs in _CLIENTSIDE:
        app.clientside_callback(ClientsideFunction("fs", function), *outputs, *inputs)


def _state_class(state: str, shown: str | None) -> Any:
    """no_update where it is shown already: set again at every beat, it would have the strips of
    Overview asked for again while they are still being computed, and the older answer dropped.
    """
    now = f"fs-live fs-live--{state}"
    return no_update if now == shown else now


_CLIENTSIDE: tuple[tuple[list[Output], str, list[Input]], ...] = (
    ([Output("frame-scheme", "data")], "currentScheme", [Input("frame-location", "id")]),
    (
        [
            Output("frame-status", "className"),
            Output("frame-problem-text", "children"),
            Output("frame-request-id", "children"),
        ],
        "showProblem",
        [Input("frame-problem", "data")],
    ),
    ([Output("frame-problem", "data")], "dismiss", [Input("frame-dismiss", "n_clicks")]),
)


def _on_error(error: Exception) -> None:
    """Dash swallows what callbacks raise:
    log it, and hold it in the status line until it is dismissed.
    """
    if isinstance(error, ApiProblem):
        set_props("frame-problem", {"data": error.as_dict()})
        return
    log.error("a callback failed", exc_info=error)
    unexpected = ApiProblem(500, "The page failed", f"{type(error).__name__}: {error}")
    set_props("frame-problem", {"data": unexpected.as_dict()})


def _warm_up_at_start(server: FastAPI) -> None:
    """Asks for `/` once before serving:
    a deep link as the first request would come without assets.
    """
    inner = server.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with inner(app) as state:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://warm-up") as client:
                (await client.get("/")).raise_for_status()
            yield state or {}

    server.router.lifespan_context = lifespan
