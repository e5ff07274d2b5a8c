"""The graph of a large SAE, cut for drawing: the tables graph_tile, graph_grid and graph_degree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from backend.core.store import MIN_COUNTS
from backend.core.store.edge_codec import deflate, narrow
from backend.core.store.edge_merge import MergedEdges
from backend.core.store.graph.blocks import (
    Ints,
    Places,
    balanced_bounds,
    feature_order,
    log_bounds,
    octaves,
    rank_bounds,
)
from backend.core.store.graph.tiles import GRID_BLOCKS, STRIPS, grid_counts, tiles
from backend.core.token_classes import CONTENT, FUNCTION
from precompute.building.tokens import TokenTable

# of the grid's blocks, those at equal steps of the logarithm: what wide views ask for
LOG_BLOCKS = 192


@dataclass(frozen=True)
class GraphEdges:
    """All edges of an SAE by places: `read` gives those of a range of ranks, both ends inside."""

    by_rank: Ints  # [ranks] edges of each rank, from rank 1
    by_order: Ints  # [orders] edges of each order, from order 1
    first_rank: Ints  # [orders]
    n_function: int
    read: Callable[[int, int], Places]

    def strips(self) -> Iterator[tuple[int, int, Places]]:
        """(first rank, last rank, edges) of about STRIPS parts of equal size, in order of rank."""
        bounds = balanced_bounds(self.by_rank, np.empty(0, np.int64), STRIPS).tolist()
        for first, stop in zip(bounds, bounds[1:], strict=False):
            yield first, stop - 1, self.read(first, stop - 1)

    def grid_bounds(self) -> tuple[Ints, Ints]:
        """Bounds of ranks and of orders:
        those that wide views ask for, and more where edges are many.
        """
        n = len(self.by_rank)
        forced = np.union1d(log_bounds(1, n, LOG_BLOCKS), rank_bounds(1, n, 2, self.n_function))
        reached = np.searchsorted(self.first_rank, forced) + 1
        ranks = balanced_bounds(self.by_rank, forced, GRID_BLOCKS)
        return ranks, balanced_bounds(self.by_order, np.unique(reached), GRID_BLOCKS)


def graph_tables(sae_ordinal: int, edges: GraphEdges) -> dict[str, pa.Table]:
    """The three tables of one SAE; memory: one strip, and counts per feature."""
    ranks, orders = edges.grid_bounds()
    size = (len(ranks) - 1) * (len(orders) - 1)
    sums = {least: (np.zeros(size, np.int64), np.zeros(size, np.int64)) for least in MIN_COUNTS}
    degrees = DegreeCounts(len(edges.by_rank), len(edges.by_order), edges.n_function)
    packed = list[dict[str, Any]]()
    for first, last, strip in edges.strips():
        packed += [asdict(tile) for tile in tiles(strip, first, last)]
        for least, (n_edges, n_firings) in grid_counts(strip, ranks, orders, MIN_COUNTS).items():
            np.add(sums[least][0], n_edges, out=sums[least][0])
            np.add(sums[least][1], n_firings, out=sums[least][1])
        degrees.add(strip)
    bounds = {
        "n_rank_bounds": len(ranks),
        "n_order_bounds": len(orders),
        "rank_bounds": deflate(narrow(ranks)),
        "order_bounds": deflate(narrow(orders)),
    }
    grid = [
        {
            "min_count": least,
            **bounds,
            "n_edges": deflate(narrow(n)),
            "n_firings": deflate(narrow(firings)),
        }
        for least, (n, firings) in sums.items()
    ]
    made = {
        "graph_tile": pa.Table.from_pylist(packed),
        "graph_grid": pa.Table.from_pylist(grid),
        "graph_degree": degrees.table(),
    }
    return {
        name: table.append_column(
            "sae_ordinal", pa.array(np.full(len(table), sae_ordinal, np.uint8))
        )
        for name, table in made.items()
    }


class DegreeCounts:
    """Edges of every token and every feature, by min_count and class, added up strip by strip."""

    def __init__(self, n_ranks: int, n_orders: int, n_function: int) -> None:
        self.n_function = n_function
        self.of_rank = {least: np.zeros(n_ranks + 1, np.int64) for least in MIN_COUNTS}
        self.of_order = {
            (least, code): np.zeros(n_orders + 1, np.int64)
            for least in MIN_COUNTS
            for code in (FUNCTION, CONTENT)
        }

    def add(self, strip: Places) -> None:
        """Edges of ranks that were not added before."""
        for least in MIN_COUNTS:
            kept = strip.n_firings >= least
            rank, order = strip.rank[kept], strip.order[kept]
            self.of_rank[least] += np.bincount(rank, minlength=len(self.of_rank[least]))
            is_function = rank <= self.n_function
            for code, mine in ((FUNCTION, is_function), (CONTENT, ~is_function)):
                self.of_order[least, code] += np.bincount(
                    order[mine], minlength=len(self.of_order[least, code])
                )

    def table(self) -> pa.Table:
        """Rows of the table `graph_degree`, less sae_ordinal."""
        rows = []
        for least in MIN_COUNTS:
            of_rank, function, content = (
                self.of_rank[least],
                self.of_order[least, FUNCTION],
                self.of_order[least, CONTENT],
            )
            cut = self.n_function + 1
            cases = ((None, of_rank, function + content), (FUNCTION, of_rank[:cut], function))
            for code, tokens, features in (*cases, (CONTENT, of_rank[cut:], content)):
                n_tokens, n_features = octaves(tokens), octaves(features)
                for octave in sorted({*n_tokens, *n_features}):
                    counts = {
                        "n_tokens": n_tokens.get(octave, 0),
                        "n_features": n_features.get(octave, 0),
                    }
                    rows.append(
                        {"min_count": least, "token_class": code, "octave": octave, **counts}
                    )
        return pa.Table.from_pylist(rows)


def merged_graph_tables(
    sae_ordinal: int, edges: MergedEdges, feature: pa.Table, tokens: TokenTable
) -> dict[str, pa.Table]:
    """The tables of an SAE whose edges are all in memory; `feature`:
    its rows of the table of that name.
    """
    index = feature["feature_index"].to_numpy().astype(np.int64)
    first_rank = feature["first_rank"].to_numpy().astype(np.int64)
    order = feature_order(first_rank, feature["n_firings"].to_numpy(), index)
    order_of = np.zeros(int(index.max(initial=0)) + 1, np.int64)
    order_of[index[order]] = np.arange(1, len(order) + 1)
    rank = tokens.place()[edges.token_id] + 1
    by_rank = np.argsort(rank, kind="stable")
    places = Places(rank[by_rank], order_of[edges.feature_index[by_rank]], edges.counts[by_rank, 0])

    def read(first: int, last: int) -> Places:
        which = slice(*np.searchsorted(places.rank, [first, last + 1]))
        return Places(places.rank[which], places.order[which], places.n_firings[which])

    of_rank = np.bincount(places.rank, minlength=len(tokens.seen()) + 1)[1:]
    of_order = np.bincount(places.order, minlength=len(order) + 1)[1:]
    return graph_tables(
        sae_ordinal, GraphEdges(of_rank, of_order, first_rank[order], tokens.n_function, read)
    )
