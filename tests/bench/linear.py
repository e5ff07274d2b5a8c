"""What a further document shard costs:
edges and the statistics' pass over it, for 1, 2, 4 and 8 times the tokens.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from backend.core.lm import LanguageModel
from backend.core.token_classes import by_frequency, classify
from backend.core.token_kinds import kinds_of
from precompute.building.edges import shard_paths
from precompute.building.tokens import TokenTable
from precompute.statistics.shards import Scale, make_scale, reach_of
from tests.bench.edge_comparison import Extraction
from tests.bench.report import Row, time_row
from tests.bench.subject import Subject
from tests.bench.timing import alternate, seconds

ROWS, CTX_LEN = 16, 256
TIMES = (1, 2, 4, 8)
TARGET = 1.1


@dataclass(frozen=True)
class ShardWork:
    """One shard of so many rows: its edges anew, then the pass that the statistics make over it."""

    extraction: Extraction
    scale: Scale

    def run(self) -> None:
        self.extraction.run()
        edges = shard_paths(self.extraction.job.work, 0)[0]
        for ordinal, sae in enumerate(self.extraction.saes):
            part = pq.read_table(edges, filters=[("sae_ordinal", "=", ordinal)])
            token, feature = (
                part[name].to_numpy().astype(np.int64) for name in ("token_id", "feature_index")
            )
            counts = np.stack([part[f"n_{i}"].to_numpy() for i in range(3)], axis=1)
            reach_of(token, feature, counts, sae.d_sae, self.scale)


def shards(lm: LanguageModel, subject: Subject, scratch: Path) -> dict[int, ShardWork]:
    """A shard of each size, of random tokens with Zipf's frequencies;
    every position is another draw.
    """
    generator = np.random.default_rng(0)
    allowed = np.setdiff1d(np.arange(lm.vocab_size), list(lm.special_ids))
    weights = 1 / np.arange(1, len(allowed) + 1)
    made = {}
    for times in TIMES:
        rows = generator.choice(allowed, size=(ROWS * times, CTX_LEN), p=weights / weights.sum())
        rows[:, 0] = lm.bos_id or 0
        counts = np.bincount(rows.ravel(), minlength=lm.vocab_size)
        counts[list(lm.special_ids)] = 0
        special = sorted(lm.special_ids)
        tokens = TokenTable(
            counts[None], counts, 1, by_frequency(counts, special), classify(counts, special), ""
        )
        scale = make_scale(tokens, kinds_of([lm.token_text(i) for i in range(lm.vocab_size)]))
        extraction = Extraction.prepare(
            lm, subject, torch.from_numpy(rows), scratch / f"times_{times}"
        )
        made[times] = ShardWork(extraction, scale)
    return made


def edges_linear_in_tokens(
    lm: LanguageModel, subject: Subject, rounds: int, scratch: Path
) -> list[Row]:
    """One shard of 8 times the tokens against 8 shards of one;
    in between in the note, in CPU seconds.
    """
    made = shards(lm, subject, scratch)
    most = TIMES[-1]

    def small(_: int) -> float:
        return sum(seconds(made[1].run) for _ in range(most))

    pairs = alternate(lambda _: seconds(made[most].run), small, rounds=rounds, warmup=1)
    cost = {times: _cpu_seconds(work) / (ROWS * CTX_LEN * times) for times, work in made.items()}
    listed = ", ".join(f"{times}×: {1e6 * cost[times]:.0f}" for times in TIMES)
    note = (
        f"Edges and statistics of one shard of {most * ROWS * CTX_LEN:,} positions against "
        f"{most} shards of {ROWS * CTX_LEN:,}; no shard reads another, so a build's size does "
        f"not enter. CPU µs a position at {listed}."
    )
    row = time_row("edges_linear_in_tokens", pairs, target=TARGET, subject=subject.name, note=note)
    return [replace(row, cpu_ratio=pairs.cpu_ratio())]


def _cpu_seconds(work: ShardWork) -> float:
    """The lesser of two."""
    found = []
    for _ in range(2):
        start = time.process_time()
        work.run()
        found.append(time.process_time() - start)
    return min(found)
