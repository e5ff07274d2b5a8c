"""The statistics and the arms, worked by hand."""

import numpy as np
import pytest
import torch

from backend.core.lm import LanguageModel
from precompute.experiments.carry_kinds import comparison_arms
from precompute.experiments.patching.by_layer import largest, means
from precompute.experiments.patching.marked import (
    MarkedGroup,
    MarkedPrompt,
    MarkedSet,
    Token,
    first_tokens,
)
from precompute.experiments.patching.needed_arms import ARMS, averaged_out, rewritten
from precompute.experiments.patching.recorded import compared
from precompute.experiments.patching.said import said
from precompute.experiments.patching.travel import by_subject, restored
from precompute.experiments.patching.travel_pairs import Pair, choose_pairs
from precompute.job import BadInput


def test_a_layers_mean_has_an_interval_and_equal_values_have_none() -> None:
    values = np.array([[0.0, 1.0, 0.0, 1.0], [3.0, 3.0, 3.0, 3.0]])
    first, second = means(values, seed=1)
    assert (first.value, second.value) == (0.5, 3.0)
    assert (first.low, first.high) == (0.0, 1.0)
    assert (second.low, second.high) == (3.0, 3.0)
    with pytest.raises(ValueError, match="prompt ≥ 1"):
        means(np.empty((2, 0)), seed=1)


def test_the_interval_of_the_largest_holds_the_choice_of_its_layer() -> None:
    """Two layers that mirror each other: whichever a resample favours, the larger is at least
    1/2."""
    up = np.array([0.0, 1.0] * 10)
    layer, mean = largest(np.stack([up, 1.0 - up]), seed=1)
    assert (layer, mean.value) == (0, 0.5)
    assert mean.low >= 0.5
    assert mean.high > 0.6
    assert largest(np.array([[1.0, 1.0], [2.0, 2.0], [2.0, 2.0]]), seed=1)[0] == 1


def test_what_is_said_is_judged_by_first_tokens() -> None:
    probabilities = torch.tensor([[0.5, 0.2, 0.2, 0.1], [0.1, 0.3, 0.2, 0.4]])
    found = said(probabilities.log(), answers=[1, 2], candidates=[1, 2, 3])
    assert found.loss == pytest.approx(-np.log([0.4, 0.5]))
    assert found.right.tolist() == [False, False]  # token 0, which is nobody's answer; token 3
    assert found.chosen.tolist() == [True, False]
    with pytest.raises(ValueError, match="needed: one or more of both"):
        said(probabilities.log(), answers=[1], candidates=[1])


def prompt(behind: str, classes: str) -> MarkedPrompt:
    """`x` before the name, a name of two tokens, then letters; classes f and c. Ids are the
    letters' codes."""
    kinds = {"?": "punctuation", ".": "punctuation", "\n": "punctuation"}
    spelled = {"f": "function", "c": "content"}
    head = [Token("x", "content", "other_word")] * 3
    tail = [
        Token(text, spelled[one], kinds.get(text, "other_word"))
        for text, one in zip(behind, classes, strict=True)
    ]
    ids = (120, 65, 66, *map(ord, behind))
    return MarkedPrompt("ab", ids, range(1, 3), (7,), (*head, *tail))


def test_the_arms_of_a_prompt_by_hand() -> None:
    #   x A B | ?:3 f  w:4 c  v:5 c  .:6 f  line break:7 f
    one = prompt("?wv.\n", "fccff")
    arms = averaged_out(one, np.random.default_rng(0))
    assert arms["ablate function"] == (3, 6, 7)
    assert arms["ablate function, not the last position"] == (3, 6)
    assert arms["ablate content"] == (4, 5)
    assert arms["ablate question mark"] == (3,)
    assert arms["ablate full stop"] == (6,)
    assert arms["ablate line break"] == arms["ablate last"] == (7,)
    assert "ablate comma" not in arms  # it has none
    assert arms["ablate name"] == (1, 2)
    assert arms["ablate all"] == (1, 2, 3, 4, 5, 6, 7)
    assert arms["keep only function"] == (1, 2, 4, 5)
    assert arms["keep only last"] == (1, 2, 3, 4, 5, 6)
    assert arms["keep only function, not the last position"] == (1, 2, 4, 5, 7)
    assert arms["ablate punctuation, not the last position"] == (3, 6)
    assert arms["ablate function, matched"] == (3, 6)
    assert arms["ablate content, matched"] == (4, 5)
    assert set(arms) < set(ARMS)  # each has its words
    assert len(arms["ablate random, matched"]) == 2
    assert 7 not in arms["ablate random, matched"]


def test_matched_arms_are_of_one_size_and_absent_where_a_kind_is() -> None:
    arms = averaged_out(prompt("wvu.\n", "cccff"), np.random.default_rng(0))
    sizes = {arm: len(at) for arm, at in arms.items() if arm.endswith("matched")}
    assert set(sizes.values()) == {1}
    assert len(sizes) == 3
    only = averaged_out(prompt("?\n", "ff"), np.random.default_rng(0))
    assert not [arm for arm in only if arm.endswith("matched")]
    assert "keep only content" not in only


def test_tokens_are_deleted_and_inserted_behind_the_name_only() -> None:
    one = prompt("?wv.\n", "fccff")
    made = dict(rewritten(one, {"function": [33], "content": [99]}, np.random.default_rng(0)))
    head, tail = [120, 65, 66], [ord(text) for text in "?wv.\n"]
    assert made["delete function"] == [*head, tail[1], tail[2], tail[4]]
    assert made["delete content"] == [*head, tail[0], tail[3], tail[4]]
    spread = [x for token in tail[:-1] for x in (token, 33)]
    assert made["insert function"] == [*head, *spread, tail[-1]]
    assert 33 not in made["insert content"]
    assert made["insert content"].count(99) == 4


def test_restored_is_in_units_of_the_mean_distance() -> None:
    parts = [
        {"ends": [6.0, -4.0], "state": {"log_odds": [[6.0, 1.0]]}},  # moved by 10 and 5
        {
            "ends": [2.0, -4.0],
            "state": {"log_odds": [[-4.0, 0.0]]},
        },  # by 0 and 4; distances 10 and 6
    ]
    found = restored(parts, "state")  # [column, layer, pair]
    assert found.shape == (2, 1, 2)
    assert found[:, 0].tolist() == [[10 / 8, 0.0], [5 / 8, 4 / 8]]
    pairs = [Pair("a", "b", "c"), Pair("a", "c", "b")]
    assert by_subject(found, pairs)[:, 0, 0].tolist() == pytest.approx([5 / 8, 9 / 16])


def test_kinds_are_compared_at_equal_distances() -> None:
    kinds = {"function": "punctuation", "content": "other_word"}
    rows = [
        {"distance": d, "token_class": c, "kind": kinds[c], "is_last": last}
        for d, c, last in (
            (0, "content", False),
            (1, "function", False),
            (1, "content", False),
            (2, "function", True),
        )
    ]
    values = np.array([[[9.0]], [[3.0]], [[1.0]], [[8.0]]])  # [place, layer, subject]
    found = {arm: value.tolist() for arm, value in compared(rows, values)}
    assert found["function"] == [[3.0]]  # distance 1 alone has both, and the name does not count
    assert found["content"] == [[1.0]]
    assert found["function - content, not the last position"] == [[2.0]]
    assert set(found) <= set(comparison_arms())


def subjects_of(names: list[str]) -> MarkedSet:
    """Names of one token each, all different, and answers that differ."""
    made = []
    for place, name in enumerate(names):
        ids = (1, 50 + place, 63, 10)
        tokens = (Token("x", "content", "other_word"),) * 4
        made.append(MarkedPrompt(name, ids, range(1, 2), (100 + place,), tokens))
    return MarkedSet("set", "file", "names", (MarkedGroup(1, "{s}?", tuple(made)),))


def test_pairs_give_every_subject_as_often_and_are_refused_where_there_are_too_few() -> None:
    names = list("abcde")
    pairs = choose_pairs(subjects_of(names), names, 10, seed=1)
    assert len(set(pairs)) == len(pairs) == 10
    assert {name: sum(pair.a == name for pair in pairs) for name in names} == dict.fromkeys(
        names, 2
    )
    assert all(len({pair.a, pair.b, pair.other}) == 3 for pair in pairs)
    with pytest.raises(
        BadInput, match=r"5 of 5 subjects .* make 20 pairs; 21 are wanted: .*\(--pairs\)"
    ):
        choose_pairs(subjects_of(names), names, 21, seed=1)


def test_first_tokens_leave_out_words_that_begin_many_answers(lm: LanguageModel) -> None:
    ids = [first_tokens(lm, ["the cat", "Moscow", "Moscow."])]
    texts = [[lm.token_text(one) for one in found] for found in ids]
    assert texts[0][-1] in ("Moscow", "M")
    with pytest.raises(ValueError, match="has no answer"):
        first_tokens(lm, [])
