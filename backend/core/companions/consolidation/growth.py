"""Features along training: counts, coverage and degree of the SAEs of each checkpoint.

A count of distinct features (or edges) on a fixed sample grows with the sample, so resampling with
replacement would bias it downwards. Intervals here leave out one document shard at a time
(jackknife): what is lost without a shard is what occurs in that shard alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.core.companions.consolidation.codec import unpack
from backend.core.companions.consolidation.rows import Cut, Floats, Ints, Query

Z = 1.959964  # two-sided 95 %


@dataclass(frozen=True)
class SaeCount:
    """One dictionary on the sample; see schema.sql."""

    run: int
    step: int
    sae_id: str
    layer: int
    recipe: str
    k: float
    seed: int
    d_sae: int
    trained_positions: int
    n_features: int
    n_firings: int
    loss: float
    loss_zeroed: float
    loss_reconstructed: float
    covered: Ints  # [rank point]
    edges: Ints  # [rank point]
    kind_edges: Ints  # [kind]
    lone_features: Ints  # [shard]
    lone_edges: Ints  # [shard, band, kind]

    @property
    def score(self) -> float:
        """(H0 - H*) / (H0 - Horig), the paper's App.

        C; nan where zeroing the layer changes nothing.
        """
        lost = self.loss_zeroed - self.loss
        return (self.loss_zeroed - self.loss_reconstructed) / lost if lost else float("nan")

    @property
    def n_edges(self) -> int:
        return int(self.edges[-1])


@dataclass(frozen=True)
class GrowthTables:
    """Every SAE, and the sample that all were counted on."""

    saes: tuple[SaeCount, ...]
    ranks: Ints  # [rank point]
    seen: Ints  # [rank point] distinct tokens of the sample up to that rank
    seen_of_kind: Ints  # [kind]
    last_ranks: Ints  # [band]
    n_positions: int
    target_score: float | None


@dataclass(frozen=True)
class DegreeSplit:
    """Edges of function tokens against the rest at one cut."""

    share: float
    interval: tuple[float, float]
    function_degree: float
    content_degree: float


def read_growth(query: Query, provenance: dict[str, Any]) -> GrowthTables:
    """All tables of features as arrays; no SAE is no row."""
    points = query("SELECT rank, seen FROM rank_point ORDER BY rank")
    last = query("SELECT last_rank FROM band ORDER BY band")
    kinds = query("SELECT seen FROM sample_kind ORDER BY kind")
    names = (
        "run, step, sae_id, layer, recipe, k, seed, d_sae, trained_positions, n_features, "
        "n_firings, loss, "
    )
    names += (
        "loss_zeroed, loss_reconstructed, covered, edges, kind_edges, lone_features, lone_edges"
    )
    found = query(f"SELECT {names} FROM sae ORDER BY run, step, recipe, k, seed")
    saes = [_sae(row, len(last), len(kinds)) for row in found]
    stated = provenance.get("features") or {}
    return GrowthTables(
        tuple(saes),
        _column(points, 0),
        _column(points, 1),
        _column(kinds, 0),
        _column(last, 0),
        int(stated.get("n_positions", 0)),
        stated.get("target_score"),
    )


def _sae(row: Sequence[Any], n_bands: int, n_kinds: int) -> SaeCount:
    lists = [np.array(values, np.int64) for values in row[14:18]]
    lone = unpack(row[18], "uint32", len(lists[3]), n_bands, n_kinds).astype(np.int64)
    known: Any = (*row[:14], *lists, lone)
    return SaeCount(*known)


def _column(rows: Sequence[Sequence[Any]], place: int) -> Ints:
    return np.array([row[place] for row in rows], np.int64)


def jackknife(value: float, without: Floats) -> tuple[float, float]:
    """95 % interval around `value` from the values without one shard each."""
    n = len(without)
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    return value - Z * error, value + Z * error


def feature_interval(sae: SaeCount) -> tuple[float, float]:
    """Of n_features; never above the dictionary's width."""
    low, high = jackknife(sae.n_features, (sae.n_features - sae.lone_features).astype(np.float64))
    return max(low, 0.0), min(high, float(sae.d_sae))


def degree_split(tables: GrowthTables, sae: SaeCount, cut: Cut) -> DegreeSplit:
    """Share of the sample's edges that function tokens have,
    and the mean degree of both classes.
    """
    grid: Ints = np.asarray(np.indices(sae.lone_edges.shape[1:]), np.int64)
    is_function = cut.is_function(grid[0], grid[1])
    if cut.last_band is None:
        function = int(sae.kind_edges[list(cut.kinds)].sum())
        seen = int(tables.seen_of_kind[list(cut.kinds)].sum())
    else:
        place = int(np.searchsorted(tables.ranks, tables.last_ranks[cut.last_band]))
        function, seen = int(sae.edges[place]), int(tables.seen[place])
    lone_function = sae.lone_edges[:, is_function].sum(1)
    lone_all = sae.lone_edges.sum((1, 2))
    share = function / max(sae.n_edges, 1)
    without = (function - lone_function) / np.maximum(sae.n_edges - lone_all, 1)
    return DegreeSplit(
        share,
        jackknife(share, without),
        function / max(seen, 1),
        (sae.n_edges - function) / max(int(tables.seen[-1]) - seen, 1),
    )


def coverage(sae: SaeCount) -> list[float]:
    """Share of the firing features that the tokens up to each rank point reach."""
    return [float(share) for share in sae.covered / max(sae.n_features, 1)]


def seen_between(tables: GrowthTables) -> Ints:
    """[rank point] distinct tokens of the sample between one rank point and the next."""
    return np.diff(tables.seen, prepend=0)


def degrees(tables: GrowthTables, sae: SaeCount) -> list[float]:
    """Mean degree of the seen tokens between one rank point and the next; 0 where none is seen."""
    edges, seen = np.diff(sae.edges, prepend=0), seen_between(tables)
    return [
        float(mean) for mean in np.divide(edges, seen, out=np.zeros(len(edges)), where=seen > 0)
    ]
