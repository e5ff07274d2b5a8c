"""Partial edges of all shards side by side, a range of tokens at a time,
so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from precompute.building.edges import shard_paths
from precompute.job import Job
from precompute.statistics.shards import N_THETAS

Ints = npt.NDArray[np.int64]

PARTIAL_ROWS = 20_000_000  # partial edges held at once: about 1 GB


@dataclass(frozen=True)
class EdgeChunk:
    """Edges of a contiguous range of tokens, sorted by (token_id, feature_index)."""

    token_id: Ints  # [edges]
    feature_index: Ints  # [edges]
    by_shard: list[csr_array]  # by theta: [edges, shards] firings

    def counts(self, theta: int = 0) -> Ints:
        """[edges] firings above theta, all shards."""
        return np.asarray(self.by_shard[theta].sum(axis=1)).ravel().astype(np.int64)

    def resampled(self, weights: Ints, theta: int = 0) -> Iterator[Ints]:
        """[edges] firings for each row of weights [draws, shards]; eight draws at once."""
        for start in range(0, len(weights), 8):
            some = weights[start : start + 8].T.astype(np.float64)
            yield from (np.asarray(self.by_shard[theta] @ some)).T.astype(np.int64)


def chunk_of(
    token: Ints, feature: Ints, counts: Ints, shard: Ints, d_sae: int, n_shards: int
) -> EdgeChunk:
    """Partial rows [n] ([n, thetas] counts) of several shards as one chunk."""
    key, row = np.unique(token * d_sae + feature, return_inverse=True)
    shape = (len(key), n_shards)
    sparse = [
        csr_array((counts[:, t].astype(np.float64), (row, shard)), shape=shape)
        for t in range(counts.shape[1])
    ]
    return EdgeChunk(key // d_sae, key % d_sae, sparse)


def edge_chunks(job: Job, ordinal: int, d_sae: int, edges_by_token: Ints) -> Iterator[EdgeChunk]:
    """All edges of one SAE, by ranges of tokens;
    edges_by_token [vocab] partial edges of all shards.
    """
    running = np.cumsum(edges_by_token)
    pieces = running // PARTIAL_ROWS
    starts = np.flatnonzero(np.diff(pieces, prepend=-1))
    ends = [*starts[1:].tolist(), len(edges_by_token)]
    for low, high in zip(starts.tolist(), ends, strict=True):
        yield _read(job, ordinal, d_sae, low, high)


def _read(job: Job, ordinal: int, d_sae: int, low: int, high: int) -> EdgeChunk:
    columns = ["token_id", "feature_index", *(f"n_{i}" for i in range(N_THETAS))]
    wanted = [("sae_ordinal", "=", ordinal), ("token_id", ">=", low), ("token_id", "<", high)]
    parts, shards = [], []
    for shard in range(job.n_shards):
        part = pq.read_table(shard_paths(job.work, shard)[0], columns=columns, filters=wanted)
        parts.append([part[name].to_numpy().astype(np.int64) for name in columns])
        shards.append(np.full(part.num_rows, shard))
    token, feature, *n = (np.concatenate(column) for column in zip(*parts, strict=True))
    return chunk_of(
        token,
        feature,
        np.stack(n, axis=1),
        np.concatenate(shards),
        d_sae,
        job.n_shards,
    )
