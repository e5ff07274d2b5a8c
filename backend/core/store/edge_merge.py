"""From the partial edges of document shards to the edges of the corpus, in bounded memory.

Shards are sorted by (token_id, feature_index). So the merge goes through the vocabulary in runs of
neighbouring tokens that have PIECE_ROWS partial rows together: DuckDB reads of each file little
more than the run, groups it in memory, and has nothing to spill. Only a run that cannot be cut, a
token of more rows than that, may go to disk.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from backend.core.duckdb_memory import in_memory
from backend.core.store.base import StoreError
from backend.core.store.edge_codec import Edges

FIXED_POINT = float(1 << 40)  # sums of floats depend on their order, sums of integers do not
PIECE_ROWS = 4_000_000  # partial rows grouped at once
# of a partial row: 7.7 GB were spilled when 100M rows were grouped at once within 1 GB
SPILLED_BYTES = 80

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MergedEdges:
    """All edges of one SAE, sorted by (token_id, feature_index); arrays of one length n."""

    token_id: Ints
    feature_index: Ints
    counts: Ints  # [n, thetas] firings above each theta of the grid
    act_sum: Floats
    act_max: Floats

    def at_least(self, firings: int) -> MergedEdges:
        """Those with so many firings or more."""
        kept = self.counts[:, 0] >= firings
        return MergedEdges(
            self.token_id[kept],
            self.feature_index[kept],
            self.counts[kept],
            self.act_sum[kept],
            self.act_max[kept],
        )

    def as_edges(self) -> Edges:
        """Counts at theta = 0, and means for sums."""
        counts = self.counts[:, 0]
        return Edges(self.token_id, self.feature_index, counts, self.act_sum / counts, self.act_max)


_TOKENS = """
SELECT token_id::BIGINT AS token_id, count(*) AS n FROM read_parquet($files)
WHERE sae_ordinal = $sae GROUP BY token_id ORDER BY token_id
"""

# fixed point: the result does not depend on the order of the files or on threads
_MERGE = """
SELECT token_id::UINTEGER AS token_id, feature_index::UINTEGER AS feature_index,
       sum(n_0)::BIGINT AS n_0, sum(n_1)::BIGINT AS n_1, sum(n_2)::BIGINT AS n_2,
       sum(round(act_sum * $fixed)::HUGEINT)::DOUBLE / $fixed AS act_sum,
       max(act_max)::FLOAT AS act_max
FROM read_parquet($files) WHERE sae_ordinal = $sae AND token_id BETWEEN $first AND $last
GROUP BY token_id, feature_index ORDER BY token_id, feature_index
"""
_TYPES = {
    "token_id": np.int64,
    "feature_index": np.int64,
    "act_sum": np.float64,
    "act_max": np.float64,
}
_COUNTS = ("n_0", "n_1", "n_2")

_QUANTILE = """
WITH bins AS (
    SELECT feature_index, bin, sum(n)::BIGINT AS n FROM read_parquet($files)
    WHERE sae_ordinal = $sae GROUP BY feature_index, bin
), running AS (
    SELECT feature_index, bin, sum(n) OVER (PARTITION BY feature_index ORDER BY bin) AS below,
           sum(n) OVER (PARTITION BY feature_index) AS total
    FROM bins
)
SELECT feature_index::BIGINT AS feature_index, min(bin)::BIGINT AS bin
FROM running WHERE below >= $quantile * total GROUP BY feature_index ORDER BY feature_index
"""


class MergeFailed(StoreError):
    """Partial results could not be summed: a damaged shard, or no room to spill."""


@contextmanager
def _merging(memory_limit: str, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that spills to disk beyond the memory limit."""
    config: dict[str, Any] = {"memory_limit": memory_limit, "temp_directory": str(spill)}
    try:
        with in_memory(**config) as connection:
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET parquet_metadata_cache = true")
            yield connection
    except duckdb.Error as error:
        raise MergeFailed(
            f"the shards could not be merged: {str(error).splitlines()[0]}"
        ) from error


def merge_edges(
    files: Sequence[Path], sae_ordinal: int, *, memory_limit: str, spill: Path
) -> MergedEdges:
    """Sum the partial edges of all shards;
    beside `memory_limit` the result itself is held, 56 bytes an edge.

    MergeFailed for a shard that cannot be read, or where a run may not fit on the disk.
    """
    parameters = {"files": [str(f) for f in files], "sae": sae_ordinal}
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in (*_TYPES, *_COUNTS)}
    with _merging(memory_limit, spill) as connection:
        tokens = connection.execute(_TOKENS, parameters).fetchnumpy()
        for first, last, rows in runs(tokens["token_id"], tokens["n"]):
            _require_room(rows, spill)
            run = {"fixed": FIXED_POINT, "first": first, "last": last}
            for name, column in connection.execute(_MERGE, parameters | run).fetchnumpy().items():
                parts[name].append(np.asarray(column))
    counts = np.empty((sum(map(len, parts["n_0"])), len(_COUNTS)), dtype=np.int64)
    for i, name in enumerate(_COUNTS):
        np.concatenate(parts.pop(name) or [counts[:, i]], out=counts[:, i])
    # popped: a column's parts are gone before those of the next are joined
    columns: dict[str, npt.NDArray[Any]] = {
        name: np.concatenate([np.empty(0, kind), *parts.pop(name)], dtype=kind)
        for name, kind in _TYPES.items()
    }
    return MergedEdges(counts=counts, **columns)


def runs(token_id: Ints, rows: Ints) -> Iterator[tuple[int, int, int]]:
    """(first token, last token, partial rows) of runs of neighbours:
    at most PIECE_ROWS rows, or one token.
    """
    start = 0
    ends = np.cumsum(rows)
    while start < len(rows):
        before = ends[start] - rows[start]
        stop = max(int(np.searchsorted(ends, before + PIECE_ROWS, side="right")), start + 1)
        yield int(token_id[start]), int(token_id[stop - 1]), int(ends[stop - 1] - before)
        start = stop


def _require_room(rows: int, spill: Path) -> None:
    """Say before it is begun what would fail after hours."""
    if rows <= PIECE_ROWS:
        return
    spill.mkdir(parents=True, exist_ok=True)
    needed, free = rows * SPILLED_BYTES, shutil.disk_usage(spill).free
    if needed > free:
        raise MergeFailed(
            f"one token has {rows:,} partial edges; summing them may spill {needed / 1e9:.1f} GB "
            f"into {spill}, where {free / 1e9:.1f} GB are free: make room, or give a --work on a "
            "larger disk."
        )


def quantile_bins(
    files: Sequence[Path], sae_ordinal: int, quantile: float, *, memory_limit: str, spill: Path
) -> tuple[Ints, Ints]:
    """(feature_index, bin) of each active feature:
    the bin in which that quantile of its firings lies.
    """
    parameters = {"files": [str(f) for f in files], "sae": sae_ordinal, "quantile": quantile}
    with _merging(memory_limit, spill) as connection:
        found = connection.execute(_QUANTILE, parameters).fetchnumpy()
    return np.asarray(found["feature_index"]), np.asarray(found["bin"])
