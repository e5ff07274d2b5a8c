"""The prompt as the model reads it: its tokens under the sockets, its examples folded."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output

from app.api import ApiClient, ApiProblem
from app.parts.opening import marked
from app.parts.prompts.conversation import before
from backend import schemas as wire

NOT_IN_CHAT = "With the chat template the examples are left out: write them as earlier turns."


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("steer-rack", "tokens"),
        Output("steer-rack", "last_function"),
        Output("steer-prompt", "tokens"),
        Output("steer-prompt", "problem"),
        Output("steer-prefix", "note"),
        Output("steer-prefix", "positions"),
        Input("steer-prompt", "value"),
        Input("steer-rack", "chat"),
        Input("steer-prefix", "value"),
        Input("steer-talk", "turns"),
        prevent_initial_call=True,
    )
    async def tokenize(
        value: str | None, chat: bool | None, prefix: str | None, turns: list[Any] | None
    ) -> tuple[Any, ...]:
        note = NOT_IN_CHAT if chat and prefix else None
        if not value:
            return [], None, [], None, note, None
        try:
            told = before(prefix, chat, turns)
            request = wire.TokenizeRequest.model_validate({"prompt": value} | told)
            answer = await api.tokenize(request)
        except ApiProblem as problem:
            return [], None, [], f"{problem.title}: {problem.detail}", note, None
        n = answer.prefix_length
        tokens = marked(answer.tokens, n)
        return tokens, answer.last_function, tokens, None, note, n or None
