"""The shuffled baseline and the index: against definitions spelled out, and by construction."""

import math
import random
from collections import Counter
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.core.lm import LanguageModel
from backend.core.reactivation.baseline import Spread, Stopped, arrangements, shuffled_splits
from backend.core.reactivation.index import PromptCounts, prompt_counts, summarise
from backend.core.reactivation.split import split, split_rows
from backend.core.sae import Firings, Sae
from tests.core.reactivation.test_split import firings_of, spelled_out

CLASSES = st.lists(st.sampled_from(["function", "content", "special"]), min_size=1, max_size=14)


@given(CLASSES, st.data())
def test_what_stays_and_what_moves(classes: list[str], data: st.DataObject) -> None:
    kept = data.draw(st.sets(st.integers(0, len(classes) - 1)))
    order = arrangements(classes, kept, 5, seed=3)
    assert torch.equal(order, arrangements(classes, kept, 5, seed=3))
    for row in order.tolist():
        assert sorted(row) == list(range(len(classes)))  # the same tokens
        for position, source in enumerate(row):
            assert classes[source] == classes[position]  # each position keeps its class
            if position in kept or classes[position] == "special":
                assert source == position


def test_every_arrangement_is_as_likely() -> None:
    order = arrangements(["special", "content", "content", "content", "function"], [], 6000, seed=0)
    found = Counter(tuple(row[1:4]) for row in order.tolist())
    assert len(found) == math.factorial(3)
    # chi-square with 5 degrees of freedom stays below 20.5 in 999 of 1000 fair shufflers
    assert sum((n - 1000) ** 2 / 1000 for n in found.values()) < 20.5


@given(
    st.lists(st.lists(st.sets(st.integers(0, 4)), min_size=4, max_size=4), min_size=1, max_size=5)
)
def test_rows_are_split_apart(rows: list[list[set[int]]]) -> None:
    flat = firings_of([features for row in rows for features in row])
    found = split_rows(flat, len(rows), 4, [0]).stacked()
    for row, counts in zip(rows, found, strict=True):
        assert [tuple(one) for one in counts.tolist()] == spelled_out(row, {0})


def test_a_batch_of_shuffles_equals_one_by_one(lm: LanguageModel, saes: dict[str, Sae]) -> None:
    ids = lm.tokenize("The cat sat on the mat, and the dog sat by the door.\n")
    classes = ["special", *(["function", "content"] * len(ids))[: len(ids) - 1]]
    order = arrangements(classes, [len(ids) - 1], 6, seed=1)
    found = shuffled_splits(lm, list(saes.values()), ids, order, [0], theta=1.0)
    for sae in saes.values():
        for row, counts in zip(order, found[sae.sae_id], strict=True):
            shuffled = [ids[i] for i in row]
            resid = lm.resid_post([shuffled], [sae.layer])[sae.layer][0]
            alone = split(sae.encode(resid, theta=1.0), len(ids), [0])
            assert torch.equal(counts, alone.stacked())


def test_nothing_to_permute_is_the_prompt_itself(lm: LanguageModel, saes: dict[str, Sae]) -> None:
    ids = lm.tokenize("The cat.\n")
    classes: list[str] = ["special"] + ["content"] * (len(ids) - 1)
    order = arrangements(classes, range(len(ids)), 4, seed=0)
    sae = saes["layer_2"]
    found = shuffled_splits(lm, [sae], ids, order, [0])["layer_2"]
    own = split(sae.encode(lm.resid_post([ids], [2])[2][0]), len(ids), [0]).stacked()
    assert all(torch.equal(counts, own) for counts in found)
    summary = summarise([prompt_counts(own, found, classes)])
    content = summary.classes[1]
    assert content.index == pytest.approx(0.0)
    assert content.interval == pytest.approx((0.0, 0.0))
    assert summary.classes[0].share is None  # no function token: nothing is claimed of them


def test_spread_is_mean_and_percentiles() -> None:
    values = torch.tensor([[1.0, 10.0], [3.0, 10.0], [8.0, 10.0]])
    found = Spread.over_shuffles(values)
    assert found.mean.tolist() == [4.0, 10.0]
    assert found.low.tolist() == pytest.approx([np.quantile([1, 3, 8], 0.025), 10.0])
    assert found.high.tolist() == pytest.approx([np.quantile([1, 3, 8], 0.975), 10.0])


def counts(function: tuple[int, int], content: tuple[int, int]) -> list[list[int]]:
    return [[firing, firing - again, again, 0] for firing, again in (function, content)]


def test_index_worked_by_hand() -> None:
    observed = np.array(counts((10, 6), (20, 5)))
    shuffled = np.array([counts((10, 4), (20, 5)), counts((8, 2), (20, 9))])
    found = summarise([PromptCounts(observed, shuffled, np.array([3, 4]))])
    function, content = found.classes
    assert function.share == pytest.approx(0.6)
    assert function.shuffled_share == pytest.approx((0.4 + 0.25) / 2)
    assert function.index == pytest.approx(0.6 - 0.325)
    assert function.interval == pytest.approx(
        (0.6 - np.quantile([0.25, 0.4], 0.975), 0.6 - np.quantile([0.25, 0.4], 0.025))
    )
    assert content.index == pytest.approx(0.25 - 0.35)
    assert (function.n_positions, function.observed) == (3, (10, 4, 6, 0))
    assert found.difference.share == pytest.approx(0.35)
    assert found.difference.share_interval is None  # one prompt says nothing of other prompts


@given(st.integers(2, 6), st.integers(1, 4), st.randoms())
def test_pooling_equals_the_definition(
    n_prompts: int, n_shuffles: int, source: random.Random
) -> None:
    def draw() -> list[list[int]]:
        pairs = [
            (firing, source.randint(0, firing))
            for firing in (source.randint(1, 30), source.randint(1, 30))
        ]
        return counts(*pairs)

    prompts = [
        PromptCounts(
            np.array(draw()), np.array([draw() for _ in range(n_shuffles)]), np.array([2, 5])
        )
        for _ in range(n_prompts)
    ]
    found = summarise(prompts)
    for c, one in enumerate(found.classes):
        share = sum(int(p.observed[c][2]) for p in prompts) / sum(
            int(p.observed[c][0]) for p in prompts
        )
        nulls = [
            sum(int(p.shuffled[s][c][2]) for p in prompts)
            / sum(int(p.shuffled[s][c][0]) for p in prompts)
            for s in range(n_shuffles)
        ]
        assert one.share == pytest.approx(share)
        assert one.index == pytest.approx(share - sum(nulls) / n_shuffles)
        assert one.n_positions == (2, 5)[c] * n_prompts
        assert one.interval is not None
        assert -1 <= one.interval[0] <= one.interval[1] <= 1
    assert (found.n_prompts, found.n_shuffles) == (n_prompts, n_shuffles)


def test_more_prompts_narrow_the_interval() -> None:
    rng = np.random.default_rng(0)

    def made(n: int) -> list[PromptCounts]:
        return [
            PromptCounts(
                np.array(counts((40, int(rng.binomial(40, 0.6))), (40, 20))),
                np.array([counts((40, int(rng.binomial(40, 0.4))), (40, 20)) for _ in range(5)]),
                np.array([4, 4]),
            )
            for _ in range(n)
        ]

    few, many = (summarise(made(n)).classes[0].interval for n in (5, 200))
    assert few is not None
    assert many is not None
    assert many[1] - many[0] < (few[1] - few[0]) / 3
    assert many[0] < 0.2 < many[1]  # what was put in: 0.6 - 0.4


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="allowed: 1 and above"):
        arrangements(["content"], [], 0, seed=0)
    with pytest.raises(ValueError, match="allowed: 0 to 0"):
        arrangements(["content"], [1], 1, seed=0)
    with pytest.raises(ValueError, match="at least one prompt"):
        summarise([])
    with pytest.raises(ValueError, match="allowed: 0 to 3"):
        split_rows(Firings(torch.tensor([4]), torch.tensor([0]), torch.ones(1)), 2, 2, [])


def test_work_that_is_stopped_ends_before_the_next_forward_or_sae(
    lm: LanguageModel, saes: dict[str, Sae]
) -> None:
    stop, read = Event(), []

    class Counting(LanguageModel):
        def resid_post(self, *args: Any, **kwargs: Any) -> Any:
            read.append(1)
            stop.set()
            return lm.resid_post(*args, **kwargs)

    counting = object.__new__(Counting)
    order = arrangements(["content"] * 6, [], 3, 0)
    with pytest.raises(Stopped):
        shuffled_splits(counting, list(saes.values()), [3, 4, 5, 6, 7, 8], order, [], stop=stop)
    assert len(read) == 1
    with pytest.raises(Stopped):
        shuffled_splits(counting, list(saes.values()), [3, 4, 5, 6, 7, 8], order, [], stop=stop)
    assert len(read) == 1
