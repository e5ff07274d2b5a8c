"""The coverage page's ticked tokens: the features that they share, and their rarefaction curves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from dash import Dash, Input, Output, State, no_update

from app.api import ApiClient, ApiProblem
from app.changed import only_changed
from app.figures.coverage_nulls import MOST_COLUMNS, shared_figure
from app.figures.distributions_rarefaction import rarefaction_figure
from app.figures.template import blank
from app.links import reproduce_get
from app.pages.coverage.words import at_first_setting
from app.parts.numbers import counted, interval, percent
from backend.schemas.statistics import IntersectionsResponse, RarefactionResponse

MOST = 12  # tokens at once, as the API allows
SHOWN, HIDDEN = "fs-panel fs-c12", "fs-panel fs-c12 fs-absent"


def read_tokens(asked: str | None) -> list[int]:
    """`12,7` -> [12, 7]; what is no list of different token ids is no choice at all."""
    parts = (asked or "").split(",")
    if not all(part.isdecimal() and len(part) < 10 for part in parts):
        return []
    found = list(dict.fromkeys(int(part) for part in parts))
    return found[:MOST]


def shared_note(answer: IntersectionsResponse) -> str:
    """What the bars are, and what is not drawn."""
    every = next(
        (
            one.n_features
            for one in answer.intersections
            if len(one.token_ids) == len(answer.tokens)
        ),
        0,
    )
    hidden = answer.intersections[MOST_COLUMNS:]
    left = ""
    if hidden:
        left = (
            f" {counted(len(hidden), 'smaller intersection')}, "
            f"{counted(sum(one.n_features for one in hidden), 'feature')}, not drawn."
        )
    return (
        f"Each bar: the features that exactly the marked tokens reach. Together {answer.union:,} "
        f"of {answer.n_active:,} active features "
        f"({percent(answer.union / max(answer.n_active, 1))}); all {len(answer.tokens)} share "
        f"{every:,}. θ = 0, {_firings(answer)} an edge.{left}"
    )


def not_listed(min_count: int, edges_from: int) -> str:
    """Why nothing is drawn, in the words of the page's own control."""
    return (
        f"“Firings per edge, at least” is {min_count}. This build lists which features a token "
        f"reaches from {edges_from} firings an edge on, so what tokens share is known from there "
        f"on: choose {edges_from} or more above."
    )


def _firings(answer: IntersectionsResponse) -> str:
    least = int(answer.effective["min_count"])
    return "1 firing" if least == 1 else f"{least} firings"


def rarefaction_note(answer: RarefactionResponse) -> str:
    """What is drawn, and the control in one sentence: function and content tokens at the same n."""
    by_group = {
        name: {p.n: p for p in answer.groups if p.token_group == name}
        for name in ("function", "content")
    }
    common = sorted(by_group["function"].keys() & by_group["content"].keys())
    said = ""
    if common:
        function, content = (by_group[name][common[-1]] for name in ("function", "content"))
        said = (
            f"At {common[-1]:,} occurrences each, a function token meets {function.mean:,.0f} "
            f"features {interval((function.low, function.high), 0)} and a content token "
            f"{content.mean:,.0f} {interval((content.low, content.high), 0)} (n = "
            f"{function.n_tokens:,} and {counted(content.n_tokens, 'token')}). "
        )
    return (
        f"{said}Expected distinct features after n of a token's occurrences, exact; drawn: "
        f"{answer.sampling_unit}. Function tokens are those of the build's own cut."
    )


OF_TICKED = (
    ("coverage-rarefaction", "figure"),
    ("coverage-rarefaction-panel-note", "children"),
    ("coverage-shared", "figure"),
    ("coverage-shared-panel-note", "children"),
    ("coverage-shared-panel", "className"),
)
HELD = ("coverage-ticked-held", "data")


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        [Output(*where) for where in (*OF_TICKED, HELD)],
        Input("coverage-state", "data"),
        Input("coverage-tokens", "data"),
        Input("coverage-function", "data"),
        Input("frame-scheme", "data"),
        State(*HELD),
        prevent_initial_call=True,
    )
    async def show_ticked(
        state: dict[str, str] | None,
        asked: str | None,
        function: list[int] | None,
        scheme: str | None,
        held: Any,
    ) -> list[Any]:
        if state is None or function is None:
            return [no_update] * 6
        tokens = read_tokens(asked)
        classes = frozenset(function)
        rarefied, shared = await asyncio.gather(
            _rarefaction(api, state, tokens, classes, scheme),
            shared_shown(api, state, tokens, classes, scheme),
        )
        return only_changed([*rarefied, *shared], held)

    @app.callback(
        [
            Output(f"coverage-{n}-panel-{k}", "children")
            for n in ("rarefaction", "shared")
            for k in ("curl", "python")
        ],
        Input("coverage-state", "data"),
        Input("coverage-tokens", "data"),
        State("frame-location", "href"),
        prevent_initial_call=True,
    )
    async def show_requests(
        state: dict[str, str] | None, asked: str | None, href: str | None
    ) -> list[str]:
        return [""] * 4 if state is None else codes_of_ticked(href, state, read_tokens(asked))


def codes_of_ticked(href: str | None, state: dict[str, str], tokens: Sequence[int]) -> list[str]:
    """curl and Python of the rarefaction curves, then of what the tokens share; that needs two."""
    ids = ",".join(map(str, tokens))
    curves = reproduce_get(
        href, "/api/rarefaction", {"sae_id": state["sae"], "token_ids": ids or None}
    )
    of_two = {"sae_id": state["sae"], "token_ids": ids, "min_count": state["min_count"]}
    shared = reproduce_get(href, "/api/intersections", of_two) if len(tokens) > 1 else {}
    return [code.get(kind, "") for code in (curves, shared) for kind in ("curl", "python")]


async def _rarefaction(
    api: ApiClient,
    state: dict[str, str],
    tokens: Sequence[int],
    function: frozenset[int],
    scheme: str | None,
) -> tuple[Any, Any]:
    ids = ",".join(map(str, tokens)) or None
    try:
        answer = await api.rarefaction(state["sae"], token_ids=ids)
    except ApiProblem as problem:
        return blank(scheme), problem.detail
    note = rarefaction_note(answer) + at_first_setting(
        float(state["theta"]), int(state["min_count"])
    )
    return rarefaction_figure(answer, function, scheme), note


async def shared_shown(
    api: ApiClient,
    state: dict[str, str],
    tokens: Sequence[int],
    function: frozenset[int],
    scheme: str | None,
) -> tuple[Any, Any, str]:
    if len(tokens) < 2:
        return blank(scheme), "", HIDDEN
    build = (await api.capabilities()).build
    if build and int(state["min_count"]) < build.edges_from:
        return blank(scheme), not_listed(int(state["min_count"]), build.edges_from), SHOWN
    try:
        answer = await api.intersections(
            state["sae"], ",".join(map(str, tokens)), min_count=int(state["min_count"])
        )
    except ApiProblem as problem:
        return blank(scheme), problem.detail, SHOWN
    note = shared_note(answer) + (
        " At θ 0, whatever is chosen above." if float(state["theta"]) else ""
    )
    return shared_figure(answer, function, scheme), note, SHOWN
