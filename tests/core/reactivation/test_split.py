"""New, reactivated and carried, by hand and against the definition spelled out in a loop."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.core.reactivation.split import labels, split
from backend.core.sae import Firings


def firings_of(active: list[set[int]]) -> Firings:
    pairs = [(p, f) for p, features in enumerate(active) for f in sorted(features)]
    position, feature = (
        torch.tensor([pair[i] for pair in pairs], dtype=torch.int64) for i in (0, 1)
    )
    return Firings(position, feature, torch.ones(len(pairs)))


def test_by_hand() -> None:
    #            BOS     "the"   "cat"      "."      "the"
    active = [{1, 9}, {1, 2}, {2, 3}, set(), {1, 2, 4}]
    found = split(firings_of(active), 5, [0])
    assert found.firing.tolist() == [2, 2, 2, 0, 3]
    assert found.new.tolist() == [2, 2, 1, 0, 1]  # what fired at BOS counts as not seen
    assert found.reactivated.tolist() == [0, 0, 1, 0, 2]
    assert found.carried.tolist() == [0, 0, 1, 0, 0]


def spelled_out(active: list[set[int]], special: set[int]) -> list[tuple[int, int, int, int]]:
    seen: set[int] = set()
    rows = []
    for position, features in enumerate(active):
        again = features & seen
        before = active[position - 1] if position and position - 1 not in special else set()
        rows.append((len(features), len(features - seen), len(again), len(again & before)))
        if position not in special:
            seen |= features
    return rows


@given(st.lists(st.sets(st.integers(0, 5)), max_size=12), st.sets(st.integers(0, 11)), st.randoms())
def test_equals_the_definition_in_any_order_of_firings(active, special, random) -> None:
    special = {p for p in special if p < len(active)}
    firings = firings_of(active)
    order = list(range(len(firings)))
    random.shuffle(order)
    index = torch.tensor(order, dtype=torch.int64)
    shuffled = Firings(
        firings.position[index], firings.feature_index[index], firings.activation[index]
    )
    found = split(shuffled, len(active), special)
    columns = [found.firing, found.new, found.reactivated, found.carried]
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == spelled_out(active, special)
    reactivated, carried = labels(shuffled, len(active), special)
    assert not (carried & ~reactivated).any()


def test_positions_outside_the_prompt_are_refused() -> None:
    with pytest.raises(ValueError, match="allowed: 0 to 0"):
        split(firings_of([{1}, {2}]), 1, [])
