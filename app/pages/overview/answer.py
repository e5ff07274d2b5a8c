"""What the model answers to each strip's prompt: asked once the strips stand, so that they do not
wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import ALL, Dash, Input, Output, State, html, no_update

from app.api import ApiClient, ApiProblem
from app.parts.token import visible
from backend.schemas import Capabilities, InspectRequest, NextToken, Sae, SteerRequest

ANSWER = 8  # tokens at most; a longer answer ends in …
END = "\n"  # an answer is one line


def place(strip: int) -> dict[str, int]:
    """The id of a strip's answer."""
    return {"overview-answer": strip}


def requests_of(can: Capabilities, sae: Sae) -> list[InspectRequest]:
    """The preset's pair of prompts, read by one SAE."""
    opening = can.opening
    prompts = opening.reactivation or can.prompts[:2] or [can.default_prompt]
    return [
        InspectRequest(prompt=prompt, prefix=opening.prefix, sae_ids=[sae.sae_id], next_tokens=3)
        for prompt in prompts
    ]


def answer_words(best: NextToken, text: str | None = None) -> html.Span:
    """The answer with its first token's probability, by name where the token is not all of it: “M”
    of “Moscow”. Without the answer, or where another pass began another one, the token alone.
    """
    said, chance = visible(best.text), f"{best.probability:.0%}"
    if not text or text == best.text or not text.startswith(best.text):
        title = "the likeliest next token and its probability"
        return html.Span(["→ ", html.Strong(said), f" {chance}"], title=title)
    title = (
        f"what the model goes on with, each time its likeliest token, to the end of the line; the "
        f"first is {said}, with a probability of {chance}"
    )
    return html.Span(
        ["→ ", html.Strong(visible(text)), f" · first token {said} {chance}"], title=title
    )


async def answered(api: ApiClient, asked: InspectRequest) -> Any:
    """The words of one answer; no_update where it cannot be had now."""
    request = SteerRequest(
        prompt=asked.prompt,
        prefix=asked.prefix,
        interventions=[],
        max_new_tokens=ANSWER,
        stop=[END],
    )
    try:
        made = (await api.steer(request)).baseline
    except ApiProblem:
        return no_update
    cut = "" if len(made.token_ids[0]) < ANSWER else "…"
    return answer_words(made.next_tokens[0], made.texts[0].rstrip() + cut)


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output({"overview-answer": ALL}, "children"),
        Input("overview-asked", "data"),
        State({"overview-answer": ALL}, "id"),
        prevent_initial_call=True,
    )
    async def show_answers(asked: list[Any] | None, strips: Sequence[Any]) -> list[Any]:
        requests = [InspectRequest.model_validate(one) for one in asked or []]
        if len(requests) != len(strips):
            return [no_update] * len(strips)
        return [await answered(api, request) for request in requests]
