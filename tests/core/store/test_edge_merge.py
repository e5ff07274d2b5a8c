"""The merge against NumPy's sums, however the vocabulary is cut,
and what it says when it cannot go on.
"""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.core.store.edge_merge import MergeFailed, merge_edges, runs

N_TOKENS, N_FEATURES = 40, 30


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Three shards of two SAEs, sorted as `precompute edges` writes them."""
    generator = np.random.default_rng(5)
    paths = []
    for shard in range(3):
        tables = []
        for sae in (0, 1):
            key = np.sort(generator.choice(N_TOKENS * N_FEATURES, 300, replace=False))
            n = generator.integers(1, 100, (300, 3))
            columns = {
                "sae_ordinal": np.full(300, sae, np.uint8),
                "token_id": (key // N_FEATURES).astype(np.uint32),
            }
            columns |= {"feature_index": (key % N_FEATURES).astype(np.uint32)}
            columns |= {f"n_{i}": n[:, i] for i in range(3)}
            columns |= {
                "act_sum": generator.random(300),
                "act_max": generator.random(300, np.float32),
            }
            tables.append(pa.table(columns))
        paths.append(tmp_path / f"shard_{shard}.parquet")
        pq.write_table(pa.concat_tables(tables), paths[-1], row_group_size=64)
    return paths


@pytest.mark.parametrize("rows", [1, 50, 10**6])
def test_sums_do_not_depend_on_the_cuts(
    shards: list[Path], tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.core.store.edge_merge.PIECE_ROWS", rows)
    merged = merge_edges(shards, 1, memory_limit="1GB", spill=tmp_path / "spill")
    counts = np.zeros((N_TOKENS * N_FEATURES, 3), np.int64)
    act_sum, act_max = np.zeros(len(counts)), np.zeros(len(counts))
    for path in shards:
        part = pq.read_table(path, filters=[("sae_ordinal", "=", 1)])
        key = (
            part["token_id"].to_numpy().astype(np.int64) * N_FEATURES
            + part["feature_index"].to_numpy()
        )
        counts[key] += np.stack([part[f"n_{i}"].to_numpy() for i in range(3)], axis=1)
        act_sum[key] += part["act_sum"].to_numpy()
        act_max[key] = np.maximum(act_max[key], part["act_max"].to_numpy())
    there = np.flatnonzero(counts[:, 0])
    assert (merged.token_id * N_FEATURES + merged.feature_index).tolist() == there.tolist()
    assert merged.counts.tolist() == counts[there].tolist()
    assert merged.act_sum == pytest.approx(act_sum[there], abs=1e-11)
    assert merged.act_max.tolist() == act_max[there].tolist()
    assert {name: array.dtype.name for name, array in vars(merged).items()} == {
        "token_id": "int64",
        "feature_index": "int64",
        "counts": "int64",
        "act_sum": "float64",
        "act_max": "float64",
    }


def test_an_sae_that_never_fired_has_no_edges(shards: list[Path], tmp_path: Path) -> None:
    merged = merge_edges(shards, 7, memory_limit="1GB", spill=tmp_path / "spill")
    assert merged.token_id.shape == merged.act_sum.shape == (0,)
    assert merged.counts.shape == (0, 3)


def test_runs_hold_every_token_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.core.store.edge_merge.PIECE_ROWS", 10)
    token_id, rows = np.array([2, 3, 5, 8, 9, 11]), np.array([4, 6, 1, 25, 3, 3])
    assert list(runs(token_id, rows)) == [(2, 3, 10), (5, 5, 1), (8, 8, 25), (9, 11, 6)]


def test_what_may_not_fit_on_the_disk_is_said_first(
    shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.core.store.edge_merge.PIECE_ROWS", 1)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**6, 10**6, 100))
    with pytest.raises(
        MergeFailed, match=r"partial edges; summing them may spill .* GB are free: make room"
    ):
        merge_edges(shards, 0, memory_limit="1GB", spill=tmp_path / "spill")


def test_a_damaged_shard_is_named(shards: list[Path], tmp_path: Path) -> None:
    shards[1].write_bytes(b"PAR1 no more")
    with pytest.raises(MergeFailed, match=r"could not be merged: .*shard_1\.parquet"):
        merge_edges(shards, 0, memory_limit="1GB", spill=tmp_path / "spill")
