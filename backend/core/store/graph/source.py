"""Where the cells of a view come from:
all edges in memory, or the grid and the tiles of a large build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from backend.core.store.graph.blocks import Cells, Ints, Places, count_cells, counted
from backend.core.store.graph.tiles import Grid, snapped

READ_AT_ONCE = 2_000_000  # edges that are unpacked for one view: about 0.15 s of CPU time

Range = tuple[int, int]  # first and last, both inside


@dataclass(frozen=True)
class View:
    """Cells of bounds that may have been moved: the ends never are."""

    ranks: Ints
    orders: Ints
    cells: Cells


class Source(Protocol):
    """Counts cells."""

    def view(self, ranks: Ints, orders: Ints, min_count: int) -> View:
        """The cells of these bounds, or of nearby ones where these cost too much."""


@dataclass(frozen=True)
class InMemory:
    """All edges of a small build."""

    edges: Places

    def view(self, ranks: Ints, orders: Ints, min_count: int) -> View:
        return View(ranks, orders, count_cells(self.edges, ranks, orders, min_count))


@dataclass(frozen=True)
class TileIndex:
    """Extents and sizes of all tiles of an SAE; arrays of one length, ends inside."""

    rank_first: npt.NDArray[np.integer]
    rank_last: npt.NDArray[np.integer]
    order_first: npt.NDArray[np.integer]
    order_last: npt.NDArray[np.integer]
    n_edges: npt.NDArray[np.integer]

    def meeting(self, ranks: Range, orders: Range) -> Ints:
        """Places of the tiles that may hold an edge of the rectangle."""
        kept = (self.rank_first <= ranks[1]) & (self.rank_last >= ranks[0])
        kept &= (self.order_first <= orders[1]) & (self.order_last >= orders[0])
        return np.flatnonzero(kept)

    def cost(self, ranks: Range, orders: Range) -> int:
        """Edges that are unpacked to know the rectangle."""
        return int(self.n_edges[self.meeting(ranks, orders)].sum())


@dataclass(frozen=True)
class Tiled:
    """A large build: exact from tiles where that is quick, else sums of the grid, with its bounds.

    Both are exact counts; what differs is where blocks may be cut. Ends of a view that are no
    bounds of the grid are counted from tiles as well. `read` unpacks the tiles at these places of
    the index, piece by piece.
    """

    index: TileIndex
    grids: Mapping[int, Grid]  # by min_count
    read: Callable[[Ints], Iterator[Places]]

    def view(self, ranks: Ints, orders: Ints, min_count: int) -> View:
        whole, across = _range(ranks), _range(orders)
        grid = self.grids[min_count]
        if self.index.cost(whole, across) <= READ_AT_ONCE:
            return View(
                ranks, orders, counted(self._within(whole, across), ranks, orders, min_count)
            )
        ranks, orders = snapped(ranks, grid.rank_bounds), snapped(orders, grid.order_bounds)
        inner_ranks, inner_orders = (
            _aligned(ranks, grid.rank_bounds),
            _aligned(orders, grid.order_bounds),
        )
        if inner_ranks is None or inner_orders is None:
            return View(
                ranks, orders, counted(self._within(whole, across), ranks, orders, min_count)
            )
        cells = grid.cells(inner_ranks, inner_orders)
        within, along = _range(inner_ranks), _range(inner_orders)
        margins = [((whole[0], within[0] - 1), across), ((within[1] + 1, whole[1]), across)]
        margins += [(within, (across[0], along[0] - 1)), (within, (along[1] + 1, across[1]))]
        for rectangle in margins:
            if all(first <= last for first, last in rectangle):
                cells += counted(self._within(*rectangle), ranks, orders, min_count)
        return View(ranks, orders, cells)

    def _within(self, ranks: Range, orders: Range) -> Iterator[Places]:
        return (
            piece.within(ranks, orders) for piece in self.read(self.index.meeting(ranks, orders))
        )


def _range(bounds: Ints) -> Range:
    return int(bounds[0]), int(bounds[-1]) - 1


def _aligned(bounds: Ints, grid: Ints) -> Ints | None:
    """The same blocks with both ends moved inwards to bounds of the grid, the outer ones maybe
    empty; None where the grid has no bound inside. Inner bounds are the grid's already.
    """
    inside = grid[(grid >= bounds[0]) & (grid <= bounds[-1])]
    if not len(inside):
        return None
    return np.concatenate([inside[:1], bounds[1:-1], inside[-1:]])
