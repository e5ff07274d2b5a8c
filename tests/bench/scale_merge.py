"""`merge_100m_1gb`: 100 million partial rows in Parquet shards,
summed within 1 GB of DuckDB memory.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import resource
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from backend.core.store.edge_codec import decode_activation
from backend.core.store.edge_merge import merge_edges
from precompute.building.edges import shard_paths
from precompute.job import write_whole
from tests.bench.report import Row, judged
from tests.bench.synthetic import SCALE, Columns

SHARDS, COUNTS, MEMORY = 8, (1, 2, 4, 8), "1GB"
FREQUENT = 10  # firings from which an edge turns up in most shards


@dataclass(frozen=True)
class Merge:
    """One merge in a process of its own:
    what went in and came out, how long it took, and the most that it held.
    """

    shards: int
    rows: int
    edges: int
    seconds: float
    cpu_seconds: float
    spilled: int  # bytes on disk
    result: int  # bytes of the merged arrays, which DuckDB's limit does not count
    rss_before: int  # bytes, the imports
    rss_most: int  # bytes

    def said(self) -> str:
        return (
            f"{self.shards} shards {self.rows / 1e6:.0f}M rows {self.seconds:.0f} s "
            f"({self.cpu_seconds:.0f} s of CPU, {self.spilled / 1e9:.1f} GB spilled, peak memory "
            f"{self.rss_most / 1e9:.1f} GB with {self.result / 1e9:.1f} GB of result)"
        )


def make_shards(folder: Path, columns: Columns, rows: int, seed: int) -> list[Path]:
    """SHARDS files as `precompute edges` writes them, `rows` in all:
    frequent edges in most, rare ones in few.
    """
    n_frequent = sum(
        int((columns.n_firings[columns.slice(*piece)] >= FREQUENT).sum())
        for piece in columns.pieces()
    )
    n_rare = int(columns.start[-1]) - n_frequent
    often = min(1.0, 0.9 * rows / SHARDS / n_frequent)
    shares = (often, (rows / SHARDS - often * n_frequent) / max(n_rare, 1))
    paths = []
    for shard in range(SHARDS):
        path = shard_paths(folder, shard)[0]
        if not path.exists():
            table = _shard(columns, shares, np.random.default_rng([seed, shard]))
            write_whole(path, functools.partial(pq.write_table, table, compression="zstd"))
            print(f"  shard {shard + 1} of {SHARDS}: {len(table):,} rows", flush=True)
        paths.append(path)
    return paths


def _shard(
    columns: Columns, shares: tuple[float, float], generator: np.random.Generator
) -> pa.Table:
    parts = []
    for first, until in columns.pieces():
        which = columns.slice(first, until)
        share = np.where(columns.n_firings[which] >= FREQUENT, *shares)
        at = np.flatnonzero(generator.random(len(share), np.float32) < share) + which.start
        token = np.searchsorted(columns.start[first + 1 : until + 1], at, side="right") + first
        counts = columns.counts(at)
        act_max = decode_activation(columns.code[at], SCALE)
        names = {"sae_ordinal": np.zeros(len(at), np.uint8), "token_id": token.astype(np.uint32)}
        names |= {
            "feature_index": columns.feature[at],
            **{f"n_{i}": n for i, n in enumerate(counts)},
        }
        parts.append(
            pa.table(
                names
                | {"act_sum": act_max * 0.6 * counts[0], "act_max": act_max.astype(np.float32)}
            )
        )
    return pa.concat_tables(parts)


def merge(paths: list[Path], spill: Path) -> Merge:
    """Sum these shards as a build does, in a fresh process:
    the most memory that it held is its own.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        return fresh.submit(_merge, paths, spill).result()


def _merge(paths: list[Path], spill: Path) -> Merge:
    rows = sum(pq.read_metadata(path).num_rows for path in paths)
    before, watch = _most_memory(), SpillWatch(spill)
    with watch:
        started, cpu = time.perf_counter(), time.process_time()
        merged = merge_edges(paths, 0, memory_limit=MEMORY, spill=spill)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    size = sum(array.nbytes for array in vars(merged).values())
    return Merge(
        len(paths),
        rows,
        len(merged.token_id),
        seconds,
        cpu,
        watch.most,
        size,
        before,
        _most_memory(),
    )


def _most_memory() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class SpillWatch:
    """The largest size of a folder while something runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.most, self._stop = folder, 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> SpillWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            found = 0
            try:
                for path in self.folder.glob("**/*"):
                    found += path.stat().st_size
            except OSError:  # gone since it was listed
                continue
            self.most = max(self.most, found)


def merge_100m_1gb(folder: Path, columns: Columns, rows: int = 100_000_000) -> list[Row]:
    """Rows a second from 1 to all shards, and how nearly linear:
    cost per row at all shards over that at one.
    """
    paths = make_shards(folder / f"shards_{rows}", columns, rows, seed=1)
    found = [merge(paths[:n], folder / "spill") for n in COUNTS]
    for one in found:
        print(f"  {one}", flush=True)
    last, first = found[-1], found[0]
    per_row = (last.cpu_seconds / last.rows) / (first.cpu_seconds / first.rows)
    steps = "; ".join(one.said() for one in found)
    note = (
        f"{last.edges:,} edges from {last.rows:,} partial rows, memory limit {MEMORY}; "
        f"load average {os.getloadavg()[0]:.1f}. {steps}."
    )
    subject = "made-up shards"
    linear, rule = judged(per_row, 1.5, "<=", "CPU time a row, all shards / one shard")
    return [
        Row(
            "merge_100m_1gb",
            last.seconds,
            "s",
            None,
            None,
            None,
            None,
            "seconds: no target",
            (last.seconds, last.seconds),
            1,
            subject,
            note,
        ),
        Row(
            "merge_linear",
            per_row,
            "×",
            None,
            None,
            1.5,
            linear,
            rule,
            (per_row, per_row),
            1,
            subject,
            "Linear in the rows would be 1.",
        ),
    ]
