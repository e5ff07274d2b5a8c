"""The pass over one document shard:
everything that the statistics need of it but its edges themselves.

A shard is read by itself and its result is kept, so a further shard costs what its own edges and
rows cost, whatever the build holds already. Sums over shards, weighted for the bootstrap, come
later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from backend.core.token_kinds import KINDS
from precompute.building.corpus import Shard, load_shard
from precompute.building.coverage import NEVER
from precompute.building.edges import THETA_QUANTILES, shard_paths
from precompute.building.tokens import TokenTable, count_shard
from precompute.job import BadInput, load_arrays, save_arrays
from precompute.statistics.work import Finished

Ints = npt.NDArray[np.int64]

CUTS = (20, 30, 40, 50, 60)  # % of occurrences that the function tokens make together
FIRST_K = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 50, 100)
N_THETAS = len(THETA_QUANTILES)


@dataclass(frozen=True)
class Reach:
    """What one SAE's features met in one shard, or in several: [shards, …] after `stacked`."""

    # [thetas, d_sae] smallest place (rank - 1) of a token that fires it, else NEVER
    first_place: Ints
    firings: Ints  # [thetas, buckets, d_sae] firings at tokens of each bucket of ranks
    kind_firings: Ints  # [kinds, d_sae] firings above 0 at tokens of each kind


@dataclass(frozen=True)
class Scale:
    """How tokens are grouped: by rank into buckets that end at `ends`, and by kind."""

    ends: Ints  # [buckets] ranks at which a bucket ends, rising; the last is the vocabulary's
    bucket: Ints  # [vocab] bucket of each token; special tokens: the last
    kind: npt.NDArray[np.int8]  # [vocab]
    place: Ints  # [vocab] rank - 1


def cut_sizes(tokens: TokenTable, cuts: Sequence[int] = CUTS) -> dict[int, int]:
    """cut in % -> the number of most frequent tokens that make so many of all
    occurrences together.
    """
    cumulative = np.cumsum(tokens.occurrences[tokens.ranked])
    shares = [cut / 100 * int(cumulative[-1]) * (1 - 1e-12) for cut in cuts]
    return {
        cut: int(np.searchsorted(cumulative, share)) + 1
        for cut, share in zip(cuts, shares, strict=True)
    }


def make_scale(
    tokens: TokenTable, kind: npt.NDArray[np.int8], ks: Sequence[int] | None = None
) -> Scale:
    """Buckets that end at every k and cut that the statistics speak of, or at `ks` alone."""
    n_ranked = len(tokens.ranked)
    if ks is None:
        ks = (*FIRST_K, tokens.n_function, *cut_sizes(tokens).values())
    ends = {k for k in ks if 0 < k < n_ranked}
    rising = np.array(sorted(ends | {n_ranked}), dtype=np.int64)
    place = tokens.place()
    bucket = np.minimum(np.searchsorted(rising, place, side="right"), len(rising) - 1)
    return Scale(rising, bucket.astype(np.int64), kind, place)


def reach_of(token: Ints, feature: Ints, counts: Ints, d_sae: int, scale: Scale) -> Reach:
    """One SAE's reach in one shard, from its partial counts [n] and [n,
    thetas]; time linear in n.
    """
    n_buckets = len(scale.ends)
    first = np.full((N_THETAS, d_sae), NEVER)
    firings = np.zeros((N_THETAS, n_buckets, d_sae), dtype=np.int64)
    for theta in range(N_THETAS):
        n = counts[:, theta]
        fires = n > 0
        np.minimum.at(first[theta], feature[fires], scale.place[token[fires]])
        firings[theta] = _summed(scale.bucket[token], feature, n, n_buckets, d_sae)
    kinds = _summed(scale.kind[token].astype(np.int64), feature, counts[:, 0], len(KINDS), d_sae)
    return Reach(first, firings, kinds)


def _summed(group: Ints, feature: Ints, n: Ints, n_groups: int, d_sae: int) -> Ints:
    """[groups, d_sae] sums of n."""
    sums = np.bincount(group * d_sae + feature, weights=n, minlength=n_groups * d_sae)
    return sums.astype(np.int64).reshape(n_groups, d_sae)


def document_lengths(shard: Shard, special: Sequence[int]) -> Ints:
    """[documents] non-special positions of each document of a shard."""
    used = (shard.used() & ~np.isin(shard.tokens, list(special))).sum(axis=1)
    _, where = np.unique(shard.documents, return_inverse=True)
    return np.bincount(where, weights=used).astype(np.int64)


def statistics_path(work: Path, shard: int) -> Path:
    """Where the pass over a shard is kept."""
    return work / "statistics" / f"shard_{shard:05d}.npz"


def make_shard(finished: Finished, scale: Scale, shard: int) -> None:
    """The pass over one shard; nothing to do where it was made."""
    work = finished.job.work
    path, edges = statistics_path(work, shard), shard_paths(work, shard)[0]
    if path.exists():
        return
    if not edges.exists():
        raise BadInput(f"{edges} is missing: run `functionscope precompute edges` first.")
    special = load_arrays(work / "counts.npz", "tokens")["special"].tolist()
    rows = load_shard(work, shard)
    vocab_size = len(finished.tokens.classes)
    kept: dict[str, npt.NDArray[np.int64]] = {
        "documents": count_shard(rows, vocab_size, special)[1],
        "lengths": document_lengths(rows, special),
        "ends": scale.ends,
    }
    for ordinal, d_sae in enumerate(finished.d_sae):
        reach, by_token = read_reach(edges, ordinal, d_sae, scale, vocab_size)
        kept |= {f"{name}_{ordinal}": values for name, values in vars(reach).items()}
        kept[f"edges_{ordinal}"] = by_token
    save_arrays(path, **kept)


def read_reach(
    edges: Path, ordinal: int, d_sae: int, scale: Scale, vocab_size: int
) -> tuple[Reach, Ints]:
    """(reach of one SAE in one shard, [vocab] its partial edges), from the shard's edges."""
    columns = ["token_id", "feature_index", *(f"n_{i}" for i in range(N_THETAS))]
    part = pq.read_table(edges, columns=columns, filters=[("sae_ordinal", "=", ordinal)])
    token, feature, *n = (part[name].to_numpy().astype(np.int64) for name in columns)
    reach = reach_of(token, feature, np.stack(n, axis=1), d_sae, scale)
    return reach, np.bincount(token, minlength=vocab_size)


@dataclass(frozen=True)
class ShardSums:
    """All shards side by side: the first axis is the shard."""

    reach: list[Reach]  # by SAE ordinal
    edges: list[Ints]  # by SAE ordinal: [shards, vocab] partial edges
    documents: Ints  # [shards, vocab] documents that hold the token
    lengths: list[Ints]  # by shard: [documents] non-special positions


def load_sums(finished: Finished, scale: Scale) -> ShardSums:
    """What `make_shard` kept; BadInput where it was made for other groups of tokens."""
    work, ordinals = finished.job.work, range(len(finished.d_sae))
    parts = [
        load_arrays(statistics_path(work, s), "statistics") for s in range(finished.job.n_shards)
    ]
    if any(not np.array_equal(part["ends"], scale.ends) for part in parts):
        raise BadInput(
            f"{work / 'statistics'} was made with other function cuts: delete that folder."
        )

    def stacked(name: str) -> Ints:
        return np.stack([part[name] for part in parts])

    names = ("first_place", "firings", "kind_firings")
    return ShardSums(
        [Reach(*(stacked(f"{name}_{o}") for name in names)) for o in ordinals],
        [stacked(f"edges_{o}") for o in ordinals],
        stacked("documents"),
        [part["lengths"] for part in parts],
    )
