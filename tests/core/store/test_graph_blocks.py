"""Blocks of the graph against edges counted one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.store.graph import source as graph_source
from backend.core.store.graph import tiles as graph_tiles
from backend.core.store.graph.blocks import (
    MOST_BLOCKS,
    Ints,
    Places,
    count_cells,
    feature_order,
    first_reached,
    octaves,
    order_bounds,
    rank_bounds,
    shape,
)
from backend.core.store.graph.source import InMemory, Tiled, TileIndex
from backend.core.store.graph.tiles import Grid, joined_places, tiles, unpack_grid, unpack_tile
from precompute.building.graph_tables import GraphEdges, graph_tables

N_RANKS, N_ORDERS = 23, 31
EDGES = st.dictionaries(
    st.tuples(st.integers(1, N_RANKS), st.integers(0, N_ORDERS - 1)),
    st.integers(1, 12),
    min_size=1,
    max_size=150,
)
Counts = dict[tuple[int, int], int]


class Small:
    """A graph from {(rank, feature_index): firings}, put in order the slow way."""

    def __init__(self, counts: Counts) -> None:
        features = sorted({feature for _, feature in counts})
        first = {f: min(rank for rank, g in counts if g == f) for f in features}
        firings = {f: sum(n for (_, g), n in counts.items() if g == f) for f in features}
        self.ordered = sorted(features, key=lambda f: (first[f], -firings[f], f))
        self.first_rank = np.array([first[f] for f in self.ordered])
        place = {f: i + 1 for i, f in enumerate(self.ordered)}
        self.edges = {(rank, place[f]): n for (rank, f), n in counts.items()}
        rank, order, n = np.array([(*at, n) for at, n in self.edges.items()]).T
        self.places = Places(rank, order, n)
        self.n_ranks, self.n_orders = max(r for r, _ in counts), len(features)

    def count(
        self, ranks: tuple[int, int], orders: tuple[int, int], min_count: int
    ) -> tuple[int, int]:
        """(edges, firings) between two ranges, ends inside, one by one."""
        found = [
            n
            for (rank, order), n in self.edges.items()
            if ranks[0] <= rank <= ranks[1] and orders[0] <= order <= orders[1] and n >= min_count
        ]
        return len(found), sum(found)

    def tiled(self, n_function: int) -> Tiled:
        """The same through the tables of a large build."""

        def read(first: int, last: int) -> Places:
            return self.places.within((first, last), (1, self.n_orders))

        by_rank = np.bincount(self.places.rank, minlength=self.n_ranks + 1)[1:]
        by_order = np.bincount(self.places.order, minlength=self.n_orders + 1)[1:]
        made = graph_tables(0, GraphEdges(by_rank, by_order, self.first_rank, n_function, read))
        rows = made["graph_tile"].drop(["sae_ordinal"]).to_pylist()
        extents = {
            name: np.array([row[name] for row in rows])
            for name in ("rank_first", "rank_last", "order_first", "order_last", "n_edges")
        }
        grids = {row["min_count"]: grid_of(row) for row in made["graph_grid"].to_pylist()}
        packed = [graph_tiles.PackedTile(**row) for row in rows]

        def unpacked(at: Ints) -> Iterator[Places]:
            for half in np.array_split(at, 2):
                yield joined_places([unpack_tile(packed[i]) for i in half])

        return Tiled(TileIndex(**extents), grids, unpacked)


def grid_of(row: dict[str, object]) -> Grid:
    names = (
        "n_rank_bounds",
        "n_order_bounds",
        "rank_bounds",
        "order_bounds",
        "n_edges",
        "n_firings",
    )
    return unpack_grid(*(row[name] for name in names))  # type: ignore[arg-type]


def ranges(bounds: Ints) -> list[tuple[int, int]]:
    return [(int(a), int(b) - 1) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


@settings(max_examples=250)
@given(EDGES, st.data())
def test_cells_are_the_edges_counted_one_by_one(counts: Counts, data: st.DataObject) -> None:
    graph = Small(counts)
    first = data.draw(st.integers(1, graph.n_ranks))
    last = data.draw(st.integers(first, graph.n_ranks))
    low = data.draw(st.integers(1, graph.n_orders))
    high = data.draw(st.integers(low, graph.n_orders))
    cut, min_count = data.draw(st.integers(0, N_RANKS)), data.draw(st.sampled_from([1, 2, 5, 10]))
    rows, columns = shape(data.draw(st.integers(1, 60)), last - first + 1, high - low + 1)
    ranks = rank_bounds(first, last, rows, cut)
    orders = order_bounds(graph.first_rank, low, high, columns, cut)
    assert len(ranks) - 1 <= rows
    assert len(orders) - 1 <= columns
    assert (ranks[0], ranks[-1], orders[0], orders[-1]) == (first, last + 1, low, high + 1)
    assert (np.diff(ranks) > 0).all()
    assert (np.diff(orders) > 0).all()
    cells = count_cells(graph.places, ranks, orders, min_count)
    for i, here in enumerate(ranges(ranks)):
        for j, there in enumerate(ranges(orders)):
            wanted = graph.count(here, there, min_count)
            assert (cells.n_edges[i, j], cells.n_firings[i, j]) == wanted
    # each edge in exactly one cell: the cells sum to the range
    assert cells.n_edges.sum() == graph.count((first, last), (low, high), min_count)[0]


@settings(max_examples=250)
@given(EDGES, st.integers(0, N_RANKS), st.integers(4, 40), st.data())
def test_splitting_conserves_counts_down_to_single_edges(
    counts: Counts, cut: int, most: int, data: st.DataObject
) -> None:
    """Follow one cell down: its parts sum to it, and the end is one token,
    one feature, one edge.
    """
    graph = Small(counts)
    here, there = (1, graph.n_ranks), (1, graph.n_orders)
    for _ in range(40):
        rows, columns = shape(most, here[1] - here[0] + 1, there[1] - there[0] + 1)
        ranks = rank_bounds(*here, rows, cut)
        orders = order_bounds(graph.first_rank, *there, columns, cut)
        cells = count_cells(graph.places, ranks, orders, 1)
        assert (cells.n_edges.sum(), cells.n_firings.sum()) == graph.count(here, there, 1)
        if here[0] == here[1] and there[0] == there[1]:
            break
        assert cells.n_edges.size > 1, "a block of more than one could not be split"
        i, j = data.draw(st.sampled_from(np.argwhere(cells.n_edges).tolist()))
        here, there = ranges(ranks)[i], ranges(orders)[j]
    assert here[0] == here[1]
    assert there[0] == there[1]
    assert graph.count(here, there, 1)[0] == 1


@settings(max_examples=250)
@given(EDGES, st.data())
def test_grid_and_tiles_count_what_memory_counts(counts: Counts, data: st.DataObject) -> None:
    """Small tiles, a small grid, and a limit that makes most views come from the
    grid and its margins.
    """
    graph = Small(counts)
    cut = data.draw(st.integers(0, N_RANKS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_tiles, "TILE_EDGES", data.draw(st.integers(1, 9)))
        patch.setattr("precompute.building.graph_tables.GRID_BLOCKS", data.draw(st.integers(2, 12)))
        patch.setattr("precompute.building.graph_tables.LOG_BLOCKS", data.draw(st.integers(1, 6)))
        patch.setattr("precompute.building.graph_tables.STRIPS", data.draw(st.integers(1, 5)))
        patch.setattr(graph_source, "READ_AT_ONCE", data.draw(st.sampled_from([0, 10, 60])))
        tiled, memory = graph.tiled(cut), InMemory(graph.places)
        first = data.draw(st.integers(1, graph.n_ranks))
        last = data.draw(st.integers(first, graph.n_ranks))
        low = data.draw(st.integers(1, graph.n_orders))
        high = data.draw(st.integers(low, graph.n_orders))
        min_count = data.draw(st.sampled_from([1, 2, 5, 10]))
        rows, columns = shape(data.draw(st.integers(1, 60)), last - first + 1, high - low + 1)
        wanted = (
            rank_bounds(first, last, rows, cut),
            order_bounds(graph.first_rank, low, high, columns, cut),
        )
        view = tiled.view(*wanted, min_count)
        assert len(view.ranks) <= len(wanted[0])
        assert len(view.orders) <= len(wanted[1])
        assert (view.ranks[0], view.ranks[-1], view.orders[0], view.orders[-1]) == (
            first,
            last + 1,
            low,
            high + 1,
        )
        same = memory.view(view.ranks, view.orders, min_count).cells
        assert view.cells.n_edges.tolist() == same.n_edges.tolist()
        assert view.cells.n_firings.tolist() == same.n_firings.tolist()


@settings(max_examples=200)
@given(EDGES, st.integers(0, N_RANKS), st.integers(1, 40))
def test_every_feature_is_reached_first_once(counts: Counts, cut: int, most: int) -> None:
    graph = Small(counts)
    rows, columns = shape(most, graph.n_ranks, graph.n_orders)
    ranks = rank_bounds(1, graph.n_ranks, rows, cut)
    orders = order_bounds(graph.first_rank, 1, graph.n_orders, columns, cut)
    found = first_reached(graph.first_rank, ranks, orders)
    assert found.sum() == graph.n_orders
    assert (found <= count_cells(graph.places, ranks, orders, 1).n_edges).all()
    for i, (a, b) in enumerate(ranges(ranks)):
        for j, (c, d) in enumerate(ranges(orders)):
            assert found[i, j] == sum(a <= r <= b for r in graph.first_rank[c - 1 : d])


@settings(max_examples=200)
@given(EDGES)
def test_orders_and_degrees_are_those_of_the_graph(counts: Counts) -> None:
    graph = Small(counts)
    features = sorted({feature for _, feature in counts})
    firings = [sum(n for (_, g), n in counts.items() if g == f) for f in features]
    first = [min(rank for rank, g in counts if g == f) for f in features]
    order = feature_order(first, firings, features)
    assert [features[i] for i in order] == graph.ordered
    degrees = [sum(g == f for _, g in counts) for f in features]
    wanted: dict[int, int] = {}
    for degree in degrees:
        octave = next(k for k in range(64) if 2**k <= degree < 2 ** (k + 1))
        wanted[octave] = wanted.get(octave, 0) + 1
    assert octaves(degrees) == wanted


def test_by_hand() -> None:
    assert rank_bounds(1, 100_000, 5, 0).tolist() == [1, 10, 100, 1000, 10_000, 100_001]
    assert rank_bounds(1, 100_000, 6, 130).tolist() == [1, 10, 100, 131, 1000, 10_000, 100_001]
    assert rank_bounds(5, 8, 10, 6).tolist() == [5, 6, 7, 8, 9]
    # three features at rank 1, one at 2, two at 50
    first_rank = np.array([1, 1, 1, 2, 50, 50])
    assert order_bounds(first_rank, 1, 6, 10, 0).tolist() == [1, 4, 5, 7]
    assert order_bounds(first_rank, 1, 3, 10, 0).tolist() == [1, 2, 3, 4]
    assert order_bounds(first_rank, 1, 3, 2, 0).tolist() == [1, 2, 4]
    assert shape(600, 100_000, 100_000) == (24, 25)
    assert shape(600, 1, 100_000) == (1, MOST_BLOCKS)
    assert octaves([0, 1, 2, 3, 4, 2**49]) == {0: 1, 1: 2, 2: 1, 49: 1}


def test_a_tile_reads_back_as_written() -> None:
    strip = Places(np.array([9, 7, 8, 7]), np.array([4, 4, 900, 2]), np.array([3, 70_000, 1, 2]))
    found = list(tiles(strip, 7, 9))
    assert [(tile.order_first, tile.order_last, tile.n_edges) for tile in found] == [(2, 900, 4)]
    back = unpack_tile(found[0])
    assert list(zip(back.rank, back.order, back.n_firings, strict=True)) == [
        (7, 2, 2),
        (7, 4, 70_000),
        (9, 4, 3),
        (8, 900, 1),
    ]
