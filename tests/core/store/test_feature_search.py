"""Search, exclusive features and lifts against brute force on small random graphs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.companions.features.lift import effective_firings, lifts, wilson
from backend.core.store.edge_codec import Edges, pack
from backend.core.store.feature_codec import pack_lists, unpack_list, unpack_lists
from backend.core.store.feature_search import (
    ORDERS,
    FeatureColumns,
    Lifts,
    TokenIndex,
    Wanted,
    first_of,
    search,
)
from backend.core.store.own_edges import OwnEdges, RecentEdges, own_edges

CASES = settings(max_examples=200, deadline=None)
N_TOKENS, N_FEATURES = 7, 9

# a graph: {(token, feature): (firings, activation)}
graphs = st.dictionaries(
    st.tuples(st.integers(0, N_TOKENS - 1), st.integers(0, N_FEATURES - 1)),
    st.tuples(st.integers(1, 5), st.integers(1, 40).map(lambda n: n / 4)),
    min_size=1,
    max_size=40,
)
Graph = dict[tuple[int, int], tuple[int, float]]


def columns_of(graph: Graph, promoted: dict[int, list[int]]) -> FeatureColumns:
    """As the store reads them, the slow way; the rank of token t is t + 1."""
    features = sorted({f for _, f in graph})
    tokens = {f: sorted(t for t, g in graph if g == f) for f in features}
    firings = {f: sum(n for (_, g), (n, _) in graph.items() if g == f) for f in features}
    numbers: dict[str, Any] = {
        "n_firings": np.array([firings[f] for f in features]),
        "n_tokens": np.array([len(tokens[f]) for f in features]),
        "first_rank": np.array([tokens[f][0] + 1 for f in features]),
        "act_max": np.array(
            [max(a for (_, g), (_, a) in graph.items() if g == f) for f in features]
        ),
        "mean_activation": np.array([1.0 for _ in features]),
    }

    def index(lists: dict[int, list[int]]) -> TokenIndex:
        pairs = [(place, t) for place, f in enumerate(features) for t in lists[f]]
        return TokenIndex.of(
            np.array([p for p, _ in pairs], np.int64), np.array([t for _, t in pairs], np.int64)
        )

    return FeatureColumns(
        np.array(features),
        numbers,
        index(tokens),
        index({f: promoted.get(f, []) for f in features}),
    )


def edges_of(graph: Graph, token: int) -> Edges:
    own = sorted((f, *value) for (t, f), value in graph.items() if t == token)
    f, n, a = (
        (np.array(column) for column in zip(*own, strict=True))
        if own
        else (np.empty(0, np.int64),) * 3
    )
    return Edges(
        np.full(len(own), token),
        f.astype(np.int64),
        n.astype(np.int64),
        a.astype(float) / 2,
        a.astype(float),
    )


@given(graphs, st.integers(1, N_TOKENS))
@CASES
def test_exclusive_features_are_those_that_no_other_token_reaches(graph: Graph, rank: int) -> None:
    reached = {t: {f for u, f in graph if u == t} for t in range(N_TOKENS)}
    others = set().union(*(reached[t] for t in range(N_TOKENS) if t != rank - 1))
    only = sorted(reached[rank - 1] - others, key=lambda f: (-graph[rank - 1, f][0], f))
    columns = columns_of(graph, {})
    assert columns.exclusive_to(rank).tolist() == only
    counts = columns.numbers["n_firings"].tolist()
    assert [columns.denser_than(n) for n in counts] == [sum(m > n for m in counts) for n in counts]


class Own:
    """Edges as a search takes them."""

    def __init__(self, edges: Edges) -> None:
        self.feature_index, self.n_firings = edges.feature_index, edges.n_firings
        self.strength = (4 * edges.act_max).astype(np.int64)


wanted = st.builds(
    Wanted,
    q=st.none() | st.integers(0, N_FEATURES).map(str),
    texts=st.lists(st.integers(0, N_TOKENS + 1), max_size=3),
    promotes=st.none() | st.integers(0, N_TOKENS + 1),
    min_firings=st.integers(0, 6).map(float),
    max_firings=st.integers(4, 30).map(float),
    min_count=st.integers(1, 3),
    min_lift=st.none() | st.sampled_from([0.5, 1.0, 2.0]),
    max_lift=st.none() | st.sampled_from([1.0, 3.0]),
    order=st.sampled_from(sorted(ORDERS)),
    descending=st.none() | st.booleans(),
    limit=st.integers(0, 6),
    offset=st.integers(0, 4),
)


@given(
    graphs,
    wanted,
    st.none() | st.integers(0, N_TOKENS),
    st.dictionaries(st.integers(0, 8), st.lists(st.integers(0, 7), max_size=3, unique=True)),
    st.randoms(),
)
@CASES
def test_a_search_is_filter_then_order_then_page(
    graph: Graph, asked: Wanted, token: int | None, promoted: dict[int, list[int]], random: Any
) -> None:
    columns = columns_of(graph, promoted)
    if asked.q is None:
        asked = replace(asked, texts=None)
    low = [random.choice([0.1, 0.9, 1.5, 2.5]) for _ in columns.feature_index]
    lifted = Lifts(np.array(low) + 0.5, np.array(low), np.array(low) + random.choice([0.6, 2.0]))
    if asked.order.startswith("token_") and token is None:
        with pytest.raises(ValueError, match="token_id"):
            search(columns, asked, None, lifted)
        return
    edges = None if token is None else Own(edges_of(graph, token))
    found = search(columns, asked, edges, lifted)
    rows = brute(graph, columns, asked, token, promoted, lifted)
    assert found.total == len(rows)
    assert (
        columns.feature_index[found.places].tolist()
        == rows[asked.offset : asked.offset + asked.limit]
    )
    if edges is not None:
        assert (
            edges.feature_index[found.edge].tolist() == columns.feature_index[found.places].tolist()
        )


def brute(
    graph: Graph,
    columns: FeatureColumns,
    asked: Wanted,
    token: int | None,
    promoted: dict[int, list[int]],
    lifted: Lifts,
) -> list[int]:
    """feature_index of everything that matches, in order."""
    kept = []
    for place, f in enumerate(columns.feature_index.tolist()):
        fired = {t for t, g in graph if g == f}
        n = sum(count for (_, g), (count, _) in graph.items() if g == f)
        here = graph.get((-1 if token is None else token, f))
        named = set(asked.texts or ()) & (fired | set(promoted.get(f, []))) or asked.q == str(f)
        rules = (
            asked.min_firings <= n <= asked.max_firings,
            asked.q is None or named,
            asked.promotes is None or asked.promotes in promoted.get(f, []),
            token is None or (here is not None and here[0] >= asked.min_count),
            asked.min_lift is None or lifted.low[place] >= asked.min_lift,
            asked.max_lift is None or lifted.high[place] <= asked.max_lift,
        )
        if all(rules):
            key = {
                "function_lift": lifted.low[place],
                "content_lift": 1 / lifted.high[place],
                "feature_index": f,
                "token_count": here[0] if here else 0,
                "token_strength": here[1] if here else 0,
                "token_share": here[0] / n if here else 0,
            }.get(asked.order)
            kept.append((columns.numbers[asked.order][place] if key is None else key, f))
    falls = ORDERS[asked.order] if asked.descending is None else asked.descending
    return [f for _, f in sorted(kept, key=lambda row: (-row[0] if falls else row[0], row[1]))]


@given(st.lists(st.integers(-3, 3), max_size=30), st.integers(0, 35))
@CASES
def test_the_first_k_are_those_of_a_stable_sort(values: list[int], k: int) -> None:
    key = np.array(values, dtype=np.int64)
    assert first_of(key, k).tolist() == np.argsort(key, kind="stable")[:k].tolist()


@given(
    graphs,
    st.integers(0, N_TOKENS - 1),
    st.sampled_from(["count", "strength", "share"]),
    st.integers(0, 12),
)
@CASES
def test_the_first_edges_of_a_token_equal_sorting_all_of_them(
    graph: Graph, token: int, order: str, limit: int
) -> None:
    parts = [edges_of(graph, t) for t in sorted({t for t, _ in graph})]
    every = Edges(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Edges.__dataclass_fields__
        )
    )
    packed = pack(every, 10.0)
    if not packed.token_first <= token <= packed.token_last:
        return
    columns = columns_of(graph, {})
    reached = own_edges(packed, token, 10.0)
    rows = reached.first(limit, order, columns)
    own = edges_of(graph, token)
    total = dict(
        zip(columns.feature_index.tolist(), columns.numbers["n_firings"].tolist(), strict=True)
    )
    read = {row.feature_index: row for row in reached.first(99, "count", None)}
    assert len(reached.feature_index) == len(own.feature_index) == len(read)
    assert [row.feature_index for row in reached.to([8, 0, 3])] == [
        f for f in (8, 0, 3) if f in read
    ]
    key = {
        "count": lambda f: (-read[f].n_firings, -read[f].act_max, f),
        "strength": lambda f: (-read[f].act_max, -read[f].n_firings, f),
        "share": lambda f: (-read[f].n_firings / total[f], f),
    }[order]
    assert [row.feature_index for row in rows] == sorted(own.feature_index.tolist(), key=key)[
        :limit
    ]
    assert {f: row.n_firings for f, row in read.items()} == dict(
        zip(own.feature_index.tolist(), own.n_firings.tolist(), strict=True)
    )


# -- lifts
# ------------------------------------------------------------------------------------------

shards = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=8)


@given(shards, st.integers(1, 500), st.integers(1, 500))
@CASES
def test_a_lift_is_the_ratio_of_the_two_rates(
    counted: list[tuple[int, int]], function: int, content: int
) -> None:
    f, c = sum(a for a, _ in counted), sum(b for _, b in counted)
    by_shard = np.array([[a] for a, _ in counted]), np.array([[a + b] for a, b in counted])
    n_effective = effective_firings(*by_shard)
    made = lifts(np.array([f]), np.array([f + c]), n_effective, (function, content))
    if f + c == 0:
        assert (made.low[0], made.high[0]) == (0.0, np.inf)
        return
    assert n_effective[0] <= f + c + 1e-9
    assert n_effective[0] == pytest.approx((f + c) / design_effect(counted))
    if c == 0:
        assert made.value[0] == made.high[0] == np.inf
    else:
        assert made.value[0] == pytest.approx((f / function) / (c / content))
    assert made.low[0] <= made.value[0] <= made.high[0]


def design_effect(counted: list[tuple[int, int]]) -> float:
    """Variance of the share by linearisation over shards, over the binomial variance;
    one number at a time.
    """
    n = sum(a + b for a, b in counted)
    share = sum(a for a, _ in counted) / n
    if share in (0.0, 1.0):
        return 1.0
    residuals = [a - share * (a + b) for a, b in counted]
    variance = len(counted) / (len(counted) - 1) * sum(r * r for r in residuals) / n**2
    return max(1.0, variance / (share * (1 - share) / n))


def test_wilsons_interval_is_the_textbooks() -> None:
    low, high = wilson(np.array([0.1, 0.0, 1.0, 0.5]), np.array([100.0, 10.0, 10.0, 0.0]))
    assert low == pytest.approx([0.05523, 0.0, 0.72246, 0.0], abs=1e-4)
    assert high == pytest.approx([0.17437, 0.27754, 1.0, 1.0], abs=1e-4)


def test_the_interval_covers_when_documents_come_in_clumps() -> None:
    """Shards that differ far more than chance:
    Wilson with n alone covers much less than it says.
    """
    generator, truth, n_shards, per_shard, trials = np.random.default_rng(0), 0.4, 32, 40, 600
    shares = generator.beta(2, 3, size=(trials, n_shards))  # mean 0.4, far from constant
    function = generator.binomial(per_shard, shares)
    whole = np.full((n_shards, trials), per_shard)
    n_effective = effective_firings(function.T, whole)
    share = function.sum(axis=1) / (n_shards * per_shard)
    low, high = wilson(share, n_effective)
    covered = ((low <= truth) & (truth <= high)).mean()
    assert 0.92 <= covered <= 0.97
    naive_low, naive_high = wilson(share, np.full(trials, float(n_shards * per_shard)))
    assert ((naive_low <= truth) & (truth <= naive_high)).mean() < 0.75


@given(st.lists(st.lists(st.integers(-(2**40), 2**40), max_size=5), min_size=1, max_size=20))
@CASES
def test_packed_lists_read_back(lists: list[list[int]]) -> None:
    blob = pack_lists(lists)
    assert [one.tolist() for one in unpack_lists(blob, len(lists))] == lists
    assert [unpack_list(blob, len(lists), place) for place in range(len(lists))] == lists


def test_a_token_that_nothing_lists_has_no_places() -> None:
    index = TokenIndex.of(np.array([0, 0, 1]), np.array([4, 2, 4]))
    assert [index.listing(t).tolist() for t in (2, 3, 4, 5, 99)] == [[0], [], [0, 1], [], []]
    assert sorted(index.listings([4, 99, 2, 3]).tolist()) == [0, 0, 1]
    assert index.listings([]).tolist() == []


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 50)), max_size=60),
    st.lists(st.integers(-1, 60), max_size=9),
)
@CASES
def test_many_tokens_at_once_list_what_each_of_them_lists(
    pairs: list[tuple[int, int]], tokens: list[int]
) -> None:
    pairs.sort()
    index = TokenIndex.of(
        np.array([p for p, _ in pairs], np.int64), np.array([t for _, t in pairs], np.int64)
    )
    for padded in (
        index,
        TokenIndex(index.starts, np.concatenate([index.places, np.zeros(2000, np.int32)])),
    ):
        assert sorted(padded.listings(tokens).tolist()) == sorted(
            p for p, t in pairs if t in tokens
        )


def test_recent_edges_are_kept_within_their_bound_the_oldest_going_first() -> None:
    recent, read = RecentEdges(most=10), list[int]()

    def edges(n: int) -> OwnEdges:
        read.append(n)
        column = np.arange(n)
        return OwnEdges(column, column, column, 1.0, (b"", 0, slice(0, n)))

    for token, n in ((1, 4), (2, 5), (1, 4), (3, 5)):  # the third question moves token 1 to the end
        recent.get((0, token), lambda n=n: edges(n))  # type: ignore[misc]
    assert read == [4, 5, 5]
    assert len(recent) == 9  # token 2 had to go
    recent.get((0, 1), lambda: edges(4))
    recent.get((0, 2), lambda: edges(5))
    assert read == [4, 5, 5, 5]
    recent.get((0, 9), lambda: edges(11))  # too large to keep: nothing else goes for it
    assert len(recent) == 9
