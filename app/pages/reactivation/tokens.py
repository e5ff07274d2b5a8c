"""The prompts as the model reads them, under their boxes."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, no_update

from app.api import ApiClient, ApiProblem
from app.parts.opening import marked
from app.parts.prompts.conversation import before
from backend import schemas as wire

BOXES = ("reactivation-prompt", "reactivation-second")
NOT_IN_CHAT = "With the chat template the examples are left out: write them as earlier turns."


def register(app: Dash, api: ApiClient) -> None:
    talk = (Input("reactivation-talk", "chat"), Input("reactivation-talk", "turns"))
    for box in BOXES:

        @app.callback(
            Output(box, "tokens"),
            Output(box, "problem"),
            Output("reactivation-prefix", "positions", allow_duplicate=True),
            Input(box, "value"),
            Input("reactivation-prefix", "value"),
            *talk,
            prevent_initial_call=True,
        )
        async def tokenize(
            value: str | None, prefix: str | None, chat: bool | None, turns: list[Any] | None
        ) -> tuple[Any, ...]:
            if not value:
                return [], None, no_update
            try:
                told = before(prefix, chat, turns)
                answer = await api.tokenize(
                    wire.TokenizeRequest.model_validate({"prompt": value} | told)
                )
            except ApiProblem as problem:
                return [], f"{problem.title}: {problem.detail}", None
            n = answer.prefix_length
            return marked(answer.tokens, n), None, n or None

    @app.callback(
        Output("reactivation-prefix", "note"),
        Input("reactivation-talk", "chat"),
        Input("reactivation-prefix", "value"),
        prevent_initial_call=True,
    )
    async def explain(chat: bool | None, prefix: str | None) -> str | None:
        return NOT_IN_CHAT if chat and prefix else None
