"""What the states cause: in words at the locked position, and from prompt A to prompt B. Both ask
the model from the browser, once they were asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State
from dash.development.base_component import Component

from app.links import reproduce_post, reproduce_stream
from app.pages.reactivation.components import PatchTravel, ResidualWords
from app.parts.panel import panel
from app.parts.reproduce import in_turn

SETTINGS = ("words", "travel", "answer_a", "answer_b", "unrelated")
FLAGS = ("words", "travel")
UNRELATED = (
    "The weather was fine, so in the morning we walked along the river to the old mill, and in "
    "the evening, when the lamps were lit, we all went home by train.\n"
)
"""The control's prompt when the address names none: long, and about nothing that is asked."""


def words_settings(query: Mapping[str, str]) -> dict[str, Any]:
    return {"words": _flag(query, "words")}


def travel_settings(query: Mapping[str, str]) -> dict[str, Any]:
    """As PatchTravel takes them; an `unrelated` that is there and empty is no control."""
    return {
        "travel": _flag(query, "travel"),
        "answer_a": query.get("answer_a", ""),
        "answer_b": query.get("answer_b", ""),
        "unrelated": query.get("unrelated"),
    }


def _flag(query: Mapping[str, str], name: str) -> str:
    return "1" if query.get(name) == "1" else ""


def complaints_of(query: Mapping[str, str]) -> list[str]:
    """What an address asks of these panels that is not there."""
    return [
        f"{name}: got {query[name]!r}, allowed are 0, 1"
        for name in FLAGS
        if query.get(name, "0") not in ("0", "1")
    ]


def others(query: Mapping[str, str]) -> dict[str, str]:
    """The query without these panels' settings."""
    return {name: value for name, value in query.items() if name not in SETTINGS}


def panels(group: str, query: Mapping[str, str]) -> list[Component]:
    """Both panels, as the address has them."""
    return [
        panel(
            "In words: what the locked position promotes, layer by layer",
            ResidualWords(
                "reactivation-words",
                group=group,
                endpoint="/api/lens",
                settings=words_settings(query),
            ),
            id="reactivation-words-panel",
            badge="live",
        ),
        panel(
            "Where does it travel?",
            PatchTravel(
                "reactivation-travel",
                group=group,
                endpoint="/api/patch",
                cancel="/api/steer/cancel",
                usual=UNRELATED,
                settings=travel_settings(query),
            ),
            id="reactivation-travel-panel",
            badge="live",
        ),
    ]


def register(app: Dash) -> None:
    app.clientside_callback(
        ClientsideFunction("fsReactivation", "ran"),
        Output("reactivation-words", "ran"),
        Output("reactivation-travel", "ran"),
        Input("reactivation-asked", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("reactivation-words-panel-curl", "children"),
        Output("reactivation-words-panel-python", "children"),
        Input("reactivation-words", "bodies"),
        State("frame-location", "href"),
        prevent_initial_call=True,
    )
    async def words_code(bodies: list[dict[str, Any]] | None, href: str | None) -> tuple[str, str]:
        code = in_turn([reproduce_post(href, "/api/lens", body) for body in bodies or []])
        return code["curl"], code["python"]

    @app.callback(
        Output("reactivation-travel-panel-curl", "children"),
        Output("reactivation-travel-panel-python", "children"),
        Input("reactivation-travel", "body"),
        State("frame-location", "href"),
        prevent_initial_call=True,
    )
    async def travel_code(body: dict[str, Any] | None, href: str | None) -> tuple[str, str]:
        if not body:
            return "", ""
        code = reproduce_stream(href, "/api/patch", body)
        return code["curl"], code["python"]
