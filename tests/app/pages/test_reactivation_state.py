"""Which prompts Reactivation reads."""

import pytest

from app.api import ApiProblem
from app.pages.reactivation.state import prompts_of


def test_the_second_prompt_is_never_shown_as_the_first() -> None:
    assert prompts_of("a", "b") == ["a", "b"]
    assert prompts_of("a", "") == ["a"]
    for second in ("b", "", None):
        with pytest.raises(ApiProblem, match="A is empty"):
            prompts_of("", second)
