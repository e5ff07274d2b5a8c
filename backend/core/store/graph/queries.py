"""The bipartite graph of a build, as aggregated blocks that can be split down to single edges."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.core.store.base import SaeRow
from backend.core.store.coverage import MIN_COUNTS
from backend.core.store.graph.blocks import (
    Places,
    first_reached,
    octaves,
    order_bounds,
    rank_bounds,
    shape,
)
from backend.core.store.graph.index import GraphIndex, IndexQueries
from backend.core.store.graph.source import InMemory, View
from backend.core.store.tokens import TokenRow
from backend.core.token_classes import CLASS_NAMES

GRAPH_DEGREES = """
SELECT octave, n_tokens, n_features FROM graph_degree
WHERE sae_ordinal = $1 AND min_count = $2 AND token_class IS NOT DISTINCT FROM $3::UTINYINT
ORDER BY octave
"""


TILED_FROM = 6_000_000  # edges from which a new build gets its grid and tiles
NAMED = 3  # tokens named for each block
GRAPH_CLASSES = ("function", "content")
# a view may unpack millions of edges: more at once would only wait longer
_COUNTING = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class TokenBlock:
    """Tokens of consecutive frequency ranks; counts are edges of the view."""

    rank_first: int
    rank_last: int
    n_edges: int
    n_firings: int
    named: list[TokenRow]  # the first NAMED of them


@dataclass(frozen=True)
class FeatureBlock:
    """Features of consecutive orders; counts are edges of the view."""

    order_first: int
    order_last: int
    first_rank_low: int  # lowest and highest frequency rank that reaches one of them first
    first_rank_high: int
    n_edges: int
    n_firings: int
    feature_index: int | None  # of a block of one


@dataclass(frozen=True)
class GraphCells:
    """Pairs of blocks with an edge, columns of one length; indices into the lists of blocks."""

    token_block: list[int]
    feature_block: list[int]
    n_edges: list[int]
    n_firings: list[int]
    n_first: list[int] | None  # edges that are their feature's first; None where min_count > 1


@dataclass(frozen=True)
class GraphView:
    """One view of the graph."""

    tokens: list[TokenBlock]
    features: list[FeatureBlock]
    cells: GraphCells
    n_edges: int
    n_firings: int
    n_edges_of_sae: int  # all that are listed
    n_ranks: int  # ranks of tokens that occur
    n_orders: int  # active features
    n_function: int  # tokens of rank 1..n_function are function tokens
    effective: dict[str, Any]


class GraphQueries(IndexQueries):
    """Views of the graph, and its degrees."""

    def graph(
        self,
        sae_id: str,
        min_count: int | None = None,
        token_class: str | None = None,
        ranks: tuple[int | None, int | None] = (None, None),
        orders: tuple[int | None, int | None] = (None, None),
        max_edges: int = 600,
    ) -> GraphView:
        """At most max_edges cells of a range of ranks and a range of orders;
        ends inside, None = all.

        Orders are those of the edges with min_count 1; min_count None is the least that is listed.
        ValueError, beginning with the name of the
        setting.
        """
        generation = self._current()
        sae = self._sae(generation, sae_id)[2]
        min_count = self.listed_min_count(min_count)
        index = self.graph_index(sae_id)
        low, high = _class_range(index, token_class)
        first, last = _checked("rank", ranks, low, high)
        order_first, order_last = _checked("order", orders, 1, len(index.first_rank))
        rows, columns = shape(max_edges, last - first + 1, order_last - order_first + 1)
        ranked = rank_bounds(first, last, rows, index.n_function)
        ordered = order_bounds(index.first_rank, order_first, order_last, columns, index.n_function)
        with _COUNTING:
            view = index.source.view(ranked, ordered, min_count)
        effective = {
            "sae_id": sae_id,
            "min_count": min_count,
            "token_class": token_class,
            "rank_first": first,
            "rank_last": last,
            "order_first": order_first,
            "order_last": order_last,
            "max_edges": max_edges,
        }
        return self._graph_view(index, sae, view, min_count, effective)

    def _graph_view(
        self, index: GraphIndex, sae: SaeRow, view: View, min_count: int, effective: dict[str, Any]
    ) -> GraphView:
        cells = view.cells
        row, column = np.nonzero(cells.n_edges)
        first = first_reached(index.first_rank, view.ranks, view.orders)
        columns = GraphCells(
            row.tolist(),
            column.tolist(),
            cells.n_edges[row, column].tolist(),
            cells.n_firings[row, column].tolist(),
            first[row, column].tolist() if min_count == 1 else None,
        )
        return GraphView(
            self._token_blocks(view),
            _feature_blocks(index, view),
            columns,
            int(cells.n_edges.sum()),
            int(cells.n_firings.sum()),
            sae.n_edges,
            index.n_ranks,
            len(index.first_rank),
            index.n_function,
            effective,
        )

    def _token_blocks(self, view: View) -> list[TokenBlock]:
        starts, lasts = view.ranks[:-1].tolist(), (view.ranks[1:] - 1).tolist()
        edges, firings = (
            view.cells.n_edges.sum(axis=1).tolist(),
            view.cells.n_firings.sum(axis=1).tolist(),
        )
        wanted = [
            rank
            for a, b in zip(starts, lasts, strict=True)
            for rank in range(a, min(a + NAMED, b + 1))
        ]
        generation = self._current()
        table = self._token_table(generation)
        found = table.at(table.ranked[np.asarray(wanted, dtype=np.int64) - 1])
        by_rank = {
            row.rank: row for row in (self._token_row(generation, values) for values in found)
        }
        return [
            TokenBlock(
                a,
                b,
                n,
                m,
                [by_rank[rank] for rank in range(a, min(a + NAMED, b + 1)) if rank in by_rank],
            )
            for a, b, n, m in zip(starts, lasts, edges, firings, strict=True)
        ]

    def listed_min_count(self, min_count: int | None) -> int:
        """The min_count asked for, or the least that the build lists edges of.

        ValueError for one that it does not list.
        """
        allowed = [least for least in MIN_COUNTS if least >= self._current().edges_from]
        if min_count is None:
            return allowed[0]
        if min_count not in allowed:
            raise ValueError(f"min_count {min_count}: this build lists edges for {allowed}")
        return min_count

    def graph_degrees(
        self, sae_id: str, min_count: int | None = None, token_class: str | None = None
    ) -> list[tuple[int, int, int]]:
        """(octave, tokens, features) with a degree of 2^octave to 2^(octave + 1) - 1;
        edges to the class alone.
        """
        generation = self._current()
        ordinal = self._sae(generation, sae_id)[0]
        min_count = self.listed_min_count(min_count)
        index = self.graph_index(sae_id)
        if isinstance(index.source, InMemory):
            return _degrees(index.source.edges, min_count, _class_range(index, token_class))
        code = None if token_class is None else CLASS_NAMES.index(token_class)
        rows = self._query(generation, GRAPH_DEGREES, [ordinal, min_count, code])
        return [(octave, tokens, features) for octave, tokens, features in rows]


def _class_range(index: GraphIndex, token_class: str | None) -> tuple[int, int]:
    """Ranks of a class: function tokens are the most frequent ones,
    content tokens the rest that occur.
    """
    if token_class is None:
        return 1, index.n_ranks
    if token_class not in GRAPH_CLASSES:
        raise ValueError(f"token_class {token_class!r}: the graph has {list(GRAPH_CLASSES)}")
    found = (
        (1, index.n_function)
        if token_class == "function"
        else (index.n_function + 1, index.n_ranks)
    )
    if found[0] > found[1]:
        raise ValueError(
            f"token_class {token_class!r}: no token of this class occurs in the corpus"
        )
    return found


def _checked(
    name: str, wanted: tuple[int | None, int | None], low: int, high: int
) -> tuple[int, int]:
    """A range inside low..high; ValueError that begins with the name of the end that is wrong."""
    first, last = (
        (low if wanted[0] is None else wanted[0]),
        (high if wanted[1] is None else wanted[1]),
    )
    if not low <= first <= high:
        raise ValueError(f"{name}_first {first}: {low} to {high} with this sae_id and token_class")
    if not first <= last <= high:
        raise ValueError(f"{name}_last {last}: {first} to {high} with this sae_id and token_class")
    return first, last


def _feature_blocks(index: GraphIndex, view: View) -> list[FeatureBlock]:
    edges, firings = (
        view.cells.n_edges.sum(axis=0).tolist(),
        view.cells.n_firings.sum(axis=0).tolist(),
    )
    return [
        FeatureBlock(
            start,
            stop - 1,
            int(index.first_rank[start - 1]),
            int(index.first_rank[stop - 2]),
            n,
            m,
            int(index.feature_index[start - 1]) if stop - start == 1 else None,
        )
        for start, stop, n, m in zip(
            view.orders[:-1].tolist(), view.orders[1:].tolist(), edges, firings, strict=True
        )
    ]


def _degrees(edges: Places, min_count: int, ranks: tuple[int, int]) -> list[tuple[int, int, int]]:
    kept = (edges.n_firings >= min_count) & (edges.rank >= ranks[0]) & (edges.rank <= ranks[1])
    tokens, features = (octaves(np.bincount(places[kept])) for places in (edges.rank, edges.order))
    return [(k, tokens.get(k, 0), features.get(k, 0)) for k in sorted({*tokens, *features})]
