"""Kinds of tokens: what they reach, and that some do not occur."""

import json

from app.pages.coverage.kinds import kind_table
from backend.schemas.statistics import KindSummary, StatisticsResponse


def test_a_kind_that_no_token_is_of_has_no_reach() -> None:
    kind = KindSummary(
        token_group="punctuation",
        n_tokens=0,
        occurrences=0,
        coverage=0.0,
        interval=[0.0, 0.0],
        common_n=10,
        at_common=0.0,
        common_interval=[0.0, 0.0],
    )
    told = StatisticsResponse.model_construct(kinds=[kind], labels=[], spread=[])
    written = json.dumps(kind_table(told), default=lambda part: part.to_plotly_json())
    assert "no such token occurs" in written
    assert "%" not in written.replace("95 %", "")
