"""The prompts on Overview stand side by side, so their bars are of one scale."""

from __future__ import annotations

import json
import re

from app.pages.overview.strip import most_firing, prompt_strip
from backend.schemas import InspectResponse, Sae, Split, Token

SAE = Sae.model_construct(sae_id="s", layer=1)


def answer(firing: int) -> InspectResponse:
    """One token at which that many features fire, all for the first time."""
    split = Split.model_construct(position=1, firing=firing, new=firing, reactivated=0)
    token = Token.model_construct(position=1, token_id=5, text="a", token_class="content")
    return InspectResponse.model_construct(tokens=[token], splits={"s": [split]}, next_tokens=[])


def test_a_bar_is_as_high_as_its_features_are_many_in_either_prompt() -> None:
    answers = [answer(10), answer(40)]
    most = most_firing(answers, SAE)
    strips = [prompt_strip(one, SAE, "a", most).to_plotly_json() for one in answers]
    written = [json.dumps(one, default=lambda part: part.to_plotly_json()) for one in strips]
    highest = [max(float(px) for px in re.findall(r'"([\d.]+)px"', one)) for one in written]
    assert highest == [11.5, 46.0]
