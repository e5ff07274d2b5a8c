"""The bipartite graph as blocks: pure arithmetic on edges, ranks and orders.

A token's place is its frequency rank, a feature's its *order*: features by the first rank that
reaches them, then by firings (most first), then by feature_index. Both count from 1. A block is a
run of places; n blocks are given by n + 1 bounds, the start of each and one past the last. A cell
is a pair of blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
MOST_BLOCKS = 40  # of one side: more rows than this cannot be told apart on a screen


@dataclass(frozen=True)
class Places:
    """Edges as parallel arrays [n], in no particular order; at most one for each (rank, order)."""

    rank: npt.NDArray[np.integer]
    order: npt.NDArray[np.integer]
    n_firings: npt.NDArray[np.integer]

    def within(self, ranks: tuple[int, int], orders: tuple[int, int]) -> Places:
        """The edges whose rank and order lie in these ranges, both ends inside."""
        kept = (self.rank >= ranks[0]) & (self.rank <= ranks[1])
        kept &= (self.order >= orders[0]) & (self.order <= orders[1])
        return Places(self.rank[kept], self.order[kept], self.n_firings[kept])


@dataclass(frozen=True)
class Cells:
    """Edges and firings of every pair of blocks; both [token blocks, feature blocks]."""

    n_edges: Ints
    n_firings: Ints

    def __add__(self, other: Cells) -> Cells:
        return Cells(self.n_edges + other.n_edges, self.n_firings + other.n_firings)


def feature_order(
    first_rank: npt.ArrayLike, n_firings: npt.ArrayLike, feature_index: npt.ArrayLike
) -> Ints:
    """Permutation that puts features in order:
    by first_rank, then most firings, then feature_index.
    """
    return np.lexsort(
        (np.asarray(feature_index), -np.asarray(n_firings, dtype=np.int64), np.asarray(first_rank))
    )


def log_bounds(first: int, last: int, n: int) -> Ints:
    """At most n blocks of the places first..last, about equally wide on a logarithm; two or more
    where n and the range allow it.
    """
    if last - first < n:
        return np.arange(first, last + 2, dtype=np.int64)
    return np.unique(np.round(np.geomspace(first, last + 1, n + 1)).astype(np.int64))


def with_cut(bounds: Ints, cut: int) -> Ints:
    """`bounds` with one between `cut` and cut + 1, where the range has both."""
    if bounds[0] <= cut < bounds[-1] - 1:
        return np.union1d(bounds, [cut + 1])
    return bounds


def rank_bounds(first: int, last: int, n: int, cut: int) -> Ints:
    """At most n blocks of ranks; one ends at `cut`,
    the number of function tokens, if n allows two.
    """
    wanted = with_cut(np.array([first, last + 1]), cut)
    if n < 2 or len(wanted) == 2:
        return log_bounds(first, last, n)
    if last - first < n:
        return np.arange(first, last + 2, dtype=np.int64)
    return with_cut(log_bounds(first, last, n - 1), cut)


def order_bounds(
    first_rank: npt.NDArray[np.integer], first: int, last: int, n: int, cut: int
) -> Ints:
    """At most n blocks of features: by the rank that reaches them first where the range has several
    such ranks, else in equal parts. `first_rank` is that of every order, ascending.
    """
    low, high = int(first_rank[first - 1]), int(first_rank[last - 1])
    if low == high:
        if last - first < n:
            return np.arange(first, last + 2, dtype=np.int64)
        return np.unique(np.round(np.linspace(first, last + 1, n + 1)).astype(np.int64))
    inner = np.searchsorted(first_rank, rank_bounds(low, high, n, cut)[1:-1]) + 1
    return np.unique(np.concatenate([[first], inner, [last + 1]]))


def shape(most_edges: int, n_ranks: int, n_orders: int) -> tuple[int, int]:
    """(token blocks, feature blocks) to aim at:
    product at most most_edges, neither above MOST_BLOCKS.
    """
    side = int(np.sqrt(most_edges))
    rows = max(1, min(side, n_ranks, MOST_BLOCKS))
    columns = max(1, min(most_edges // rows, n_orders, MOST_BLOCKS))
    return max(1, min(most_edges // columns, n_ranks, MOST_BLOCKS)), columns


def count_cells(edges: Places, ranks: Ints, orders: Ints, min_count: int) -> Cells:
    """Edges with at least min_count firings, and their firings, per cell;
    what lies outside is not counted.
    """
    return counted(iter([edges]), ranks, orders, min_count)


def counted(pieces: Iterator[Places], ranks: Ints, orders: Ints, min_count: int) -> Cells:
    """The same of edges that come in pieces, so that they need not lie in memory together."""
    n_rows, n_columns = len(ranks) - 1, len(orders) - 1
    rows, columns = _blocks(ranks), _blocks(orders)
    n_edges, firings = (
        np.zeros(n_rows * n_columns, np.int64),
        np.zeros(n_rows * n_columns, np.int64),
    )
    for edges in pieces:
        inside = edges.within(
            (int(ranks[0]), int(ranks[-1]) - 1), (int(orders[0]), int(orders[-1]) - 1)
        )
        cell = rows[inside.rank - ranks[0]] * n_columns + columns[inside.order - orders[0]]
        counts = inside.n_firings
        if min_count > 1:
            kept = counts >= min_count
            cell, counts = cell[kept], counts[kept]
        n_edges += np.bincount(cell, minlength=len(n_edges))
        # exact: sums of integers below 2^53
        firings += np.bincount(cell, weights=counts, minlength=len(firings)).astype(np.int64)
    return Cells(n_edges.reshape(n_rows, n_columns), firings.reshape(n_rows, n_columns))


def block_of(places: npt.NDArray[np.integer], bounds: Ints) -> Ints:
    """The block of each place; all must lie inside.

    A table beats a search: 5 ns a place instead of 60.
    """
    return np.asarray(_blocks(bounds)[places.astype(np.int64) - bounds[0]], dtype=np.int64)


def _blocks(bounds: Ints) -> Ints:
    """The block of every place from the first bound on."""
    return np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))


def first_reached(first_rank: npt.NDArray[np.integer], ranks: Ints, orders: Ints) -> Ints:
    """[token blocks, feature blocks] features of the column's block that the row's
    block reaches first.
    """
    made = np.zeros((len(ranks) - 1, len(orders) - 1), dtype=np.int64)
    for column, (start, stop) in enumerate(
        zip(orders[:-1].tolist(), orders[1:].tolist(), strict=True)
    ):
        made[:, column] = np.diff(np.searchsorted(first_rank[start - 1 : stop - 1], ranks))
    return made


def balanced_bounds(weights: Ints, forced: Ints, n: int) -> Ints:
    """About n blocks of the places 1..len(weights), none much heavier than another: the forced
    bounds, and more at equal steps of weight. A place heavier than such a step is a block of its
    own.
    """
    running = np.concatenate([[0], np.cumsum(weights)])
    left = max(n - len(forced), 1)
    steps = np.searchsorted(running, np.linspace(0, running[-1], left + 1)[1:-1]) + 1
    heavy = np.flatnonzero(weights > running[-1] / left) + 1
    bounds = np.unique(np.concatenate([[1, len(weights) + 1], forced, steps, heavy, heavy + 1]))
    return bounds[(bounds >= 1) & (bounds <= len(weights) + 1)].astype(np.int64)


def octaves(degrees: npt.ArrayLike) -> dict[int, int]:
    """k -> how many of the positive degrees lie in 2^k .. 2^(k+1) - 1."""
    values = np.asarray(degrees, dtype=np.int64)
    # frexp is exact where log2 may round up
    found, n = np.unique(np.frexp(values[values > 0].astype(np.float64))[1] - 1, return_counts=True)
    return dict(zip(found.tolist(), n.tolist(), strict=True))
