"""The graph cut for drawing, for builds too large to be read while a person waits.

Two tables, both made with the build. The *grid*: edges and firings of every pair of about 512 rank
blocks and 512 order blocks, so that wide views are sums of stored numbers. The *tiles*: all edges
once more, in strips of ranks, each strip by (order, rank) in runs of TILE_EDGES, so that a narrow
view reads few tiles whichever way
it is narrow: one token reads a strip (1/32 of the edges), one feature reads a tile of every strip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backend.core.store.edge_codec import Ints, deflate, inflate, narrow
from backend.core.store.graph.blocks import Cells, Places, block_of

HAS_TABLE = (
    "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND table_name = $1"
)
GRAPH_TILES = """
SELECT rowid::BIGINT AS at, rank_first::INTEGER AS rank_first, rank_last::INTEGER AS rank_last,
       order_first::INTEGER AS order_first, order_last::INTEGER AS order_last,
       n_edges::INTEGER AS n_edges
FROM graph_tile WHERE sae_ordinal = $1
"""
GRAPH_TILES_AT = """
SELECT rank_first, rank_last, order_first, order_last, n_edges, order_gaps, rank_gaps, n_firings
FROM graph_tile WHERE rowid IN (SELECT unnest($1::BIGINT[]))
"""
GRAPH_GRID = """
SELECT n_rank_bounds, n_order_bounds, rank_bounds, order_bounds, n_edges, n_firings
FROM graph_grid WHERE sae_ordinal = $1 AND min_count = $2
"""


TILE_EDGES = 16_384
GRID_BLOCKS = 512  # of each side, about
STRIPS = 32
TILES_AT_ONCE = 64  # unpacked together: 1M edges, 50 MB


@dataclass(frozen=True)
class PackedTile:
    """One row of the table `graph_tile`, less its sae_ordinal."""

    rank_first: int  # the strip's ranks, both inside
    rank_last: int
    order_first: int
    order_last: int
    n_edges: int
    order_gaps: bytes
    rank_gaps: bytes
    n_firings: bytes


def tiles(strip: Places, rank_first: int, rank_last: int) -> Iterator[PackedTile]:
    """All edges of the ranks rank_first..rank_last, packed."""
    # one key sorts faster
    by_order = np.argsort(strip.order.astype(np.int64) * (rank_last + 1) + strip.rank)
    for start in range(0, len(by_order), TILE_EDGES):
        which = by_order[start : start + TILE_EDGES]
        order, rank = strip.order[which].astype(np.int64), strip.rank[which].astype(np.int64)
        order_gaps = np.diff(order, prepend=order[0])
        starts = np.diff(order, prepend=-1) != 0
        rank_gaps = np.diff(rank, prepend=0)
        rank_gaps[starts] = rank[starts] - rank_first
        yield PackedTile(
            rank_first,
            rank_last,
            int(order[0]),
            int(order[-1]),
            len(which),
            deflate(narrow(order_gaps)),
            deflate(narrow(rank_gaps)),
            deflate(narrow(strip.n_firings[which].astype(np.int64))),
        )


def unpack_tile(tile: PackedTile) -> Places:
    """The edges of a tile, by (order, rank); exact."""
    n = tile.n_edges
    order_gaps, rank_gaps = inflate(tile.order_gaps, n), inflate(tile.rank_gaps, n)
    order = tile.order_first + np.cumsum(order_gaps)
    running = np.cumsum(rank_gaps)
    order_gaps[0] = 1  # the first edge begins a feature too
    starts = np.flatnonzero(order_gaps)
    before = running[starts] - rank_gaps[starts]
    rank = tile.rank_first + running - np.repeat(before, np.diff(np.append(starts, n)))
    return Places(rank, order, inflate(tile.n_firings, n))


def joined_places(parts: list[Places]) -> Places:
    """One after another; no parts are no edges."""
    empty = [np.empty(0, np.int64)]
    return Places(
        np.concatenate(empty + [part.rank for part in parts]),
        np.concatenate(empty + [part.order for part in parts]),
        np.concatenate(empty + [part.n_firings for part in parts]),
    )


@dataclass(frozen=True)
class Grid:
    """Counts of every pair of grid blocks at one min_count, as sums from the first corner."""

    rank_bounds: Ints
    order_bounds: Ints
    edges_before: Ints  # [i, j] edges in rank blocks 0..i-1 and order blocks 0..j-1
    firings_before: Ints

    @classmethod
    def of(cls, rank_bounds: Ints, order_bounds: Ints, cells: Cells) -> Grid:
        """From counts per pair of blocks."""
        return cls(rank_bounds, order_bounds, _running(cells.n_edges), _running(cells.n_firings))

    def cells(self, ranks: Ints, orders: Ints) -> Cells:
        """Counts of blocks whose bounds are all bounds of the grid."""
        rows, columns = (
            np.searchsorted(self.rank_bounds, ranks),
            np.searchsorted(self.order_bounds, orders),
        )
        if not (
            np.isin(ranks, self.rank_bounds).all() and np.isin(orders, self.order_bounds).all()
        ):
            raise ValueError(f"bounds {ranks} and {orders} are not all of the grid")
        return Cells(
            *(
                _between(before, rows, columns)
                for before in (self.edges_before, self.firings_before)
            )
        )


def _running(counts: Ints) -> Ints:
    made = np.zeros((counts.shape[0] + 1, counts.shape[1] + 1), dtype=np.int64)
    made[1:, 1:] = counts.cumsum(axis=0).cumsum(axis=1)
    return made


def _between(before: Ints, rows: Ints, columns: Ints) -> Ints:
    corners = before[np.ix_(rows, columns)]
    return np.asarray(np.diff(np.diff(corners, axis=0), axis=1), dtype=np.int64)


def snapped(wanted: Ints, grid: Ints) -> Ints:
    """`wanted`, its inner bounds moved to the nearest of the grid's that lie strictly
    inside; the ends stay.
    """
    first, last = int(wanted[0]), int(wanted[-1])
    usable = grid[(grid > first) & (grid < last)]
    if not len(usable):
        return np.array([first, last], dtype=np.int64)
    right = np.clip(np.searchsorted(usable, wanted[1:-1]), 1, max(len(usable) - 1, 1))
    low, high = usable[right - 1], usable[np.minimum(right, len(usable) - 1)]
    nearest = np.where(wanted[1:-1] - low <= high - wanted[1:-1], low, high)
    return np.unique(np.concatenate([[first], nearest, [last]]))


def grid_counts(
    strip: Places, ranks: Ints, orders: Ints, min_counts: tuple[int, ...]
) -> dict[int, tuple[Ints, Ints]]:
    """min_count -> (edges, firings) per pair of blocks, flat;
    the strip must lie inside the bounds.
    """
    n_columns = len(orders) - 1
    size = (len(ranks) - 1) * n_columns
    cell = block_of(strip.rank, ranks) * n_columns + block_of(strip.order, orders)
    counts, made = strip.n_firings, {}
    for least in sorted(min_counts):
        kept = counts >= least
        cell, counts = cell[kept], counts[kept]
        firings = np.bincount(cell, weights=counts, minlength=size).astype(np.int64)
        made[least] = (np.bincount(cell, minlength=size), firings)
    return made


def unpack_grid(
    n_ranks: int, n_orders: int, ranks: bytes, orders: bytes, n_edges: bytes, n_firings: bytes
) -> Grid:
    """A row of `graph_grid`; n_ranks and n_orders are numbers of bounds."""
    size = (n_ranks - 1, n_orders - 1)
    edges, firings = (
        inflate(blob, size[0] * size[1]).reshape(size) for blob in (n_edges, n_firings)
    )
    return Grid.of(inflate(ranks, n_ranks), inflate(orders, n_orders), Cells(edges, firings))
