"""A prefix that reaches past the sliding window, and answers to compare behind it."""

from typing import Any

import pytest

from tests.api.conftest import PROMPT

PREFIX = "What is the capital of the UK?\nLondon.\n\nThe cat sat on the mat.\n\n"
SPLIT = {"prefix": PREFIX, "prompt": PROMPT}
WHOLE = PREFIX + PROMPT


def columns(found: dict[str, Any], sae_id: str, since: int = 0) -> list[tuple[int, int, float]]:
    kept = found["firings"][sae_id]
    rows = zip(kept["position"], kept["feature_index"], kept["activation"], strict=True)
    return [(p, f, round(a, 3)) for p, f, a in rows if p >= since]


def same_tokens(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [(one["position"], one["token_id"]) for one in found] == [
        (one["position"], one["token_id"]) for one in expected
    ]
    assert [one["probability"] for one in found] == pytest.approx(
        [one["probability"] for one in expected], abs=5e-5
    )
