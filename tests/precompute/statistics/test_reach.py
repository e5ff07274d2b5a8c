"""What groups of tokens reach, against sets built position by position from
small random corpora.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.companions.statistics.sets import intersections
from backend.core.token_classes import by_frequency, classify
from precompute.building.tokens import TokenTable
from precompute.statistics.counts import SEVERAL, CountedReach, log_unreached
from precompute.statistics.edges import chunk_of
from precompute.statistics.excess import NullFit, excess_columns
from precompute.statistics.rarefaction import GroupRow, LogFactorials, Rarefied
from precompute.statistics.reach import (
    GROUPS,
    Comparison,
    both_sides,
    chao1_rows,
    comparisons,
    equal_occurrence,
    kind_summary,
    members,
    weighted,
)
from precompute.statistics.resample import draws
from precompute.statistics.shards import Reach, Scale, cut_sizes, make_scale, reach_of

CASES = settings(max_examples=200, deadline=None)
N_TOKENS, N_FEATURES, N_SHARDS, SPECIAL = 5, 6, 3, 4
THETAS = (0.0, 1.0, 2.0)
LOG = LogFactorials(500)

# a firing: token, feature, activation; every position fires one feature or none (feature None)
FIRING = st.tuples(
    st.integers(0, N_TOKENS - 2),
    st.one_of(st.none(), st.integers(0, N_FEATURES - 1)),
    st.sampled_from([0.5, 1.5, 2.5]),
)
CORPUS = st.lists(st.lists(FIRING, min_size=1, max_size=12), min_size=N_SHARDS, max_size=N_SHARDS)
Corpus = list[list[tuple[int, int | None, float]]]


def table_of(corpus: Corpus, share: float = 0.4) -> TokenTable:
    by_shard = np.array(
        [np.bincount([t for t, _, _ in one], minlength=N_TOKENS) for one in corpus], dtype=np.int64
    )
    counts = by_shard.sum(axis=0)
    classes = classify(counts, [SPECIAL], share)
    return TokenTable(
        by_shard, np.ones(N_TOKENS, np.int64), 9, by_frequency(counts, [SPECIAL]), classes, ""
    )


def partials_of(corpus: Corpus) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """By shard: (token, feature, counts [n, thetas])."""
    made = []
    for shard in corpus:
        keys = sorted({(t, f) for t, f, _ in shard if f is not None})
        counts = [
            [
                sum(x == (t, f) and a > theta for *x2, a in shard for x in [tuple(x2)])
                for theta in THETAS
            ]
            for t, f in keys
        ]
        columns = np.array(keys, dtype=np.int64).reshape(-1, 2)
        made.append((columns[:, 0], columns[:, 1], np.array(counts, dtype=np.int64).reshape(-1, 3)))
    return made


def reach(corpus: Corpus, scale: Scale) -> Reach:
    parts = [reach_of(t, f, n, N_FEATURES, scale) for t, f, n in partials_of(corpus)]
    return Reach(
        *(
            np.stack([getattr(p, name) for p in parts])
            for name in ("first_place", "firings", "kind_firings")
        )
    )


KIND = np.array([0, 1, 1, 2, 0], dtype=np.int8)


def repeated(corpus: Corpus, weights: list[int]) -> list[tuple[int, int | None, float]]:
    return [
        one for shard, n in zip(corpus, weights, strict=True) for _ in range(n) for one in shard
    ]


def met_by_draw(positions: list[int | None], drawn: int) -> float:
    """Expected distinct features of `drawn` positions, each firing one feature or none."""
    n = len(positions)
    if drawn > n:
        return float("nan")
    counts = Counter(f for f in positions if f is not None)
    return float(sum(1 - Fraction(comb(n - f, drawn), comb(n, drawn)) for f in counts.values()))


@CASES
@given(CORPUS)
def test_both_sides_equal_the_recount(corpus: Corpus) -> None:
    tokens = table_of(corpus)
    scale, chosen = make_scale(tokens, KIND), comparisons(tokens)
    weights = draws(N_SHARDS, 3, 1)
    for row, sums in zip(
        weights.tolist(), weighted(reach(corpus, scale), tokens.by_shard, weights), strict=True
    ):
        text = repeated(corpus, row)
        active = {f for _, f, _ in text if f is not None}
        found = both_sides(sums, scale, tokens.ranked, chosen, LOG) * sums.n_active
        assert sums.n_active == max(len(active), 1)
        for i, one in enumerate(chosen):
            top, others = tokens.ranked[: one.k].tolist(), tokens.ranked[one.beyond :].tolist()
            drawn = sum(t in top for t, _, _ in text)
            for j, theta in enumerate(THETAS):
                fired = [(t, f if a > theta else None) for t, f, a in text]
                assert found[0, j, i] == pytest.approx(
                    len({f for t, f in fired if t in top and f is not None})
                )
                wanted = met_by_draw([f for t, f in fired if t in others], drawn)
                assert found[1, j, i] == pytest.approx(wanted, nan_ok=True)


@CASES
@given(CORPUS)
def test_groups_and_singletons_equal_the_recount(corpus: Corpus) -> None:
    tokens = table_of(corpus)
    scale = make_scale(tokens, KIND)
    groups = members(tokens, scale)
    assert not groups[:, SPECIAL].any()
    assert (
        (groups[0] | groups[1]).tolist() == groups[-1].tolist() == groups[2:-1].any(axis=0).tolist()
    )
    found = {row["token_group"]: row for row in chao1_rows(reach(corpus, scale), scale, tokens)}
    text = repeated(corpus, [1] * N_SHARDS)
    for g, name in enumerate(GROUPS):
        mine = set(np.flatnonzero(groups[g]).tolist())
        counts = Counter(f for t, f, _ in text if t in mine and f is not None)
        times = list(counts.values())
        assert (found[name]["observed"], found[name]["once"], found[name]["twice"]) == (
            len(times),
            times.count(1),
            times.count(2),
        )
    if not any(f is not None for _, f, _ in text):
        return
    n_active = len({f for _, f, _ in text if f is not None})
    for row in kind_summary(reach(corpus, scale), scale, tokens, draws(N_SHARDS, 3, 1), LOG):
        mine = set(np.flatnonzero(groups[GROUPS.index(row["token_group"])]).tolist())
        positions = [f for t, f, _ in text if t in mine]
        assert row["occurrences"] == len(positions) >= row["common_n"]
        assert row["coverage"] * n_active == pytest.approx(len(set(positions) - {None}))
        assert row["at_common"] * n_active == pytest.approx(met_by_draw(positions, row["common_n"]))
        assert 0 <= row["low"] <= row["coverage"] <= row["high"] <= 1


@CASES
@given(CORPUS)
def test_edges_of_several_firings_equal_the_recount(corpus: Corpus) -> None:
    tokens = table_of(corpus)
    chosen = comparisons(tokens)
    parts = partials_of(corpus)
    shard = np.repeat(np.arange(N_SHARDS), [len(t) for t, _, _ in parts])
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    weights = draws(N_SHARDS, 3, 1)
    counted = CountedReach(tokens, chosen, N_FEATURES, weights)
    counted.add(chunk_of(*columns, shard, N_FEATURES, N_SHARDS))
    text = repeated(corpus, [1] * N_SHARDS)
    rows = counted.rows(7, np.full(3, 7))
    assert len(rows) == len(chosen) * len(THETAS) * len(SEVERAL)
    for row in rows:
        theta, top = THETAS[row["theta_ordinal"]], tokens.ranked[: row["k"]].tolist()
        n = Counter((t, f) for t, f, a in text if f is not None and a > theta)
        reached = {f for (t, f), count in n.items() if t in top and count >= row["min_count"]}
        assert row["coverage"] * 7 == pytest.approx(len(reached))
        assert row["low"] <= row["coverage"] <= row["high"]
        one = Comparison(
            row["k"], row["cut"], tokens.n_function if row["cut"] is None else row["k"]
        )
        share = counted.share(one)
        if share is None:
            assert row["other_coverage"] is None
        elif share == 1:  # everything is kept: the others' own edges
            others = tokens.ranked[one.beyond :].tolist()
            whole = {f for (t, f), count in n.items() if t in others and count >= row["min_count"]}
            assert row["other_coverage"] * 7 == pytest.approx(len(whole))


def test_kept_positions_agree_with_simulation() -> None:
    # two content tokens fire the features 0 and 1; 60 % of the positions are kept, two firings make
    # an edge
    edges = [(3, 0), (2, 0), (4, 1)]
    firings, feature = (np.array(column) for column in zip(*edges, strict=True))
    found = -np.expm1(log_unreached(firings, feature, 0.6, 2, 2))
    generator = np.random.default_rng(0)
    kept = generator.binomial(firings, 0.6, size=(20_000, 3)) >= 2
    reached = [(kept[:, 0] | kept[:, 1]).mean(), kept[:, 2].mean()]
    assert found == pytest.approx(reached, abs=0.015)


@CASES
@given(st.lists(st.integers(0, 30), min_size=N_TOKENS - 1, max_size=N_TOKENS - 1).filter(any))
def test_a_cut_is_the_fewest_tokens_that_reach_it(counts: list[int]) -> None:
    corpus: Corpus = [[(t, None, 0.5) for t, n in enumerate(counts) for _ in range(n)], [], []]
    for cut, k in cut_sizes(table_of(corpus)).items():
        ordered = sorted(counts, reverse=True)
        assert 100 * sum(ordered[:k]) >= cut * sum(counts)
        assert 100 * sum(ordered[: k - 1]) < cut * sum(counts)


def test_rows_name_what_they_compare() -> None:
    corpus: Corpus = [[(0, 1, 0.5)] * 4 + [(1, 2, 0.5), (2, 3, 0.5), (3, 1, 0.5)]] * 3
    tokens = table_of(corpus)
    scale = make_scale(tokens, KIND)
    rows = equal_occurrence(reach(corpus, scale), scale, tokens, draws(N_SHARDS, 5, 0), LOG)
    first = rows[0]
    assert (first["k"], first["cut"], first["others"], first["occurrences"]) == (
        1,
        None,
        "content",
        12,
    )
    assert first["coverage"] == pytest.approx(1 / 3)
    assert first["other_coverage"] is None  # 9 content positions, 12 wanted
    assert first["low"] == first["high"] == first["coverage"]  # the shards are all the same
    assert {row["cut"] for row in rows} == {None, 20, 30, 40, 50, 60}


# -- sets ------------------------------------------------------------------------------------------


@CASES
@given(st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=5))
def test_intersections_are_exclusive_and_whole(sets: list[set[int]]) -> None:
    found = {
        one.members: one.n_features
        for one in intersections([np.array(sorted(s), dtype=np.int64) for s in sets])
    }
    wanted = Counter(tuple(i for i, s in enumerate(sets) if f in s) for f in set().union(*sets))
    assert found == dict(wanted)
    assert sum(found.values()) == len(set().union(*sets))


def test_too_many_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="13 tokens were asked for; allowed: at most 12"):
        intersections([np.array([1])] * 13)


# -- excess ----------------------------------------------------------------------------------------


def test_excess_by_hand() -> None:
    grid = np.array([1, 2, 5])
    made = Rarefied(
        grid=grid,
        expected=np.array([[2.0, 3.0, 5.0], [1.0, 1.5, 2.0]]),
        se=np.full((2, 3), np.nan),
        degree=np.array([6, 2]),
        once=np.array([2, 0]),
        twice=np.array([1, 0]),
        degree_draws=np.zeros((1, 2), np.int64),
        group_draws=np.zeros((1, 1, 3)),
    )
    content = [
        GroupRow("content", n, 30, mean, mean, mean, mean / 2, 2 * mean)
        for n, mean in ((1, 1.0), (2, 2.0), (5, 4.0))
    ]
    fit = NullFit(0.0, 1.0, 0.0, 1, 5, 3)  # as many features as occurrences
    columns = excess_columns(made, content, fit, np.array([0, 1]), np.array([8, 4]))
    assert columns["expected"].tolist() == [8, 4]
    assert columns["excess"].tolist() == [-0.25, -0.5]
    assert columns["extrapolated"].tolist() == [True, False]
    assert columns["chao1"].tolist() == [6.5, 2.0]  # 6 + 2 * 1 / (2 * 2)
    assert (columns["low"].tolist(), columns["high"].tolist()) == ([4, 2], [16, 8])
    assert columns["matched_n"].tolist() == [5, 2]
    assert columns["matched"].tolist() == [5.0, 1.5]
    assert columns["matched_mean"].tolist() == [4.0, 2.0]
