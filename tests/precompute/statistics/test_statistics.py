"""Every statistic against a brute-force oracle on small random graphs,
or a closed form, or a simulation.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, permutations
from math import comb, log2, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precompute.building.coverage import NEVER
from precompute.statistics.counts import active_draws, log_unreached
from precompute.statistics.edges import chunk_of
from precompute.statistics.excess import chao1
from precompute.statistics.labels import label_permutation, strata_of, within_strata
from precompute.statistics.rarefaction import (
    LogFactorials,
    group_rows,
    log_grid,
    rarefaction,
    rarefy,
)
from precompute.statistics.reach import chao1_interval, drawn_coverage
from precompute.statistics.resample import Z95, draws, interval, share_interval
from precompute.statistics.spread import evenness, expected_documents

CASES = settings(max_examples=200, deadline=None)
N_TOKENS, N_FEATURES, N_SHARDS = 4, 6, 3
LOG = LogFactorials(1000)

# what one shard saw: for each position its token and the set of features that fired there
POSITION = st.tuples(
    st.integers(0, N_TOKENS - 1), st.sets(st.integers(0, N_FEATURES - 1), max_size=4)
)
SHARDS = st.lists(st.lists(POSITION, max_size=9), min_size=N_SHARDS, max_size=N_SHARDS)
Shards = list[list[tuple[int, set[int]]]]


def partials(shards: Shards) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(token, feature, counts [n, 1], shard) partial rows, as the stage `edges` would sum them."""
    rows = {}
    for shard, positions in enumerate(shards):
        for token, features in positions:
            for feature in features:
                rows[token, feature, shard] = rows.get((token, feature, shard), 0) + 1
    keys = np.array(sorted(rows), dtype=np.int64).reshape(-1, 3)
    counts = np.array([rows[tuple(key)] for key in keys.tolist()], dtype=np.int64).reshape(-1, 1)
    return keys[:, 0], keys[:, 1], counts, keys[:, 2]


def occurrences_of(shards: Shards) -> np.ndarray:
    """[shards, tokens] positions."""
    return np.array(
        [np.bincount([t for t, _ in one], minlength=N_TOKENS) for one in shards], dtype=np.int64
    )


def positions_of(shards: Shards, token: int, weights: list[int] | None = None) -> list[set[int]]:
    """Feature sets of the token's positions; shard s repeated weights[s] times."""
    times = weights or [1] * len(shards)
    return [
        f
        for one, n in zip(shards, times, strict=True)
        for _ in range(n)
        for t, f in one
        if t == token
    ]


def exact_rarefaction(positions: list[set[int]], n: int) -> Fraction:
    """Mean number of distinct features over every choice of n positions, one by one."""
    n = min(n, len(positions))
    chosen = list(combinations(positions, n))
    return Fraction(sum(len(set().union(*some)) for some in chosen), len(chosen))


@CASES
@given(SHARDS)
def test_rarefaction_is_the_mean_over_every_choice_of_positions(shards: Shards) -> None:
    token, feature, counts, shard = partials(shards)
    chunk = chunk_of(token, feature, counts, shard, N_FEATURES, N_SHARDS)
    by_shard = occurrences_of(shards)
    if not by_shard.any():
        return
    groups = np.ones((1, N_TOKENS), dtype=bool)
    weights = draws(N_SHARDS, 4, 0)
    made = rarefaction([chunk], by_shard, groups, weights)
    total = by_shard.sum(axis=0)
    for t in range(N_TOKENS):
        mine = positions_of(shards, t)
        assert made.degree[t] == len(set().union(*mine)) if mine else made.degree[t] == 0
        for j, n in enumerate(made.grid.tolist()):
            if len(mine) >= n and comb(len(mine), n) <= 3000:
                assert made.expected[t, j] == pytest.approx(
                    float(exact_rarefaction(mine, n)), abs=1e-9
                )
        seen = [sum(f in one for one in mine) for f in range(N_FEATURES)]
        assert (made.once[t], made.twice[t]) == (seen.count(1), seen.count(2))
        for d, row in enumerate(weights.tolist()):
            again = positions_of(shards, t, row)
            assert made.degree_draws[d, t] == len(set().union(*again) if again else set())
    j = 0  # n = 1: the mean over tokens of the mean number of firings a position, in each draw
    there = [t for t in range(N_TOKENS) if total[t]]
    for d, row in enumerate(weights.tolist()):
        drawn = [positions_of(shards, t, row) for t in there]
        wanted = np.mean([np.mean([len(f) for f in one]) if one else 0.0 for one in drawn])
        assert made.group_draws[d, 0, j] == pytest.approx(wanted, abs=1e-9)


def test_rarefaction_agrees_with_simulation() -> None:
    generator = np.random.default_rng(1)
    fires = generator.random((300, 40)) < np.linspace(0.002, 0.3, 40)
    firings = fires.sum(axis=0)
    expected, degree = rarefy(
        np.zeros(40, np.int64), firings, np.array([300]), np.array([20]), LOG, 1
    )
    met = [fires[generator.choice(300, 20, replace=False)].any(axis=0).sum() for _ in range(4000)]
    assert expected[0, 0] == pytest.approx(np.mean(met), abs=5 * np.std(met) / sqrt(len(met)))
    assert degree[0] == (firings > 0).sum()


def test_the_grid_and_a_group_of_too_few_tokens() -> None:
    assert log_grid(1).tolist() == [1]
    assert log_grid(130).tolist() == [1, 2, 5, 10, 20, 50, 100]
    shards: Shards = [[(0, {0, 1}), (1, {2})], [(0, {0})], []]
    token, feature, counts, shard = partials(shards)
    chunk = chunk_of(token, feature, counts, shard, N_FEATURES, N_SHARDS)
    groups = np.array([[True, True, False, False]])
    by_shard = occurrences_of(shards)
    made = rarefaction([chunk], by_shard, groups, draws(N_SHARDS, 5, 0))
    rows = group_rows(made, ["x"], groups, by_shard.sum(axis=0), least=2)
    assert [(row.n, row.n_tokens, row.mean) for row in rows] == [(1, 2, pytest.approx(1.25))]


@CASES
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=12))
def test_the_bootstrap_of_a_mean_has_its_closed_form(values: list[float]) -> None:
    # Var of the resampled mean of S shards is (1/S) * population variance: exact over all S^S draws
    x = np.array(values)
    weights = draws(len(x), 20_000, 3)
    assert (weights.sum(axis=1) == len(x)).all()
    means = weights @ x / len(x)
    low, high = interval(x.mean(), means)
    half = Z95 * x.std() / sqrt(len(x))
    assert (high - low) / 2 == pytest.approx(half, rel=0.06, abs=1e-9)
    assert (low + high) / 2 == pytest.approx(x.mean(), abs=1e-9)
    bottom, top = share_interval(np.array(0.99), np.array([0.9, 1.0, 0.95]))
    assert 0 <= bottom < top == 1


@CASES
@given(st.integers(1, 12), st.data())
def test_drawn_coverage_is_the_exact_fraction(n_positions: int, data: st.DataObject) -> None:
    drawn = data.draw(st.integers(0, n_positions + 1))
    firings = data.draw(st.lists(st.integers(0, n_positions), min_size=1, max_size=6))
    found = drawn_coverage(np.array(firings), n_positions, drawn, LOG)
    if drawn > n_positions:
        assert np.isnan(found)
        return
    exact = sum(
        1 - Fraction(comb(n_positions - f, drawn), comb(n_positions, drawn)) for f in firings if f
    )
    assert found == pytest.approx(float(exact), abs=1e-9)


EDGES = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), min_size=1, max_size=8)


@CASES
@given(EDGES, st.sampled_from([0.1, 0.37, 0.8, 1.0]), st.integers(2, 4))
def test_several_firings_are_kept_as_the_binomial_says(
    edges: list[tuple[int, int]], share: float, least: int
) -> None:
    firings, feature = (np.array(column) for column in zip(*edges, strict=True))
    found = -np.expm1(log_unreached(firings, feature, share, least, 4))
    for f in range(4):
        unreached = 1.0
        for n, of in edges:
            if of == f:
                unreached *= sum(
                    comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(min(least, n + 1))
                )
        assert found[f] == pytest.approx(1 - unreached, abs=1e-9)


@CASES
@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=3, max_size=3))
def test_active_features_of_a_draw_are_those_of_its_shards(met: list[list[bool]]) -> None:
    first = np.where(np.array(met), 0, NEVER)
    weights = draws(3, 6, 2)
    wanted = [
        sum(any(met[s][f] for s in range(3) if row[s]) for f in range(5))
        for row in weights.tolist()
    ]
    assert active_draws(first, weights).tolist() == wanted


# -- Chao1 -----------------------------------------------------------------------------------------


@CASES
@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_chao1_by_its_formula_and_its_interval_around_it(firings: list[int]) -> None:
    observed, once, twice = sum(f > 0 for f in firings), firings.count(1), firings.count(2)
    estimate = chao1(np.array(observed), np.array(once), np.array(twice)).item()
    assert Fraction(estimate).limit_denominator(1000) == observed + Fraction(
        once * (once - 1), 2 * (twice + 1)
    )
    low, high = chao1_interval(observed, once, twice)
    assert observed <= low <= estimate <= high
    assert (low == high) == (once < 2)


def test_chao1_comes_near_the_truth_where_kinds_are_alike() -> None:
    generator = np.random.default_rng(0)
    estimates, held = [], 0
    for _ in range(300):
        seen = np.bincount(generator.integers(0, 200, 250), minlength=200)
        counts = [int((seen > 0).sum()), int((seen == 1).sum()), int((seen == 2).sum())]
        estimates.append(chao1(*(np.array(n) for n in counts)).item())
        low, high = chao1_interval(*counts)
        held += low <= 200 <= high
    assert np.mean(estimates) == pytest.approx(200, rel=0.03)
    assert 0.90 <= held / 300 <= 0.99


# -- spread over documents -------------------------------------------------------------------------


@CASES
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_expected_documents_over_every_placing(lengths: list[int], data: st.DataObject) -> None:
    total = sum(lengths)
    n = data.draw(st.integers(1, total))
    owner = [d for d, length in enumerate(lengths) for _ in range(length)]
    placings = list(combinations(range(total), n))
    if len(placings) > 4000:
        return
    wanted = sum(len({owner[p] for p in places}) for places in placings) / len(placings)
    ones = np.ones(len(lengths), dtype=np.int64)
    found = expected_documents(np.array([n, 1]), np.array(lengths), ones)
    assert found == pytest.approx([wanted, 1.0])
    assert evenness(np.array([1, 1]), np.array([n, 1]), np.array(lengths), ones)[
        1
    ] == pytest.approx(1)


def test_documents_drawn_twice_count_twice() -> None:
    lengths = np.array([2, 3, 5])
    twice = expected_documents(np.array([4]), lengths, np.array([2, 0, 1]))
    assert twice == pytest.approx(
        expected_documents(np.array([4]), np.array([2, 2, 5]), np.ones(3, np.int64))
    )


# -- labels ----------------------------------------------------------------------------------------

LABELLED = st.lists(
    st.tuples(st.integers(1, 8), st.integers(1, 50), st.booleans()), min_size=2, max_size=12
)


@CASES
@given(LABELLED)
def test_within_strata_is_the_weighted_mean_of_differences(
    tokens: list[tuple[int, int, bool]],
) -> None:
    occurrences, values, labelled = (np.array(column) for column in zip(*tokens, strict=True))
    strata = strata_of(occurrences)
    assert strata.tolist() == [int(log2(n)) for n in occurrences.tolist()]
    total, weight = 0.0, 0
    for stratum in set(strata.tolist()):
        mine = [v for (n, v, lab) in tokens if int(log2(n)) == stratum and lab]
        rest = [v for (n, v, lab) in tokens if int(log2(n)) == stratum and not lab]
        if mine and rest:
            total += len(mine) * (sum(mine) / len(mine) - sum(rest) / len(rest))
            weight += len(mine)
    found = within_strata(values.astype(np.float64), labelled, strata)
    assert found == pytest.approx(total / weight) if weight else np.isnan(found)


def test_permutations_have_the_distribution_of_all_permutations() -> None:
    values = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 3.0, 5.0, 6.0, 9.0, 12.0])
    labelled = np.array([True, True, True, False, False, True, False, True, False, False])
    strata = np.array([0] * 5 + [1] * 5)
    row = label_permutation(values, ["x"], labelled[None], strata, seed=0, n_permutations=20_000)[0]
    every = [
        within_strata(
            values, np.array([i in a for i in range(5)] + [i in b for i in range(5)]), strata
        )
        for a in combinations(range(5), 3)
        for b in combinations(range(5), 2)
    ]
    assert (row["n_labelled"], row["n_others"], row["n_strata"]) == (5, 5, 2)
    assert row["observed"] == pytest.approx(within_strata(values, labelled, strata))
    centre = np.mean(every)
    p = np.mean([abs(e - centre) >= abs(row["observed"] - centre) - 1e-9 for e in every])
    assert row["p_value"] == pytest.approx(p, abs=0.02)
    assert (row["null_low"], row["null_high"]) == pytest.approx(
        tuple(np.quantile(every, [0.025, 0.975])), abs=0.7
    )


def test_a_label_without_others_of_its_frequency_is_left_out() -> None:
    values, strata = np.arange(12.0), np.array([0] * 6 + [1] * 6)
    assert (
        label_permutation(values, ["alone"], (strata == 1)[None], strata, seed=0, n_permutations=50)
        == []
    )


def test_order_of_partial_rows_does_not_matter() -> None:
    token, feature, counts, shard = partials([[(0, {1, 2}), (1, {3})], [(0, {1})], [(1, {3, 0})]])
    first = chunk_of(token, feature, counts, shard, N_FEATURES, N_SHARDS)
    for order in list(permutations(range(len(token))))[:50]:
        some = list(order)
        again = chunk_of(
            token[some], feature[some], counts[some], shard[some], N_FEATURES, N_SHARDS
        )
        assert again.counts().tolist() == first.counts().tolist()
        assert again.token_id.tolist() == first.token_id.tolist()
