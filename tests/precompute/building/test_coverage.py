"""Coverage against a brute-force recount from raw firings."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.store import DENOMINATORS, MIN_COUNTS, ORDERS, Store
from precompute.building.coverage import (
    Graph,
    Steps,
    greedy,
    log_ranks,
    random_curve,
    random_orders,
    ranked_by,
    steps,
)

N_TOKENS, N_FEATURES = 7, 12
Firing = tuple[int, int, float]
FIRINGS = st.lists(
    st.tuples(
        st.integers(0, N_TOKENS - 1),
        st.integers(0, N_FEATURES - 1),
        st.sampled_from([0.5, 1.5, 2.5]),
    ),
    max_size=120,
)


def reached_by(firings: list[Firing], theta: float, min_count: int) -> dict[int, set[int]]:
    """token_id -> features with at least min_count firings above theta."""
    counts = Counter(
        (token, feature) for token, feature, activation in firings if activation > theta
    )
    reached: dict[int, set[int]] = defaultdict(set)
    for (token, feature), n in counts.items():
        if n >= min_count:
            reached[token].add(feature)
    return reached


def graph_of(
    reached: dict[int, set[int]], vocab_size: int = N_TOKENS, d_sae: int = N_FEATURES
) -> Graph:
    pairs = sorted((token, feature) for token, features in reached.items() for feature in features)
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Graph(columns[:, 0], columns[:, 1], vocab_size, d_sae)


def curve(reached: dict[int, set[int]], ordered: list[int]) -> list[int]:
    """Covered features after each token of an order, by building every set."""
    return [len(set().union(*(reached[t] for t in ordered[: k + 1]))) for k in range(len(ordered))]


def greedy_order(reached: dict[int, set[int]], ranked: list[int]) -> list[int]:
    """Look at every token at every step."""
    ordered: list[int] = []
    covered: set[int] = set()
    while True:
        gains = [len(reached[t] - covered) for t in ranked]
        if max(gains, default=0) == 0:
            return ordered
        ordered.append(ranked[gains.index(max(gains))])
        covered |= reached[ordered[-1]]


def expand(found: Steps, n: int) -> list[int]:
    """Steps as a curve of n ranks."""
    gains = np.zeros(n, dtype=np.int64)
    gains[found.rank - 1] = found.new_features
    return np.cumsum(gains).tolist()


@settings(max_examples=250, deadline=None)
@given(
    FIRINGS,
    st.permutations(range(N_TOKENS)),
    st.sampled_from(MIN_COUNTS),
    st.sampled_from([0.0, 1.0, 2.0]),
)
def test_every_order_equals_the_recount(
    firings: list[Firing], ranked: list[int], min_count: int, theta: float
) -> None:
    reached = reached_by(firings, theta, min_count)
    graph, frequency = graph_of(reached), np.array(ranked)
    degrees = graph.degrees()
    assert degrees.tolist() == [len(reached[t]) for t in range(N_TOKENS)]
    by_degree = ranked_by(degrees, frequency)
    assert by_degree.tolist() == sorted(ranked, key=lambda t: (-len(reached[t]), ranked.index(t)))
    shuffled = random_orders(frequency, 3, seed=1)
    for ordered in (frequency, by_degree, *shuffled):
        assert expand(steps(graph, ordered), N_TOKENS) == curve(reached, ordered.tolist())
    found = greedy(graph, frequency)
    assert found.token_id.tolist() == greedy_order(reached, ranked)
    assert expand(found, len(found.rank)) == curve(reached, found.token_id.tolist())
    drawn = random_curve(graph, shuffled)
    curves = np.array([curve(reached, ordered.tolist()) for ordered in shuffled])[:, drawn.rank - 1]
    assert drawn.mean.tolist() == curves.mean(axis=0).tolist()
    assert drawn.least.tolist() == curves.min(axis=0).tolist()
    assert drawn.most.tolist() == curves.max(axis=0).tolist()


def test_log_ranks_begin_one_by_one_and_end_at_the_last() -> None:
    assert log_ranks(4).tolist() == [1, 2, 3, 4]
    ranks = log_ranks(8192).tolist()
    assert ranks[:10] == list(range(1, 11))
    assert ranks[-1] == 8192
    assert len(ranks) < 80


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sae_id", ["layer_0", "layer_2"])
def test_a_build_answers_what_the_raw_firings_say(
    store: Store, raw: dict[str, list[Firing]], sae_id: str, order: str
) -> None:
    sae = next(row for row in store.saes() if row.sae_id == sae_id)
    n_active = len({feature for _, feature, _ in raw[sae_id]})
    by_frequency = [t.token_id for t in store.tokens(limit=1000)[0] if t.rank is not None]
    documents = {t.token_id: t.documents for t in store.tokens(limit=1000)[0]}
    for theta in sae.theta_grid:
        for min_count in MIN_COUNTS:
            reached = reached_by(raw[sae_id], theta, min_count)
            for denominator in DENOMINATORS:
                answer = store.coverage(sae_id, theta, min_count, denominator, order)
                ordered = [row.token_id for row in answer.rows]
                expected = {
                    "frequency": by_frequency,
                    "document_coverage": sorted(by_frequency, key=lambda t: -documents[t]),
                    "degree": sorted(by_frequency, key=lambda t: -len(reached[t])),
                    "greedy": greedy_order(reached, by_frequency),
                    "random": ordered,
                }[order]
                assert ordered == expected
                covered = curve(reached, ordered)
                assert [row.covered for row in answer.rows] == covered
                assert [row.new_features for row in answer.rows] == np.diff(
                    covered, prepend=0
                ).tolist()
                assert [row.degree for row in answer.rows] == [len(reached[t]) for t in ordered]
                n_all = n_active if denominator == "active" else sae.d_sae
                assert [row.coverage for row in answer.rows] == pytest.approx(
                    [c / n_all for c in covered]
                )
                assert (answer.n_active, answer.d_sae) == (n_active, 96)


def test_random_rows_carry_mean_and_range_of_all_draws(store: Store) -> None:
    rows = store.coverage("layer_0", order="random").rows
    seen = [row.occurrences > 0 for row in rows]
    assert all(seen)
    assert rows[-1].low == rows[-1].high == rows[-1].mean == rows[-1].coverage == 1.0
    assert all(row.low <= row.mean <= row.high for row in rows if row.low is not None)
    assert all(row.low <= row.coverage <= row.high for row in rows if row.low is not None)


def test_max_rank_cuts_and_is_echoed(store: Store) -> None:
    answer = store.coverage("layer_0", max_rank=3)
    assert [row.rank for row in answer.rows] == [1, 2, 3]
    assert answer.effective["max_rank"] == 3
    assert answer.rows[0].low < answer.rows[0].coverage < answer.rows[0].high
    assert store.coverage("layer_0", max_rank=1, min_count=2).rows[0].low is None


@pytest.mark.parametrize(
    "wrong", [{"theta": 0.123}, {"min_count": 3}, {"denominator": "all"}, {"order": "alphabet"}]
)
def test_a_setting_that_is_not_stored_is_refused(store: Store, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        store.coverage("layer_0", **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="layer_9"):
        store.coverage("layer_9")
