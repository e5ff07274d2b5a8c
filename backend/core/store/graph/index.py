"""What every view of the graph needs, read once for each version of the file:
orders, extents, and where cells come from.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backend.core.store.base import Generation, SaeRow, StoreMissing
from backend.core.store.coverage import MIN_COUNTS
from backend.core.store.graph.blocks import (
    Ints,
    Places,
    feature_order,
)
from backend.core.store.graph.source import InMemory, Source, Tiled, TileIndex
from backend.core.store.graph.tiles import (
    GRAPH_GRID,
    GRAPH_TILES,
    GRAPH_TILES_AT,
    HAS_TABLE,
    TILES_AT_ONCE,
    Grid,
    PackedTile,
    joined_places,
    unpack_grid,
    unpack_tile,
)
from backend.core.store.tokens import TokenQueries
from backend.core.token_classes import FUNCTION

# The graph: orders are made from first_rank and n_firings in backend.core.store.graph.blocks.
GRAPH_FEATURES = """
SELECT feature_index::INTEGER AS feature_index, n_firings::BIGINT AS n_firings,
       first_rank::INTEGER AS first_rank
FROM feature WHERE sae_ordinal = $1
"""
GRAPH_RANKS = """
SELECT coalesce(max(rank) FILTER (occurrences > 0), 0)::BIGINT,
       count(*) FILTER (token_class = $1)::BIGINT
FROM token
"""
GRAPH_TOKEN_RANKS = (
    "SELECT token_id::BIGINT AS token_id, rank::INTEGER AS rank FROM token "
    "WHERE rank IS NOT NULL AND occurrences > 0"
)


WHOLE_GRAPH = 20_000_000  # edges up to which a build without tiles is read into memory
_LOADING = threading.Lock()  # two threads must not read the same edges at once


@dataclass(frozen=True)
class GraphIndex:
    """What every view of one SAE needs, read once for each version of the file."""

    first_rank: Ints  # [orders], ascending
    feature_index: Ints  # [orders]
    n_ranks: int
    n_function: int
    source: Source


class IndexQueries(TokenQueries):
    """Rows of `graph_tile` and `graph_grid`, or all of `edge_chunk`."""

    def graph_index(self, sae_id: str) -> GraphIndex:
        """Orders, extents and the source of cells of one SAE."""
        generation = self._current()
        ordinal, _, sae = self._sae(generation, sae_id)
        key = ("graph", ordinal)
        if key not in generation.kept:
            with _LOADING:
                if key not in generation.kept:
                    generation.kept[key] = self._read_graph(generation, ordinal, sae)
        index: GraphIndex = generation.kept[key]
        return index

    def _read_graph(self, generation: Generation, ordinal: int, sae: SaeRow) -> GraphIndex:
        found = self._columns(generation, GRAPH_FEATURES, [ordinal])
        order = feature_order(found["first_rank"], found["n_firings"], found["feature_index"])
        feature_index = found["feature_index"][order].astype(np.int64)
        n_ranks, n_function = self._query(generation, GRAPH_RANKS, [FUNCTION])[0]
        first_rank = found["first_rank"][order].astype(np.int64)
        source = self._tiled(generation, ordinal) or self._in_memory(generation, sae, feature_index)
        return GraphIndex(first_rank, feature_index, n_ranks, n_function, source)

    def _in_memory(self, generation: Generation, sae: SaeRow, feature_index: Ints) -> InMemory:
        if sae.n_edges > WHOLE_GRAPH:
            raise StoreMissing(
                f"The build's {sae.n_edges:,} edges of {sae.sae_id} have no grid and no tiles to "
                "draw the graph from; make the build again with `functionscope precompute all`."
            )
        edges = self.edges(sae.sae_id)
        ranks = self._columns(generation, GRAPH_TOKEN_RANKS)
        rank_of = np.zeros(int(edges.token_id.max(initial=0)) + 1, dtype=np.int32)
        known = ranks["token_id"] < len(rank_of)
        rank_of[ranks["token_id"][known]] = ranks["rank"][known]
        order_of = np.zeros(sae.d_sae, dtype=np.int32)
        order_of[feature_index] = np.arange(1, len(feature_index) + 1)
        return InMemory(
            Places(rank_of[edges.token_id], order_of[edges.feature_index], edges.n_firings)
        )

    def _tiled(self, generation: Generation, ordinal: int) -> Tiled | None:
        if not self._query(generation, HAS_TABLE, ["graph_tile"]):
            return None  # a build of an earlier version
        found = self._columns(generation, GRAPH_TILES, [ordinal])
        if not len(found["n_edges"]):
            return None
        at = found.pop("at")
        grids = {least: self._grid(generation, ordinal, least) for least in MIN_COUNTS}
        # the source is kept by the generation: it must not hold it, or neither would ever be let go
        held = weakref.proxy(generation)
        return Tiled(TileIndex(**found), grids, lambda places: self._tiles(held, at[places]))

    def _tiles(self, generation: Generation, at: Ints) -> Iterator[Places]:
        for start in range(0, len(at), TILES_AT_ONCE):
            rows = self._query(
                generation, GRAPH_TILES_AT, [at[start : start + TILES_AT_ONCE].tolist()]
            )
            yield joined_places([unpack_tile(PackedTile(*row)) for row in rows])

    def _grid(self, generation: Generation, ordinal: int, min_count: int) -> Grid:
        return unpack_grid(*self._query(generation, GRAPH_GRID, [ordinal, min_count])[0])
