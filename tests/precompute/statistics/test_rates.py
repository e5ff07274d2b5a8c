"""Edges by rate, against rates counted position by position."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.token_classes import CONTENT, FUNCTION, SPECIAL
from precompute.building.tokens import TokenTable
from precompute.statistics.edges import chunk_of
from precompute.statistics.rates import RATES, RateReach
from precompute.statistics.resample import draws

N_TOKENS, N_FEATURES, N_SHARDS, LEAST = 6, 7, 3, 2
# a position: its token (5 is special and never drawn) and the set of features that fire there
POSITION = st.tuples(st.integers(0, N_TOKENS - 2), st.frozensets(st.integers(0, N_FEATURES - 1)))
SHARDS = st.lists(st.lists(POSITION, min_size=1, max_size=14), min_size=N_SHARDS, max_size=N_SHARDS)
Shards = list[list[tuple[int, frozenset[int]]]]


def table_of(shards: Shards) -> TokenTable:
    by_shard = np.array([np.bincount([t for t, _ in one], minlength=N_TOKENS) for one in shards])
    counts = by_shard.sum(axis=0)
    ranked = np.argsort(-counts[:-1], kind="stable")
    classes = np.full(N_TOKENS, CONTENT, dtype=np.int8)
    classes[ranked[:1]], classes[-1] = FUNCTION, SPECIAL
    return TokenTable(by_shard, np.ones(N_TOKENS, np.int64), 3, ranked, classes, "")


def reach_of(shards: Shards, weights: np.ndarray) -> RateReach:
    """Fed in two chunks, as the job does with ranges of tokens."""
    made = RateReach(table_of(shards), N_FEATURES, weights, LEAST, (1, 2, 3))
    for low, high in ((0, 3), (3, N_TOKENS)):
        rows = [
            (t, f, shard)
            for shard, one in enumerate(shards)
            for t, fired in one
            for f in fired
            if low <= t < high
        ]
        t, f, shard = np.array(rows, dtype=np.int64).reshape(-1, 3).T
        if len(t):
            made.add(chunk_of(t, f, np.ones((len(t), 3), np.int64), shard, N_FEATURES, N_SHARDS))
    return made


def edges(positions: list[tuple[int, frozenset[int]]], rate: float) -> dict[int, set[int]]:
    """token -> features, of tokens with LEAST positions or more."""
    found = {}
    for token in {t for t, _ in positions}:
        mine = [fired for t, fired in positions if t == token]
        found[token] = {
            f for f in range(N_FEATURES) if sum(f in fired for fired in mine) / len(mine) >= rate
        }
    return found


@settings(max_examples=150, deadline=None)
@given(SHARDS)
def test_ranks_and_contrasts_equal_the_recount(shards: Shards) -> None:
    tokens, weights = table_of(shards), draws(N_SHARDS, 4, 2)
    listed = [t for t in tokens.ranked.tolist() if tokens.occurrences[t] >= LEAST]
    made = reach_of(shards, weights)
    n_active = max(len(set().union(*(fired for one in shards for _, fired in one))), 1)
    columns = made.ranks()
    rows = made.contrasts(n_active, np.full(4, n_active), 0)
    positions = [one for shard in shards for one in shard]
    for rate in RATES if listed else ():
        found, mine = edges(positions, rate), columns["min_rate"] == rate
        assert columns["token_id"][mine].tolist() == listed
        assert columns["degree"][mine].tolist() == [len(found[t]) for t in listed]
        reached = [
            len(set().union(*(found[t] for t in listed[:k]))) for k in range(len(listed) + 1)
        ]
        assert columns["new_features"][mine].tolist() == np.diff(reached).tolist()
        content = [t for t in listed if tokens.classes[t] == CONTENT]
        for row in (one for one in rows if one["min_rate"] == rate):
            k = row["k"]
            assert row["coverage"] == reached[k] / n_active
            assert (row["n_others"], row["n_draws"]) == (
                len(content),
                200 if len(content) >= 2 * k else 0,
            )
            if row["n_draws"]:
                sizes = [
                    len(set().union(*(found[t] for t in some))) / n_active
                    for some in combinations(content, k)
                ]
                assert min(sizes) <= row["others_low"] <= row["others_high"] <= max(sizes)
                assert min(sizes) - 1e-12 <= row["others_mean"] <= max(sizes) + 1e-12


@settings(max_examples=100, deadline=None)
@given(SHARDS)
def test_a_resampled_rate_is_that_of_the_shards_that_were_drawn(shards: Shards) -> None:
    """The interval has no width of its own where every draw is the sample itself; with one shard
    alone in a draw, the rates are that shard's.
    """
    tokens = table_of(shards)
    listed = [t for t in tokens.ranked.tolist() if tokens.occurrences[t] >= LEAST][:3]
    alone = np.array([[1, 0, 0], [0, 3, 0]])
    made = reach_of(shards, alone)
    for draw, shard in ((0, 0), (1, 1)):
        for m, rate in enumerate(RATES):
            found = edges(shards[shard], rate)
            for k in range(1, len(listed) + 1):
                wanted = set().union(*(found.get(t, set()) for t in listed[:k]))
                assert set(np.flatnonzero(made._first[draw, m] < k).tolist()) == wanted
