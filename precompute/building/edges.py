"""Stage 2, `edges`: which features each token activates (paper, section 2).

1. Rows of a document shard go through the model once, to the deepest SAE layer.
2. Every SAE encodes its layer at all non-special positions to sparse firings.
3. Per (SAE, token, feature): firings above each theta (int64), sum (float64) and maximum (float32).
4. One Parquet file per shard, renamed into place when whole: a killed job goes on at the next
   shard, and each shard is a pure function of its rows, so the result is the same, whichever engine
   ran it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.building.corpus import Shard, batches, load_shard
from precompute.building.partials import Partials
from precompute.engines import Engine, Report
from precompute.job import BadInput, Job, write_whole

THETA_QUANTILES = (0.0, 0.5, 0.9)  # theta = 0, then quantiles of the firings of a pilot sample
PILOT_POSITIONS = 20_000
COMPACT_AT = 1 << 22  # firings held before they are summed: about 150 MB
BIN_SHIFT = 18  # float32 bits dropped for the activation histogram: 32 bins an octave

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]


@dataclass(frozen=True)
class EdgeSums:
    """Sums per distinct key = token_id * d_sae + feature_index, sorted by key."""

    key: Ints  # [n]
    counts: Ints  # [n, thetas] firings above each theta
    act_sum: Floats  # [n]
    act_max: Singles  # [n]


def sum_by_key(key: Ints, counts: Ints, act_sum: Floats, act_max: Singles) -> EdgeSums:
    """One row per distinct key; rows of equal key are added in the order in which they came."""
    if not len(key):
        return EdgeSums(key, counts, act_sum, act_max)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    return EdgeSums(
        ordered[starts],
        np.add.reduceat(counts[order], starts, axis=0),
        np.add.reduceat(act_sum[order], starts),
        np.maximum.reduceat(act_max[order], starts),
    )


@dataclass
class EdgeCounter:
    """Collects the firings of one SAE over a shard, in bounded memory."""

    d_sae: int
    thetas: Sequence[float]
    pending: list[tuple[Ints, Singles]] = field(default_factory=list)
    n_pending: int = 0
    sums: EdgeSums | None = None
    histogram: dict[str, Ints] | None = None

    def add(self, token_id: Ints, feature_index: Ints, activation: Singles) -> None:
        """Firings [n] of one batch."""
        self.pending.append((token_id * self.d_sae + feature_index, activation))
        self.n_pending += len(activation)
        if self.n_pending >= COMPACT_AT:
            self.compact()

    def compact(self) -> EdgeSums:
        """Sum what is pending into the totals, and return these."""
        key = np.concatenate([k for k, _ in self.pending] or [np.empty(0, np.int64)])
        activation = np.concatenate([a for _, a in self.pending] or [np.empty(0, np.float32)])
        self.pending, self.n_pending = [], 0
        self._count_bins(key % self.d_sae, activation)
        counts = np.stack([activation > theta for theta in self.thetas], axis=1).astype(np.int64)
        new = sum_by_key(key, counts, activation.astype(np.float64), activation)
        if self.sums is not None:
            names = ("key", "counts", "act_sum", "act_max")
            new = sum_by_key(
                *(np.concatenate([getattr(self.sums, f), getattr(new, f)]) for f in names)
            )
        self.sums = new
        return new

    def _count_bins(self, feature_index: Ints, activation: Singles) -> None:
        bins = (activation.view(np.uint32) >> BIN_SHIFT).astype(np.int64)
        pair, n = np.unique(feature_index << 14 | bins, return_counts=True)
        if self.histogram is not None:
            both = np.concatenate([self.histogram["pair"], pair])
            pair, where = np.unique(both, return_inverse=True)
            n = np.bincount(where, weights=np.concatenate([self.histogram["n"], n])).astype(
                np.int64
            )
        self.histogram = {"pair": pair, "n": n.astype(np.int64)}


@dataclass(frozen=True)
class BatchFirings:
    """Firings of one batch under one SAE:
    which token fired which feature, how strongly; [n] each.
    """

    sae_ordinal: int
    token_id: Ints
    feature_index: Ints
    activation: Singles


def firings(
    lm: LanguageModel, saes: Sequence[Sae], shard: Shard, batch_rows: int
) -> Iterator[tuple[int, list[BatchFirings]]]:
    """(positions counted, firings per SAE) per batch. Special tokens and padding are left out.

    Padding is on the right, where a causal model cannot see it: no attention mask is needed.
    """
    special = np.zeros(lm.vocab_size, dtype=bool)
    special[list(lm.special_ids)] = True
    layers = sorted({sae.layer for sae in saes})
    for tokens, lengths in batches(shard, batch_rows):
        resid = lm.resid_post(torch.from_numpy(tokens).to(lm.device), layers)
        kept = (np.arange(tokens.shape[1])[None, :] < lengths[:, None]) & ~special[tokens]
        kept_tokens, where = tokens[kept], torch.from_numpy(kept).to(lm.device)
        found = []
        for ordinal, sae in enumerate(saes):
            try:
                fired = sae.encode(resid[sae.layer][where])
            # a residual that is not finite, most likely in a narrow dtype
            except ValueError as error:
                raise BadInput(f"{sae.sae_id}, layer {sae.layer}: {error}") from error
            token_id = kept_tokens[fired.position.cpu().numpy()]
            feature_index = fired.feature_index.cpu().numpy()
            found.append(
                BatchFirings(
                    ordinal, token_id, feature_index, fired.activation.float().cpu().numpy()
                )
            )
        yield len(kept_tokens), found


def choose_thetas(engine: Engine, job: Job) -> list[list[float]]:
    """Per SAE: 0, then the 0.5 and 0.9 quantiles of the firings of a pilot sample, to three digits.

    Fixed before the pass, because firings above theta must be counted while they are seen. A worker
    of the
    engine chooses them: another device would round the activations otherwise.
    """
    path = job.work / "theta.json"
    if not path.exists():
        ((_, thetas),) = engine.run(partial(_pilot, job), [load_shard(job.work, 0)], lambda _: None)
        write_whole(path, lambda temporary: temporary.write_text(json.dumps(thetas)))
    return load_thetas(job)


def load_thetas(job: Job) -> list[list[float]]:
    """What `choose_thetas` chose; BadInput where it has not run."""
    path = job.work / "theta.json"
    if not path.exists():
        raise BadInput(f"{path} is missing: run `functionscope precompute edges` first.")
    loaded: list[list[float]] = json.loads(path.read_text())
    return loaded


def _pilot(
    job: Job, lm: LanguageModel, saes: Sequence[Sae], shard: Shard, report: Report
) -> list[list[float]]:
    seen, pilot = 0, [list[Singles]() for _ in saes]
    # long rows are at the end: take batches from all over
    mixed = np.random.default_rng(job.seed).permutation(len(shard.lengths))
    sample = Shard(shard.tokens[mixed], shard.lengths[mixed], shard.documents[mixed])
    for n, found in firings(lm, saes, sample, job.batch_rows):
        for fired in found:
            pilot[fired.sae_ordinal].append(fired.activation)
        seen += n
        report(n)
        if seen >= PILOT_POSITIONS:
            break
    return [[float(f"{q:.3g}") for q in _quantiles(np.concatenate(parts))] for parts in pilot]


def _quantiles(activation: Singles) -> list[float]:
    if not len(activation):
        return [0.0]
    return sorted({0.0, *(float(np.quantile(activation, q)) for q in THETA_QUANTILES[1:])})


def shard_paths(work: Path, shard: int) -> tuple[Path, Path]:
    """(edges, histogram) files of a shard;
    the edges are written last, so they mean that both are whole.
    """
    return (
        work / "edges" / f"shard_{shard:05d}.parquet",
        work / "bins" / f"shard_{shard:05d}.parquet",
    )


@dataclass(frozen=True)
class EdgeTask:
    """One shard's rows, and the thetas of each SAE:
    all that its edges depend on, beside model and SAEs.
    """

    shard: int
    rows: Shard
    thetas: list[list[float]]


def make_edges(engine: Engine, job: Job) -> None:
    """Extract every shard that the work folder lacks;
    what workers put elsewhere is brought here.
    """
    todo = [shard for shard in range(job.n_shards) if not _is_here(job, shard)]
    if not todo:
        return
    sizes = {shard: int(load_shard(job.work, shard).lengths.sum()) for shard in todo}
    thetas = choose_thetas(engine, job)
    tasks = (EdgeTask(shard, load_shard(job.work, shard), thetas) for shard in todo)
    done = job.n_shards - len(todo)
    with tqdm(
        total=sum(sizes.values()), unit="tok", unit_scale=True, desc="edges", mininterval=1
    ) as progress:
        progress.set_postfix_str(f"shards {done}/{job.n_shards}", refresh=False)
        for task, _ in engine.run(partial(extract_shard, job), tasks, progress.update):
            if not _is_here(job, task.shard):
                raise BadInput(
                    f"shard {task.shard} was extracted, but it is not in {job.work}: give "
                    "--partials a folder or URL that every machine reaches."
                )
            done += 1
            progress.set_postfix_str(f"shards {done}/{job.n_shards}", refresh=True)


def _is_here(job: Job, shard: int) -> bool:
    """Whether the work folder holds the shard,
    after it was brought from where a worker has put it.
    """
    edge_path, bin_path = shard_paths(job.work, shard)
    if not edge_path.exists() and job.partials:
        elsewhere = Partials(job.partials)
        _ = elsewhere.bring(edge_path, job.work) if elsewhere.bring(bin_path, job.work) else False
    return edge_path.exists()


def extract_shard(
    job: Job, lm: LanguageModel, saes: Sequence[Sae], task: EdgeTask, report: Report
) -> None:
    """Write the edges and the histogram of one shard: a function of its rows alone."""
    counters = [EdgeCounter(sae.d_sae, grid) for sae, grid in zip(saes, task.thetas, strict=True)]
    for n, found in firings(lm, saes, task.rows, job.batch_rows):
        for fired in found:
            counters[fired.sae_ordinal].add(fired.token_id, fired.feature_index, fired.activation)
        report(n)
    edges = pa.concat_tables([_edge_table(i, counter) for i, counter in enumerate(counters)])
    bins = pa.concat_tables([_bin_table(i, counter) for i, counter in enumerate(counters)])
    elsewhere = Partials(job.partials) if job.partials else None
    for path, table in zip(reversed(shard_paths(job.work, task.shard)), (bins, edges), strict=True):
        if elsewhere:
            elsewhere.put(table, path, job.work)
        else:
            write_whole(path, partial(pq.write_table, table, compression="zstd"))


def _edge_table(ordinal: int, counter: EdgeCounter) -> pa.Table:
    sums = counter.compact()
    counts = {
        f"n_{i}": sums.counts[:, i]
        if i < len(counter.thetas)
        else np.zeros(len(sums.key), np.int64)
        for i in range(len(THETA_QUANTILES))
    }
    return pa.table(
        {
            "sae_ordinal": np.full(len(sums.key), ordinal, np.uint8),
            "token_id": (sums.key // counter.d_sae).astype(np.uint32),
            "feature_index": (sums.key % counter.d_sae).astype(np.uint32),
            **counts,
            "act_sum": sums.act_sum,
            "act_max": sums.act_max,
        }
    )


def _bin_table(ordinal: int, counter: EdgeCounter) -> pa.Table:
    histogram = counter.histogram or {"pair": np.empty(0, np.int64), "n": np.empty(0, np.int64)}
    pair = histogram["pair"]
    return pa.table(
        {
            "sae_ordinal": np.full(len(pair), ordinal, np.uint8),
            "feature_index": (pair >> 14).astype(np.uint32),
            "bin": (pair & 0x3FFF).astype(np.uint16),
            "n": histogram["n"],
        }
    )
