"""Reactivation, `/reactivation`:
one or two prompts, and which features fire again where along them.

Address (non-default values only): `prompt`, `second`, `prefix` (examples before them), `chat`,
`turns` (see app/parts/prompts/conversation), `sae`, `generate` (tokens to write on), `at` (locked
positions: `7`, `5-8`, `3.7-9`, `b7` in the second prompt, `none`), `source` (a position whose
features are followed: `7`, `b7`, `none`), `pins` (`sae_id:feature_index`, comma-separated),
`order`, `locked`, `from_source`, `function_only`, `pinned`, `class`, `least`, `density_from`,
`density` (per cent), `find`, `shuffled` (0 = without the baseline), `set` (1 = the index over the
prompt set), `own` (run of the index over prompts of one's own), `words` (1 = the locked position is
read in words), `travel` (1 = A's states are put into B's run), `answer_a`, `answer_b` (tokens; `·`
is a space), `unrelated` (the control's prompt; empty = none).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component
from pydantic import BaseModel

from app.api import ApiClient, ApiProblem
from app.links import reproduce_post
from app.pages.reactivation import browser, carried, causal, saved, tokens
from app.pages.reactivation.state import (
    baseline_of,
    default_sae,
    defaults_of,
    indices_of,
    info_of,
    inspect_requests,
    lanes_of,
    prompts_of,
    set_request,
    shuffled_requests,
)
from app.pages.reactivation.view import (
    GROUP,
    INSPECTED,
    index_panel,
    matrix_panel,
    prompts_panel,
    side_panel,
    source_panel,
)
from app.parts.components import FiringCompare
from app.parts.controls import address_complaints
from app.parts.matrix import complaints_of, generate_of, lane_of, view_of
from app.parts.opening import in_memory
from app.parts.page import FOLLOWED, Page
from app.parts.panel import panel
from app.parts.prompts.conversation import before, read_turns
from app.parts.reproduce import in_turn

__all__ = ["PAGE", "default_sae", "lane_of"]


async def layout(**query: str) -> Component:
    """The page, empty; `open_page` fills it from the query and what the server can do."""
    return html.Article(
        [
            html.Header(
                [
                    html.H1("Which features fire again, and at which tokens?"),
                    html.P(
                        "The hypothesis: function tokens (thick underline) reactivate the "
                        "features that the context before them switched on. A ring is a "
                        "feature's first firing, a disc a later one."
                    ),
                ],
                className="fs-live-lead",
            ),
            html.Div(id="reactivation-complaints"),
            prompts_panel(),
            html.Div([matrix_panel(), side_panel()], className="fs-live-main"),
            panel(
                "Which features fire here, and in which prompt",
                FiringCompare("reactivation-compare", group=GROUP, target="reactivation-matrix"),
                id="reactivation-compare-panel",
                badge="live",
            ),
            source_panel(),
            *causal.panels(GROUP, query),
            index_panel(),
            html.Div(id="reactivation-carry"),
            *(
                dcc.Store(id=f"reactivation-{name}")
                for name in ("defaults", "run", "asked", "address")
            ),
            dcc.Store(id="reactivation-query", data=query),
        ],
        className="fs-live-page",
        id="reactivation-page",
    )


def register(app: Dash, api: ApiClient) -> None:
    _register_open(app, api)
    tokens.register(app, api)
    _register_inspect(app, api)
    _register_shuffled(app, api)
    saved.register(app, api)
    causal.register(app)
    carried.register(app, api)
    browser.register(app)


_READING = (Output("reactivation-matrix", "busy"), True, False)
_OPENED = (
    Output("reactivation-prompt", "value"),
    Output("reactivation-second", "value"),
    Output("reactivation-prefix", "value"),
    Output("reactivation-talk", "has_chat"),
    Output("reactivation-talk", "chat"),
    Output("reactivation-talk", "turns"),
    Output("reactivation-sae", "data"),
    Output("reactivation-sae", "value"),
    Output("reactivation-generate", "value"),
    Output("reactivation-generate", "max"),
    Output("reactivation-shuffled", "checked"),
    Output("reactivation-index", "measured"),
    Output("reactivation-index", "own"),
    Output("reactivation-matrix", "locked"),
    Output("reactivation-matrix", "source"),
    Output("reactivation-matrix", "pins"),
    Output("reactivation-matrix", "view"),
    Output("reactivation-defaults", "data"),
    Output("reactivation-run", "data"),
    Output("reactivation-complaints", "children"),
)


def _register_open(app: Dash, api: ApiClient) -> None:
    @app.callback(*_OPENED, Input("reactivation-query", "data"), running=[_READING, FOLLOWED])
    async def open_page(query: dict[str, str]) -> tuple[Any, ...]:
        can = await in_memory(api)
        defaults = defaults_of(can)
        typed = "prompt" in query or "second" in query
        prompt, second = (query.get(n, "") if typed else defaults[n] for n in ("prompt", "second"))
        live = [sae for sae in can.saes if sae.live]
        options = [
            {"value": sae.sae_id, "label": f"layer {sae.layer} · {sae.sae_id}"} for sae in live
        ]
        most = can.limits.max_new_tokens
        settings = (
            generate_of(query, most),
            most,
            query.get("shuffled") != "0",
            query.get("set") == "1",
            query.get("own"),
        )
        pins = [pin for pin in query.get("pins", "").split(",") if pin]
        shown = (query.get("at"), query.get("source"), pins, view_of(query))
        ids = [sae.sae_id for sae in live]
        complaints = complaints_of(causal.others(query), ids, most) + causal.complaints_of(query)
        told = address_complaints(complaints) if live else None
        sae = query["sae"] if query.get("sae") in ids else defaults["sae"]
        has_chat = bool(can.model_info and can.model_info.chat)
        chat = has_chat and query.get("chat", "1" if defaults["chat"] else "0") == "1"
        talk = (has_chat, chat, read_turns(query.get("turns", "")) or [])
        prompts = (prompt, second, query.get("prefix", defaults["prefix"]))
        return *prompts, *talk, options, sae, *settings, *shown, defaults, {"opened": True}, told


def _register_inspect(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("reactivation-matrix", "prompts"),
        Output("reactivation-matrix", "info"),
        Output("reactivation-matrix", "sae_id"),
        Output("reactivation-matrix", "baselines"),
        Output("reactivation-asked", "data"),
        Output("reactivation-save", "runs", allow_duplicate=True),
        [Output(f"{name}-{kind}", "children") for name in INSPECTED for kind in ("curl", "python")],
        Input("reactivation-run", "data"),
        Input("reactivation-go", "n_clicks"),
        Input("reactivation-prompt", "n_submit"),
        Input("reactivation-second", "n_submit"),
        Input("reactivation-sae", "value"),
        Input("reactivation-generate", "value"),
        State("reactivation-prompt", "value"),
        State("reactivation-second", "value"),
        State("reactivation-prefix", "value"),
        State("reactivation-talk", "chat"),
        State("reactivation-talk", "turns"),
        State("reactivation-defaults", "data"),
        State("frame-location", "href"),
        prevent_initial_call=True,
        running=[_READING, FOLLOWED],
    )
    async def inspect(
        _run: Any,
        _n: Any,
        _a: Any,
        _b: Any,
        sae_id: str | None,
        generate: int | None,
        *state: Any,
    ) -> tuple[Any, ...]:
        first, second, prefix, chat, turns, defaults, href = state
        asked = _asked((first, second), before(prefix, chat, turns), sae_id, generate or 0)
        requests = inspect_requests(asked)
        answers = await asyncio.gather(*(api.inspect(request) for request in requests))
        usual = chat or (prefix or "") == (defaults or {}).get("steering_prefix", "")
        lanes = lanes_of(asked, answers, None if usual else prefix or "")
        info = info_of(asked["sae_id"], answers)
        code = _code(href, "/api/inspect", requests)
        codes = (code["curl"], code["python"]) * len(INSPECTED)
        return (lanes, info, sae_id, None, asked, None, *codes)


def _asked(
    texts: tuple[str | None, str | None],
    told: dict[str, Any],
    sae_id: str | None,
    generate: int,
) -> dict[str, Any]:
    """What is run: {prompts, sae_id, generate}, and what stands before them where something does.
    ApiProblem for nothing to run.
    """
    prompts = prompts_of(*texts)
    if sae_id is None:
        raise ApiProblem(
            503,
            "No live SAE",
            "this server has no model loaded: start it with a preset that has one",
        )
    asked = {"prompts": prompts, "sae_id": sae_id, "generate": generate}
    return asked | {name: value for name, value in told.items() if value}


def _code(href: str | None, path: str, requests: Sequence[BaseModel]) -> dict[str, str]:
    """A request for each prompt, A first."""
    return in_turn(
        [reproduce_post(href, path, request.model_dump(mode="json")) for request in requests]
    )


def _register_shuffled(app: Dash, api: ApiClient) -> None:
    """After the firings are on the page: the same tokens in 20 random orders."""

    @app.callback(
        Output("reactivation-matrix", "baselines", allow_duplicate=True),
        Output("reactivation-index", "indices"),
        Output("reactivation-index", "request"),
        Output("reactivation-shuffles-curl", "children"),
        Output("reactivation-shuffles-python", "children"),
        Input("reactivation-asked", "data"),
        Input("reactivation-shuffled", "checked"),
        State("frame-location", "href"),
        prevent_initial_call=True,
        running=[(Output("reactivation-index", "busy"), True, False)],
    )
    async def shuffle(asked: dict[str, Any] | None, on: bool, href: str | None) -> tuple[Any, ...]:
        if asked is None:
            return (no_update,) * 5
        sae_id = asked["sae_id"]
        requests = shuffled_requests(asked)
        code = _code(href, "/api/reactivation", requests)
        if not on:
            return None, None, set_request(asked), code["curl"], code["python"]
        answers = await asyncio.gather(*(api.reactivation(request) for request in requests))
        baselines = [baseline_of(sae_id, answer) for answer in answers]
        return (
            baselines,
            indices_of(sae_id, answers),
            set_request(asked),
            code["curl"],
            code["python"],
        )


PAGE = Page("/reactivation", "Reactivation", layout, register, key="r", icon="reactivation")
