"""Where a text ends: by hand, and every split of a text into tokens alike."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.lm import LanguageModel
from backend.core.steering.answers import all_answers
from backend.core.steering.generate import first_greedy_step, generate_arms
from backend.core.steering.prefill import next_token
from backend.core.steering.sweep import baseline
from backend.core.steering.text import Text, begun, first_stop


class Letters:
    """Token i is the i-th of `pieces`."""

    eos_ids = frozenset({-1})
    byte_ids = frozenset[int]()

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = pieces

    def decode(self, token_ids: Sequence[int]) -> str:
        return "".join(self.pieces[i] for i in token_ids)


def pushed(pieces: Sequence[str], until: Sequence[str]) -> tuple[list[str], bool]:
    """What each piece shows, and whether a stop ended the text."""
    lm: Any = Letters(pieces)
    text, shown = Text(lm, until), []
    for i in range(len(pieces)):
        shown.append(text.push(i, last=i == len(pieces) - 1))
        if text.finished:
            break
    return shown, first_stop("".join(pieces), until) is not None


def test_by_hand() -> None:
    assert pushed(["Paris", "\n", "\n", "What"], ["\n\n"]) == (["Paris", "", ""], True)
    assert pushed(["Paris", "\n", "is"], ["\n\n"]) == (["Paris", "", "\nis"], False)
    assert pushed(["Par", "is\n\nWhat"], ["\n\n"]) == (["Par", "is"], True)
    assert pushed(["a", "b"], ["bc"]) == (["a", "b"], False)  # held back, and given out at the end
    assert pushed(["aab", "x"], ["aab", "b"]) == ([""], True)  # the first of two that end here
    assert pushed(["a", "b"], []) == (["a", "b"], False)


def test_where_a_stop_begins() -> None:
    assert first_stop("one two one", ["two", "one"]) == 0
    assert first_stop("one two", ["two"]) == 4
    assert first_stop("one", ["two"]) is None
    assert begun("a\n", ["\n\n", "\nWhat"]) == 1
    assert begun("a\nWh", ["\n\n", "\nWhat"]) == 3
    assert begun("a\n\n", ["\n\n"]) == 1
    assert begun("abc", ["\n"]) == 0


@given(
    st.lists(st.text("ab\n", min_size=1, max_size=3), min_size=1, max_size=8),
    st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3),
)
def test_what_was_shown_is_the_text_before_the_stop_whatever_the_tokens(
    pieces: list[str], until: list[str]
) -> None:
    """Never a part of the stop that ends it; nothing that was shown is taken back."""
    shown, _ = pushed(pieces, until)
    text, grown = "".join(shown), ""
    for piece in pieces:  # the first moment at which a stop is in the text
        grown += piece
        if first_stop(grown, until) is not None:
            break
    assert text == grown[: first_stop(grown, until)]
    for n in range(len(shown)):  # at no time more than what the end allows
        assert text.startswith("".join(shown[:n]))


@pytest.fixture(scope="module")
def ids(lm: LanguageModel) -> list[int]:
    return lm.tokenize("What is the capital of the UK?\n")


def test_every_arm_ends_at_its_own_stop(lm: LanguageModel, ids: list[int]) -> None:
    """A stop taken out of the text that the model writes anyway."""
    free = list(generate_arms(lm, ids, [[]], max_new_tokens=12))
    whole = "".join(step.text for step in free)
    stop = whole[5:8]
    end = whole.index(stop)
    steps = list(generate_arms(lm, ids, [[], []], max_new_tokens=12, until=[stop]))
    for arm in (0, 1):
        mine = [step for step in steps if step.arm == arm]
        assert "".join(step.text for step in mine) == whole[:end]
        assert [step.finished for step in mine] == [False] * (len(mine) - 1) + [True]
        assert [step.token_id for step in mine] == [step.token_id for step in free[: len(mine)]]
        assert len(mine) < 12
    found = all_answers(lm, [ids, ids[:-1]], [[], []], max_new_tokens=12, until=[stop])[0]
    assert (found.text, found.token_ids) == (
        whole[:end],
        [step.token_id for step in steps if step.arm == 0],
    )
    cell = baseline(lm, ids, 12, until=[stop])
    assert (cell.text, cell.token_ids) == (found.text, found.token_ids)
    first = first_greedy_step(lm, next_token(lm, ids, [[]])[0], 12, [stop])
    assert first == steps[0]


def test_a_stop_that_never_comes_changes_nothing(lm: LanguageModel, ids: list[int]) -> None:
    free = [(s.token_id, s.finished) for s in generate_arms(lm, ids, [[]], max_new_tokens=9)]
    stopped = list(generate_arms(lm, ids, [[]], max_new_tokens=9, until=["\n\nnever"]))
    assert [(s.token_id, s.finished) for s in stopped] == free
    assert "".join(s.text for s in stopped) == lm.decode([token_id for token_id, _ in free])
