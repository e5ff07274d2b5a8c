"""The SAEs of all runs, as tables of the consolidation file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from backend.core.companions.consolidation.codec import pack
from precompute.consolidation.cells import Vocabulary
from precompute.consolidation.features import finished
from precompute.consolidation.kinds import KIND_NAMES
from precompute.consolidation.tables import Tables
from precompute.job import INTERVAL_SHARDS, BadInput, load_arrays

POINTS = 48  # log-spaced ranks of the curves, beside the edges of the bands
Ints = npt.NDArray[np.int64]


def rank_points(vocabulary: Vocabulary) -> Ints:
    """Ranks at which curves are kept: log-spaced, and the last rank of every band."""
    last = vocabulary.edges[-1]
    spaced = np.unique(np.rint(np.geomspace(1, last, POINTS)).astype(np.int64))
    return np.union1d(spaced, np.array(vocabulary.edges, np.int64))


def feature_tables(vocabulary: Vocabulary, runs: list[tuple[Path, dict[str, Any]]]) -> Tables:
    """`sae`, `rank_point` and `sample_kind`; none where no SAE was trained."""
    rows: list[dict[str, Any]] = []
    token: Ints | None = None
    points = rank_points(vocabulary)
    for run, (folder, _) in enumerate(runs):
        for path in finished(folder):
            found = load_arrays(path, "consolidation features")
            if token is not None and not np.array_equal(token, found["sample_token"]):
                raise BadInput(
                    f"{path} was counted on another sample: delete it, and make it again."
                )
            token = found["sample_token"]
            rows.append(sae_row(run, path.stem, found, vocabulary, points))
    if token is None:
        return {}
    seen = np.unique(token)
    kinds = np.bincount(vocabulary.kind[seen], minlength=len(KIND_NAMES))
    return {
        "sae": pa.Table.from_pylist(rows),
        "rank_point": pa.table({"rank": points, "seen": _up_to(points, vocabulary.rank[seen])}),
        "sample_kind": pa.table({"kind": np.arange(len(KIND_NAMES)), "seen": kinds}),
    }


def n_positions(runs: list[tuple[Path, dict[str, Any]]]) -> int:
    """Positions of the sample; 0 without SAEs."""
    for folder, _ in runs:
        for path in finished(folder):
            return len(load_arrays(path, "consolidation features")["sample_token"])
    return 0


def _up_to(points: Ints, ranks: Ints) -> Ints:
    """How many of `ranks` are at or below each point."""
    return np.searchsorted(np.sort(ranks), points, side="right")


def sae_row(
    run: int, sae_id: str, found: dict[str, npt.NDArray[Any]], vocabulary: Vocabulary, points: Ints
) -> dict[str, Any]:
    """One row of `sae` from (token, feature, shard) triples."""
    d_sae = int(found["d_sae"])
    edges, place, in_shards = np.unique(found["pairs"], return_inverse=True, return_counts=True)
    token, feature = edges // d_sae, edges % d_sae
    best = np.full(d_sae, np.iinfo(np.int64).max)
    np.minimum.at(best, feature, vocabulary.rank[token])
    fires = best < np.iinfo(np.int64).max
    lone = in_shards[place.reshape(-1)] == 1
    lone_token, lone_shard = found["pairs"][lone] // d_sae, found["shard"][lone]
    shape = (INTERVAL_SHARDS, len(vocabulary.edges), len(KIND_NAMES))
    cell = np.ravel_multi_index(
        (lone_shard, vocabulary.band[lone_token], vocabulary.kind[lone_token]), shape
    )
    names = (
        "step",
        "layer",
        "k",
        "seed",
        "d_sae",
        "n_firings",
        "loss",
        "loss_zeroed",
        "loss_reconstructed",
    )
    return {name: found[name].item() for name in names} | {
        "run": run,
        "sae_id": sae_id,
        "recipe": str(found["recipe"]),
        "trained_positions": int(found["positions"]),
        "n_features": int(fires.sum()),
        "covered": _up_to(points, best[fires]).tolist(),
        "edges": _up_to(points, vocabulary.rank[token]).tolist(),
        "kind_edges": np.bincount(vocabulary.kind[token], minlength=len(KIND_NAMES)).tolist(),
        "lone_features": lone_features(found["pairs"] % d_sae, found["shard"]).tolist(),
        "lone_edges": pack(
            np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape).astype(np.uint32)
        ),
    }


def lone_features(feature: Ints, shard: Ints) -> Ints:
    """[shard] features that fire in this shard of the sample and in no other."""
    where = np.unique(feature * INTERVAL_SHARDS + shard)
    _, first, n = np.unique(where // INTERVAL_SHARDS, return_index=True, return_counts=True)
    return np.bincount(where[first[n == 1]] % INTERVAL_SHARDS, minlength=INTERVAL_SHARDS)
