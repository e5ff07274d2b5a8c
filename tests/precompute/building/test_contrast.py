"""The equal-occurrence control:
exact expectations, worked by hand, by simulation and by a second route.
"""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.store import Store
from precompute.building.contrast import (
    ShardReach,
    contrast,
    contrast_ks,
    expected_distinct,
    intervals,
    measure,
    whole_token_draws,
)
from precompute.building.coverage import NEVER, Graph
from precompute.building.tokens import TokenTable


def test_expectation_by_hand() -> None:
    # of 4 positions 2 are drawn; a feature at one of them is met with 1/2, at two of them with 5/6
    assert expected_distinct(np.array([1, 2, 0]), 4, 2) == pytest.approx(1 / 2 + 5 / 6)
    assert expected_distinct(np.array([1, 2, 4]), 4, 4) == pytest.approx(3)
    assert expected_distinct(np.array([1]), 4, 0) == pytest.approx(0)
    assert np.isnan(expected_distinct(np.array([1]), 4, 5))


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60), st.data())
def test_expectation_is_the_exact_fraction(n_positions: int, data: st.DataObject) -> None:
    drawn = data.draw(st.integers(0, n_positions))
    firings = data.draw(st.lists(st.integers(0, n_positions), min_size=1, max_size=8))
    exact = sum(
        1 - Fraction(comb(n_positions - f, drawn), comb(n_positions, drawn)) for f in firings if f
    )
    assert expected_distinct(np.array(firings), n_positions, drawn) == pytest.approx(
        float(exact), abs=1e-9
    )


def test_expectation_agrees_with_simulation() -> None:
    generator = np.random.default_rng(0)
    fires = generator.random((400, 30)) < np.linspace(0.001, 0.2, 30)  # [positions, features]
    met = [fires[generator.choice(400, 50, replace=False)].any(axis=0).sum() for _ in range(3000)]
    error = np.std(met) / np.sqrt(len(met))
    assert expected_distinct(fires.sum(axis=0), 400, 50) == pytest.approx(
        np.mean(met), abs=5 * error
    )


def test_expectation_keeps_its_precision_at_corpus_size() -> None:
    # one firing among 3e9 positions, a third of them drawn
    assert expected_distinct(np.array([1]), 3_000_000_000, 1_000_000_000) == pytest.approx(
        1 / 3, abs=1e-5
    )


def two_shards() -> tuple[ShardReach, Graph, TokenTable]:
    """Tokens 0, 1 function (4 + 2 occurrences), 2, 3 content (3 + 2), 4 special;
    five features, one silent.

    Token 0 fires feature 0, token 1 feature 1, token 2 feature 2 (and 0, once), token 3 feature 3.
    """
    by_shard = np.array([[2, 1, 2, 1, 0], [2, 1, 1, 1, 0]])
    first = np.array([[0, 1, 2, 3, NEVER], [0, 1, 2, NEVER, NEVER]])
    content = np.array([[1, 0, 2, 1, 0], [0, 0, 1, 0, 0]])
    pairs = np.array([(0, 0), (1, 1), (2, 0), (2, 2), (3, 3)])
    classes = np.array([1, 1, 0, 0, 2], dtype=np.int8)
    tokens = TokenTable(by_shard, np.ones(5, np.int64), 4, np.arange(4), classes, "")
    return ShardReach(first, content), Graph(pairs[:, 0], pairs[:, 1], 5, 5), tokens


def test_both_sides_by_hand() -> None:
    reach, _, tokens = two_shards()
    curve = measure(reach, tokens, [1, 2], np.array([1, 1]))
    assert curve.top.tolist() == [1 / 4, 2 / 4]
    # k = 1: 4 of the 5 content positions; features at 1, 3 and 1 of them are met with 4/5, 1, 4/5
    assert curve.content[0] == pytest.approx((4 / 5 + 1 + 4 / 5) / 4)
    assert np.isnan(curve.content[1])  # 6 occurrences, but content has 5 positions
    # shard 1 alone: features 0, 1, 2 are active, of which token 0 reaches one
    assert measure(reach, tokens, [1], np.array([0, 2])).top.tolist() == [1 / 3]


def test_whole_tokens_are_drawn_until_there_are_enough_occurrences() -> None:
    _, graph, tokens = two_shards()
    reached, drawn = whole_token_draws(graph, tokens, [1, 2], seed=0)
    # 4 occurrences need both content tokens (3 + 2), which reach features 0, 2, 3; 6 cannot be had
    assert (reached[:, 0] == 3).all()
    assert (drawn[:, 0] == 2).all()
    assert np.isnan(reached[:, 1]).all()


def test_rows_hold_missing_values_where_content_is_too_small() -> None:
    reach, graph, tokens = two_shards()
    first, cut = contrast(reach, graph, tokens, seed=0)
    assert (first.k, first.occurrences, first.is_function_cut) == (1, 4, False)
    assert (cut.k, cut.occurrences, cut.is_function_cut) == (2, 6, True)
    assert first.whole_tokens_mean == pytest.approx(3 / 4)
    assert cut.content_coverage is cut.difference_low is cut.whole_tokens_mean is None
    assert first.coverage_low <= first.coverage <= first.coverage_high


def test_intervals_keep_the_spread_and_centre_on_the_estimate() -> None:
    replicates = np.random.default_rng(0).normal(10.0, 2.0, (20_000, 1))
    low, high = intervals(np.array([50.0]), replicates)
    assert low[0] == pytest.approx(50 - 1.96 * 2, abs=0.1)
    assert high[0] == pytest.approx(50 + 1.96 * 2, abs=0.1)


def test_k_never_reaches_past_the_function_tokens() -> None:
    assert contrast_ks(12) == [*range(1, 11), 12]
    assert contrast_ks(0) == []


def test_a_build_holds_the_comparison(
    store: Store, raw: dict[str, list[tuple[int, int, float]]]
) -> None:
    rows = {row.token_id: row for row in store.tokens(limit=1000)[0]}
    ranked = [t for t, row in rows.items() if row.rank is not None]
    for sae in store.saes():
        fired = raw[sae.sae_id]
        n_content = sum(row.occurrences for row in rows.values() if row.token_class == "content")
        firings = np.bincount(
            [f for t, f, _ in fired if rows[t].token_class == "content"], minlength=96
        )
        for found in store.contrasts(sae.sae_id):
            first = set(ranked[: found.k])
            assert found.occurrences == sum(rows[t].occurrences for t in first)
            assert found.coverage == pytest.approx(
                len({f for t, f, _ in fired if t in first}) / sae.n_active
            )
            expected = expected_distinct(firings, n_content, found.occurrences) / sae.n_active
            assert found.content_coverage == pytest.approx(expected)
        cut = store.coverage_contrast(sae.sae_id)
        assert cut.is_function_cut
        assert cut.k == sum(row.token_class == "function" for row in rows.values())
        with pytest.raises(ValueError, match="77"):
            store.coverage_contrast(sae.sae_id, 77)
