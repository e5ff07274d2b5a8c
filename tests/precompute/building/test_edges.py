"""Two independent routes: the job's edges against every position encoded by
itself from the text.
"""

from collections import defaultdict

import numpy as np
import pytest

from backend.core.store import Store
from precompute.building.edges import EdgeCounter, sum_by_key
from tests.precompute.conftest import Made

Raw = dict[str, list[tuple[int, int, float]]]
SAE_IDS = ("layer_0", "layer_2")


def test_sums_by_hand() -> None:
    key, activation = np.array([7, 3, 7, 3, 7]), np.array([1, 2, 4, 8, 0.5], dtype=np.float32)
    counts = np.stack([activation > 0, activation > 1], axis=1).astype(np.int64)
    sums = sum_by_key(key, counts, activation.astype(np.float64), activation)
    assert sums.key.tolist() == [3, 7]
    assert sums.counts.tolist() == [[2, 2], [3, 1]]
    assert sums.act_sum.tolist() == [10.0, 5.5]
    assert sums.act_max.tolist() == [8.0, 4.0]


def test_compacting_often_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    parts = [
        (
            generator.integers(0, 9, 50),
            generator.integers(0, 5, 50),
            generator.random(50, dtype=np.float32),
        )
        for _ in range(20)
    ]
    results = []
    for limit in (10**9, 60):
        monkeypatch.setattr("precompute.building.edges.COMPACT_AT", limit)
        counter = EdgeCounter(5, [0.0, 0.5])
        for part in parts:
            counter.add(*part)
        results.append((counter.compact(), counter.histogram))
    (whole, bins), (often, bins_often) = results
    assert whole.key.tolist() == often.key.tolist()
    assert whole.counts.tolist() == often.counts.tolist()
    assert whole.act_sum == pytest.approx(often.act_sum, rel=1e-12)
    assert bins is not None
    assert bins_often is not None
    assert bins["n"].tolist() == bins_often["n"].tolist()
    assert bins["n"].sum() == 1000


@pytest.mark.parametrize("sae_id", SAE_IDS)
def test_stored_edges_equal_the_live_firings(store: Store, raw: Raw, sae_id: str) -> None:
    expected: dict[tuple[int, int], list[float]] = defaultdict(list)
    for token_id, feature_index, activation in raw[sae_id]:
        expected[token_id, feature_index].append(activation)
    edges = store.edges(sae_id)
    keys = list(zip(edges.token_id.tolist(), edges.feature_index.tolist(), strict=True))
    assert keys == sorted(expected)
    assert edges.n_firings.tolist() == [len(expected[key]) for key in keys]
    assert edges.act_max == pytest.approx([max(expected[key]) for key in keys], rel=0.0221)
    assert edges.act_mean == pytest.approx([np.mean(expected[key]) for key in keys], rel=0.0221)


@pytest.mark.parametrize("sae_id", SAE_IDS)
def test_features_equal_the_live_firings(store: Store, raw: Raw, sae_id: str) -> None:
    by_feature: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for token_id, feature_index, activation in raw[sae_id]:
        by_feature[feature_index].append((token_id, activation))
    n_positions = store.provenance()["counts"]["positions"]
    rank = {row.token_id: row.rank for row in store.tokens(limit=1000)[0]}
    for row in store.features(sae_id, range(96)):
        fired = by_feature[row.feature_index]
        assert row.n_firings == len(fired)
        assert row.density == pytest.approx(len(fired) / n_positions)
        if not fired:
            assert (row.mean_activation, row.first_rank, row.top_token_ids) == (None, None, [])
            continue
        tokens, activations = [t for t, _ in fired], sorted(a for _, a in fired)
        assert row.n_tokens == len(set(tokens))
        assert row.act_max == pytest.approx(activations[-1], rel=1e-5)
        assert row.mean_activation == pytest.approx(np.mean(activations), rel=1e-5)
        q999 = activations[max(int(np.ceil(0.999 * len(activations))) - 1, 0)]
        assert row.act_q999 == pytest.approx(q999, rel=0.016)
        assert row.first_rank == min(rank[t] or 0 for t in set(tokens))
        assert tokens.count(row.top_token_ids[0]) == max(tokens.count(t) for t in set(tokens))
        strongest = max(fired, key=lambda pair: pair[1])
        assert row.top_by_strength[0] == strongest[0]


def test_token_edges_are_ordered_and_limited(store: Store) -> None:
    token_id = store.tokens(limit=1)[0][0].token_id
    columns = store.feature_columns("layer_2")
    edges = store.own_edges("layer_2", token_id)
    by_count = edges.first(500, "count", None)
    assert [e.n_firings for e in by_count] == sorted((e.n_firings for e in by_count), reverse=True)
    strongest = edges.first(3, "strength", None)
    assert strongest[0].act_max == max(e.act_max for e in by_count)
    assert len(strongest) == 3
    shares = edges.first(500, "share", columns)
    assert {e.feature_index for e in shares} == {e.feature_index for e in by_count}
    assert store.own_edges("layer_2", 0).first(50, "count", None) == []


def test_l0_is_firings_per_counted_position(store: Store, raw: Raw, made: Made) -> None:
    n_positions = store.provenance()["counts"]["positions"]
    for sae in store.saes():
        assert sae.l0 == pytest.approx(len(raw[sae.sae_id]) / n_positions)
        assert sae.n_firings == len(raw[sae.sae_id])
        assert sae.n_active == len({feature for _, feature, _ in raw[sae.sae_id]})


def test_edges_of_some_tokens_are_those_among_all(store: Store) -> None:
    everything = store.edges("layer_2")
    wanted = sorted({*everything.token_id.tolist()[::7], 0, 5, 10**9, -1})
    some = store.edges("layer_2", [*wanted, wanted[0]])
    kept = everything.take(np.flatnonzero(np.isin(everything.token_id, wanted)))
    assert some.token_id.tolist() == kept.token_id.tolist()
    assert some.feature_index.tolist() == kept.feature_index.tolist()
    assert some.act_max.tolist() == kept.act_max.tolist()
