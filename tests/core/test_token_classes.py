"""Function tokens by hand, and the properties of the cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from backend.core.token_classes import (
    CLASS_NAMES,
    CONTENT,
    FUNCTION,
    SPECIAL,
    by_frequency,
    classify,
    transitions,
)


def test_the_cut_by_hand() -> None:
    counts = np.array([900, 10, 30, 20, 40, 0])  # token 0 is special: 100 occurrences count
    assert [CLASS_NAMES[c] for c in classify(counts, {0})] == [
        "special",
        "content",
        "content",
        "content",
        "function",
        "content",
    ]
    assert classify(counts, {0}, share=0.41).tolist() == [SPECIAL, 0, FUNCTION, 0, FUNCTION, 0]
    assert classify(counts, {0}, share=1.0).tolist() == [SPECIAL, 1, 1, 1, 1, CONTENT]


def test_equal_counts_go_by_token_id() -> None:
    assert classify(np.array([5, 5, 5, 5]), [], share=0.5).tolist() == [1, 1, 0, 0]
    assert by_frequency(np.array([1, 7, 1, 7]), {3}).tolist() == [1, 0, 2]


def test_shares_that_are_not_exact_in_binary_still_hold_exactly() -> None:
    assert (classify(np.full(10, 7), [], share=0.7) == FUNCTION).sum() == 7
    assert (classify(np.full(10, 7), [], share=0.1) == FUNCTION).sum() == 1


def test_nothing_counted_means_nothing_is_function() -> None:
    assert classify(np.zeros(3, dtype=np.int64), [1]).tolist() == [0, SPECIAL, 0]


@given(
    hnp.arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 1000)),
    st.floats(0.01, 1.0),
    st.data(),
)
def test_the_fewest_most_frequent_tokens_that_reach_the_share(counts, share, data) -> None:
    special = data.draw(st.sets(st.integers(0, len(counts) - 1)))
    classes = classify(counts, special, share)
    assert {i for i, c in enumerate(classes) if c == SPECIAL} == special
    function, content = counts[classes == FUNCTION], counts[classes == CONTENT]
    total = function.sum() + content.sum()
    if total == 0:
        assert function.size == 0
        return
    assert function.sum() >= share * total * (1 - 1e-9)
    assert function.sum() - function.min() < share * total * (1 + 1e-9)  # one fewer would not do
    assert content.size == 0 or function.min() >= content.max()


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1, float("nan")])
def test_bad_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share is"):
        classify(np.array([1, 2]), [], share)


def test_bad_counts_and_special_ids_are_refused() -> None:
    with pytest.raises(ValueError, match="counts must be"):
        classify(np.array([-1, 2]), [])
    with pytest.raises(ValueError, match="special_ids must lie in 0 to 1"):
        classify(np.array([1, 2]), [2])


def test_transitions_by_hand() -> None:
    classes = np.array([SPECIAL, FUNCTION, CONTENT], dtype=np.int8)
    tokens = np.array([[0, 1, 1, 2, 2, 1], [1, 0, 1, 2, 1, 0]])
    assert transitions(classes, tokens).tolist() == [
        ["", "ff", "fc", "cc", "cf"],
        ["", "", "fc", "cf", ""],
    ]
