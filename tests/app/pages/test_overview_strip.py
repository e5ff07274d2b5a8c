"""The prompts on Overview stand side by side, so their bars are of one scale; each ends in what
the model answers.
"""

from __future__ import annotations

import asyncio
import json
import re
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dash import Dash, no_update

from app.api import ApiClient, ApiProblem
from app.pages.overview import answer as answering
from app.pages.overview.answer import ANSWER, answer_words, answered
from app.pages.overview.strip import most_firing, prompt_strip
from backend.schemas import InspectRequest, InspectResponse, NextToken, Sae, Split, Token

SAE = Sae.model_construct(sae_id="s", layer=1)
M = NextToken.model_construct(position=1, token_id=7, text="M", probability=0.73)


def answer(firing: int) -> InspectResponse:
    """One token at which that many features fire, all for the first time."""
    split = Split.model_construct(position=1, firing=firing, new=firing, reactivated=0)
    token = Token.model_construct(position=1, token_id=5, text="a", token_class="content")
    return InspectResponse.model_construct(tokens=[token], splits={"s": [split]}, next_tokens=[M])


def words(shown: Any) -> str:
    return "".join(getattr(part, "children", part) for part in shown.children)


def test_a_bar_is_as_high_as_its_features_are_many_in_either_prompt() -> None:
    answers = [answer(10), answer(40)]
    most = most_firing(answers, SAE)
    strips = [prompt_strip(one, SAE, "a", most, 0).to_plotly_json() for one in answers]
    written = [json.dumps(one, default=lambda part: part.to_plotly_json()) for one in strips]
    highest = [max(float(px) for px in re.findall(r'"([\d.]+)px"', one)) for one in written]
    assert highest == [11.5, 46.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Moscow", "→ Moscow · first token M 73%"),
        ("M", "→ M 73%"),
        (None, "→ M 73%"),
        ("", "→ M 73%"),
        ("Kreml", "→ M 73%"),  # of another pass, where two tokens tie
    ],
)
def test_the_whole_answer_is_said_not_its_first_piece(text: str | None, said: str) -> None:
    assert words(answer_words(M, text)) == said


class Steers:
    """An API that goes on with these tokens, or fails."""

    def __init__(self, text: str | None, n: int = 2) -> None:
        self.text, self.n = text, n
        self.asked: list[Any] = []

    async def steer(self, request: Any) -> Any:
        self.asked.append(request)
        if self.text is None:
            raise ApiProblem(429, "Busy", "later")
        arm = SimpleNamespace(texts=[self.text], token_ids=[list(range(self.n))], next_tokens=[M])
        return SimpleNamespace(baseline=arm)


@pytest.mark.parametrize(
    ("text", "n", "told"),
    [
        ("Moscow", 2, "→ Moscow · first token M 73%"),
        ("Moscow is the ", ANSWER, "→ Moscow is the… · first token M 73%"),
    ],
)
def test_the_answer_is_the_first_line_without_an_edit(text: str, n: int, told: str) -> None:
    api = Steers(text, n)
    request = InspectRequest(prompt="Where?\n", prefix="An example.\n")
    assert words(asyncio.run(answered(cast(ApiClient, api), request))) == told
    (sent,) = api.asked
    assert (sent.prompt, sent.prefix, sent.interventions) == ("Where?\n", "An example.\n", [])
    assert (sent.stop, sent.max_new_tokens) == (["\n"], ANSWER)


def test_an_answer_that_cannot_be_had_leaves_the_token() -> None:
    request = InspectRequest(prompt="Where?\n")
    assert asyncio.run(answered(cast(ApiClient, Steers(None)), request)) is no_update


def test_the_strips_do_not_wait_for_their_answers() -> None:
    """The answers have a callback of their own, which begins when the strips stand."""
    app = Dash("overview", suppress_callback_exceptions=True)
    answering.register(app, cast(ApiClient, Steers("Moscow")))
    ((name, entry),) = app.callback_map.items()
    assert "overview-answer" in name
    assert [one["id"] for one in entry["inputs"]] == ["overview-asked"]
