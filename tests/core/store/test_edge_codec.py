import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.store.edge_codec import (
    Edges,
    decode_activation,
    deflate,
    encode_activation,
    inflate,
    joined,
    narrow,
    pack,
    unpack,
)

EDGE = st.tuples(st.integers(0, 300_000), st.integers(0, 2**20 - 1))


@settings(max_examples=100, deadline=None)
@given(st.sets(EDGE, min_size=1, max_size=60), st.integers(0, 2**31))
def test_packing_keeps_indices_and_counts_and_rounds_activations(
    pairs: set[tuple[int, int]], seed: int
) -> None:
    generator = np.random.default_rng(seed)
    # a range may be long: keep the ids of one chunk near each other
    columns = np.array(sorted({(t % 500, f) for t, f in pairs}), dtype=np.int64)
    n = len(columns)
    act_max = np.exp(generator.uniform(-5, 3, n))
    counts = generator.integers(1, 2**40, n)
    edges = Edges(
        columns[:, 0], columns[:, 1], counts, act_max * generator.uniform(0.05, 1, n), act_max
    )
    scale = float(act_max.max())
    back = unpack(pack(edges, scale), scale)
    assert back.token_id.tolist() == edges.token_id.tolist()
    assert back.feature_index.tolist() == edges.feature_index.tolist()
    assert back.n_firings.tolist() == counts.tolist()
    assert back.act_max == pytest.approx(edges.act_max, rel=0.0221)
    assert back.act_mean == pytest.approx(edges.act_mean, rel=0.0221)


def test_codes_by_hand() -> None:
    assert encode_activation([8.0, 4.0, 1.0, 1e-9], scale=8.0).tolist() == [255, 239, 207, 0]
    assert decode_activation([255, 239, 207], scale=8.0).tolist() == [8.0, 4.0, 1.0]


def test_a_damaged_plane_is_refused() -> None:
    blob = deflate(narrow(np.array([1, 2, 3])))
    assert inflate(blob, 3).tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="damaged"):
        inflate(blob, 2)


def test_no_edges_are_no_edges() -> None:
    assert len(joined([]).token_id) == 0
