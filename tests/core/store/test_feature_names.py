"""What features are called: by hand, and in pieces as at once."""

import numpy as np

from backend.core.store.edge_codec import Edges
from backend.core.store.feature_names import N_NAMES, feature_names

SHARE = np.array([0.5, 0.2, 0.01, 0.001, 0.0001])  # of the text: a frequent token … a rare one


def edges(rows: list[tuple[int, int, int]]) -> Edges:
    """(token_id, feature_index, firings)."""
    token, feature, firings = (np.array(one, np.int64) for one in zip(*sorted(rows), strict=True))
    nothing = np.zeros(len(rows))
    return Edges(token, feature, firings, nothing, nothing)


def test_by_hand() -> None:
    """Feature 0: half of its firings at the token that is half of the text says nothing; 30 of 100
    at one of a hundred: 0.3 ln 30 = 1.02; one of 100 at the rare one: 0.01 ln 100 = 0.046; 19 of
    100 where a fifth is expected is below chance. Feature 1: a tenth at a thousandth, 0.1 ln 100 =
    0.46, is less than 0.9 ln 1.8 = 0.53.
    """
    rows = [(0, 0, 50), (1, 0, 19), (2, 0, 30), (4, 0, 1), (0, 1, 90), (3, 1, 10)]
    names = feature_names([edges(rows)], np.array([100, 100, 1]), SHARE)
    assert names.tolist() == [[2, 4, -1, -1, -1], [0, 3, -1, -1, -1], [-1] * 5]


def test_in_pieces_as_at_once() -> None:
    generator = np.random.default_rng(0)
    share = generator.dirichlet(np.ones(40))
    rows = [
        (token, feature, int(generator.integers(1, 30)))
        for token in range(40)
        for feature in range(7)
        if generator.random() < 0.6
    ]
    whole = edges(rows)
    n_firings = np.bincount(whole.feature_index, weights=whole.n_firings).astype(np.int64)
    at_once = feature_names([whole], n_firings, share)
    pieces = [whole.take(slice(i, i + 9)) for i in range(0, len(rows), 9)]
    assert np.array_equal(feature_names(pieces, n_firings, share), at_once)
    for feature, named in enumerate(at_once):  # spelled out
        scores = {
            t: n / n_firings[feature] * np.log(n / n_firings[feature] / share[t])
            for t, f, n in rows
            if f == feature
        }
        best = sorted((t for t, s in scores.items() if s > 0), key=lambda t: (-scores[t], t))
        assert [t for t in named.tolist() if t >= 0] == best[:N_NAMES]


def test_without_edges_nothing_is_named() -> None:
    assert (feature_names([], np.ones(3, np.int64), SHARE) == -1).all()
