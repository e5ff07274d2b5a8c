"""Edge extraction, as `functionscope precompute edges` does it, against sae-lens's bridge."""

import contextlib
import io
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.building.corpus import shard_path
from precompute.building.edges import make_edges, shard_paths
from precompute.engines.local import LocalEngine
from precompute.job import Job, save_arrays
from tests.bench.bare import BareModel
from tests.bench.report import Row, speed_row
from tests.bench.saelens import VARIANTS, SaeLensPeer, Variant
from tests.bench.subject import Subject
from tests.bench.timing import alternate, seconds

ROWS = 64
BATCH_ROWS = 16
CTX_LEN = 256


def sampled_rows(bare: BareModel, lm: LanguageModel) -> Tensor:
    """int64 [ROWS, CTX_LEN], BOS first:
    text that the model itself writes at temperature 1; seeded.
    """
    torch.manual_seed(0)
    start = torch.full((ROWS, 1), lm.bos_id or 0)
    rows: Tensor = bare.model.generate(
        start,
        attention_mask=torch.ones_like(start),
        do_sample=True,
        top_k=0,
        max_new_tokens=CTX_LEN - 1,
        suppress_tokens=sorted(lm.special_ids),
        disable_compile=True,
    )
    return rows


@dataclass(frozen=True)
class Extraction:
    """Our side: one shard on disk, model and SAEs loaded."""

    lm: LanguageModel
    saes: list[Sae]
    job: Job

    @classmethod
    def prepare(
        cls, lm: LanguageModel, subject: Subject, tokens: Tensor, work: Path
    ) -> "Extraction":
        saes = [Sae.load(path, sae_id=sae_id) for sae_id, path in subject.saes.items()]
        job = Job(
            model=str(subject.model),
            saes=tuple(subject.saes.values()),
            corpus=(),
            out=work / "unused.duckdb",
            work=work,
            weights=(),
            n_tokens=tokens.numel(),
            ctx_len=tokens.shape[1],
            batch_rows=BATCH_ROWS,
            n_shards=1,
        )
        rows = tokens.numpy()
        lengths = np.full(len(rows), rows.shape[1])
        save_arrays(
            shard_path(work, 0), tokens=rows, lengths=lengths, documents=np.arange(len(rows))
        )
        return cls(lm, saes, job)

    def run(self) -> None:
        """Forget the shard's edges and extract them again: forward, encode, sum, Parquet."""
        for path in shard_paths(self.job.work, 0):
            path.unlink(missing_ok=True)
        with contextlib.redirect_stderr(io.StringIO()):
            make_edges(LocalEngine(self.lm, self.saes), self.job)

    def n_firings(self) -> int:
        """Firings above zero in the shard, all SAEs, special positions left out."""
        return int(pq.read_table(shard_paths(self.job.work, 0)[0])["n_0"].to_numpy().sum())


def edges_vs_saelens(
    lm: LanguageModel, bare: BareModel, subject: Subject, rounds: int, scratch: Path
) -> list[Row]:
    """One row per way to call the bridge; the first is the one with the target."""
    tokens = sampled_rows(bare, lm)
    ours = Extraction.prepare(lm, subject, tokens, scratch / "edges")
    peer = SaeLensPeer(subject.model, subject.saes, scratch)
    ours.run()
    theirs = sum(_n_firings(peer, batch, lm) for batch in tokens.split(BATCH_ROWS))
    agreement = (
        f"Firings: ours {ours.n_firings():,}, the bridge's with its error term on {theirs:,}."
    )
    found = []
    for variant in VARIANTS:
        pairs = alternate(
            lambda _: seconds(ours.run),
            partial(_seconds_of, peer, tokens, variant),
            rounds=rounds,
            warmup=1,
        )
        note = (
            f"Forward, sparse encode, sums per token and feature and the Parquet shard ({ROWS} × "
            f"{CTX_LEN} tokens, {BATCH_ROWS} rows at a time on both sides), against sae-lens's "
            f"SAETransformerBridge.run_with_cache_with_saes alone, {variant.note}. {agreement}"
        )
        target = 4.0 if variant is VARIANTS[0] else None
        name = "edges_vs_saelens" + variant.suffix
        row = speed_row(
            name,
            pairs,
            work=tokens.numel(),
            unit="tok/s",
            target=target,
            subject=subject.name,
            note=note,
        )
        found.append(replace(row, cpu_ratio=1 / pairs.cpu_ratio()))
    return found


def _seconds_of(peer: SaeLensPeer, tokens: Tensor, variant: Variant, _: int) -> float:
    start = time.perf_counter()
    for batch in tokens.split(BATCH_ROWS):
        peer.run(batch, variant)
    return time.perf_counter() - start


def _n_firings(peer: SaeLensPeer, tokens: Tensor, lm: LanguageModel) -> int:
    """Of one batch, all SAEs, special positions left out, error term on."""
    kept = ~torch.isin(tokens, torch.tensor(sorted(lm.special_ids)))
    return sum(int((activation[kept] > 0).sum()) for activation in peer.run(tokens, VARIANTS[0]))
