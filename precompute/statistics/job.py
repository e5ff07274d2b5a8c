"""`functionscope precompute statistics`: what chance explains of a build, as a companion beside it.

From the partial counts of a finished job alone; the model is never asked. Every document shard gets
one pass of its own, kept in WORK/statistics; the merge sums and resamples them. Where `null-models`
has run, its results are put in.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from backend.core.companions.file import companion_path, write_companion
from backend.core.companions.statistics.store import SCHEMA, StatisticsStore
from backend.core.token_kinds import KINDS, kinds_of
from precompute.building.provenance import code_version
from precompute.job import write_whole
from precompute.statistics.counts import CountedReach, active_draws
from precompute.statistics.edges import EdgeChunk, edge_chunks
from precompute.statistics.excess import LEAST_TOKENS, excess_columns, fit_null
from precompute.statistics.fits import fit_power_law, log_slope
from precompute.statistics.labels import label_permutation, strata_of
from precompute.statistics.null_models import RUNS, null_folder
from precompute.statistics.rarefaction import LogFactorials, Rarefied, group_rows, rarefaction
from precompute.statistics.rates import RateReach
from precompute.statistics.reach import (
    GROUPS,
    chao1_rows,
    comparisons,
    equal_occurrence,
    kind_summary,
    members,
)
from precompute.statistics.resample import Z95, draws
from precompute.statistics.shards import Scale, ShardSums, load_sums, make_scale, make_shard
from precompute.statistics.spread import evenness, expected_documents, group_spread, zipf_rows
from precompute.statistics.work import Finished, add_work_arguments, finished_of

FEW_DRAWS, MANY_DRAWS = 100, 400  # resamples where each sees all edges, and where sums are enough
LEAST_LISTED = 100  # occurrences below which a token has no rarefaction of its own
Rows = list[dict[str, Any]]
Ints = npt.NDArray[np.int64]


class SaeStatistics:
    """All tables of one SAE."""

    def __init__(self, finished: Finished, scale: Scale, sums: ShardSums, ordinal: int) -> None:
        self.finished, self.scale, self.reach = finished, scale, sums.reach[ordinal]
        self.ordinal, self.tokens = ordinal, finished.tokens
        self.edges_by_token = sums.edges[ordinal].sum(axis=0)
        self.groups = members(finished.tokens, scale)
        self.few = draws(finished.job.n_shards, FEW_DRAWS, finished.job.seed)
        self.many = draws(finished.job.n_shards, MANY_DRAWS, finished.job.seed)
        self.log = LogFactorials(2 * finished.tokens.n_positions)
        self.feature_degree = np.zeros(finished.d_sae[ordinal], dtype=np.int64)

    def tables(self) -> dict[str, Any]:
        """Rows or columns by table name, without sae_id."""
        d_sae = self.finished.d_sae[self.ordinal]
        counted = CountedReach(self.tokens, comparisons(self.tokens), d_sae, self.few)
        rated = RateReach(self.tokens, d_sae, self.few)
        chunks = (self._seen(chunk, counted, rated) for chunk in self._chunks())
        made = rarefaction(chunks, self.tokens.by_shard, self.groups, self.few, LEAST_TOKENS)
        first = self.reach.first_place[:, 0]
        active = active_draws(
            first, np.concatenate([np.ones((1, len(first)), dtype=np.int64), self.few])
        )
        reached = equal_occurrence(self.reach, self.scale, self.tokens, self.many, self.log)
        return {
            "equal_occurrence": reached + counted.rows(int(active[0]), active[1:]),
            "kind_summary": kind_summary(self.reach, self.scale, self.tokens, self.many, self.log),
            "chao1": chao1_rows(self.reach, self.scale, self.tokens),
            "rate_rank": rated.ranks(),
            "rate_contrast": rated.contrasts(int(active[0]), active[1:], self.finished.job.seed),
            **self._degree_tables(made),
            **self._power_laws(made),
        }

    def _chunks(self) -> Any:
        d_sae = self.finished.d_sae[self.ordinal]
        return edge_chunks(self.finished.job, self.ordinal, d_sae, self.edges_by_token)

    def _seen(self, chunk: EdgeChunk, counted: CountedReach, rated: RateReach) -> EdgeChunk:
        """The chunk, after the others that need it have read it."""
        counted.add(chunk)
        rated.add(chunk)
        self.feature_degree += np.bincount(chunk.feature_index, minlength=len(self.feature_degree))
        return chunk

    def _degree_tables(self, made: Rarefied) -> dict[str, Any]:
        occurrences = self.tokens.occurrences
        by_group = group_rows(made, GROUPS, self.groups, occurrences, LEAST_TOKENS)
        content = [row for row in by_group if row.token_group == "content"]
        fit, seen = fit_null(content), self.tokens.seen()
        reaching = seen[made.degree[seen] > 0]
        labelled = label_permutation(
            np.log2(made.degree[reaching]),
            GROUPS[:-1],
            self.groups[:-1, reaching],
            strata_of(occurrences[reaching]),
            self.finished.job.seed,
        )
        return {
            "rarefaction": rarefaction_columns(
                made, occurrences, seen[occurrences[seen] >= LEAST_LISTED]
            ),
            "rarefaction_group": [asdict(row) for row in by_group],
            "null_fit": [asdict(fit)] if fit else [],
            "excess": excess_columns(made, content, fit, seen, occurrences) if fit else [],
            "label_permutation": labelled,
            "slope": [self._degree_slope(made, reaching)],
        }

    def _degree_slope(self, made: Rarefied, reaching: Ints) -> dict[str, Any]:
        fit = log_slope(self.tokens.occurrences[reaching], made.degree[reaching])
        drawn = self.few @ self.tokens.by_shard
        slopes = [
            log_slope(n[reaching], degree[reaching]).slope
            for n, degree in zip(drawn, made.degree_draws, strict=True)
        ]
        half = Z95 * float(np.std(slopes, ddof=1))
        ranks = self.scale.place[reaching] + 1
        return {
            "name": "degree",
            "from_rank": int(ranks.min()),
            "to_rank": int(ranks.max()),
            "n": fit.n,
            "slope": fit.slope,
            "low": fit.slope - half,
            "high": fit.slope + half,
            "r2": fit.r2,
        }

    def _power_laws(self, made: Rarefied) -> dict[str, Rows]:
        found: dict[str, Rows] = {"degree_fit": [], "degree_alternative": []}
        for side, degrees in (("token", made.degree), ("feature", self.feature_degree)):
            law = fit_power_law(degrees)
            if law is None:
                continue
            half = Z95 * law.sigma
            found["degree_fit"].append(
                {
                    "side": side,
                    "n": law.n,
                    "x_min": law.x_min,
                    "n_tail": law.n_tail,
                    "alpha": law.alpha,
                    "low": law.alpha - half,
                    "high": law.alpha + half,
                    "ks": law.ks,
                }
            )
            found["degree_alternative"] += [
                {"side": side, "alternative": name, "ratio": ratio, "p_value": p}
                for name, (ratio, p) in law.alternatives.items()
            ]
        return found


def rarefaction_columns(made: Rarefied, occurrences: Ints, token_ids: Ints) -> dict[str, Any]:
    """Columns of `rarefaction`, less the SAE:
    the points of these tokens, one token after another.
    """
    rows, places = np.nonzero(made.enough(occurrences)[token_ids])
    ids = token_ids[rows]
    se = np.round(made.se[ids, places], 1)
    return {
        "token_id": ids,
        "n": made.grid[places].astype(np.float64),
        "expected": np.round(made.expected[ids, places], 1),
        "se": pa.array(se, mask=np.isnan(se)),
    }


def token_tables(finished: Finished, scale: Scale, sums: ShardSums) -> dict[str, Any]:
    """The tables that no SAE enters."""
    tokens, seen = finished.tokens, finished.tokens.seen()
    lengths = np.concatenate(sums.lengths)
    once = np.ones_like(lengths)
    documents, occurrences = sums.documents.sum(axis=0)[seen], tokens.occurrences[seen]
    few = draws(finished.job.n_shards, FEW_DRAWS, finished.job.seed)
    groups = members(tokens, scale)
    return {
        "token_spread": {
            "token_id": seen,
            "kind": [KINDS[kind] for kind in scale.kind[seen]],
            "occurrences": occurrences,
            "documents": documents,
            "expected_documents": np.round(expected_documents(occurrences, lengths, once), 1),
            "evenness": np.round(evenness(documents, occurrences, lengths, once), 4),
        },
        "group_spread": group_spread(
            GROUPS, groups, tokens.by_shard, sums.documents, sums.lengths, few
        ),
        "slope": zipf_rows(tokens.by_shard[:, tokens.ranked], few),
    }


def null_tables(work: Path) -> dict[str, Rows]:
    """Results of `null-models` as far as they were made."""
    made: dict[str, Rows] = {"null_run": [], "null_curve": [], "null_contrast": []}
    for run in RUNS:
        about = null_folder(work, run) / "run.json"
        if about.exists():
            made["null_run"].append(json.loads(about.read_text("utf-8")))
            for name in ("curve", "contrast"):
                made[f"null_{name}"] += pq.read_table(
                    null_folder(work, run) / f"{name}.parquet"
                ).to_pylist()
    return made


def gathered(parts: Sequence[tuple[str | None, dict[str, Any]]]) -> dict[str, pa.Table]:
    """One Arrow table per name, of the parts that hold it; their SAE is put in."""
    found: dict[str, list[pa.Table]] = {}
    for sae_id, tables in parts:
        for name, rows in tables.items():
            if not len(rows):
                continue
            table = rows if isinstance(rows, pa.Table) else _arrow(rows)
            if sae_id is not None:
                table = table.append_column("sae_id", pa.array([sae_id] * len(table)))
            found.setdefault(name, []).append(table)
    return {
        name: pa.concat_tables(tables, promote_options="permissive")
        for name, tables in found.items()
    }


def _arrow(rows: Any) -> pa.Table:
    """Columns by name, or rows, as a table."""
    return pa.table(rows) if isinstance(rows, dict) else pa.Table.from_pylist(rows)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute statistics`."""
    add_work_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: beside the build")


def run(args: argparse.Namespace) -> int:
    """Make the companion; what was made before in the work folder is not made again."""
    finished = finished_of(args)
    job = finished.job
    texts = [finished.texts[token_id] for token_id in range(len(finished.tokens.classes))]
    scale = make_scale(finished.tokens, kinds_of(texts))
    for shard in tqdm(range(job.n_shards), desc="shards", mininterval=1):
        make_shard(finished, scale, shard)
    sums = load_sums(finished, scale)
    parts: list[tuple[str | None, dict[str, Any]]] = [(None, token_tables(finished, scale, sums))]
    for ordinal, sae_id in enumerate(tqdm(finished.sae_ids, desc="SAEs", mininterval=1)):
        # tables that a newer schema brings are made anew
        kept = job.work / "statistics" / f"sae_{ordinal}_v{StatisticsStore.version}"
        if not (kept / "done").exists():
            for name, table in gathered(
                [(sae_id, SaeStatistics(finished, scale, sums, ordinal).tables())]
            ).items():
                write_whole(kept / f"{name}.parquet", partial(pq.write_table, table))
            write_whole(kept / "done", lambda temporary: temporary.write_text(""))
        parts.append((None, {f.stem: pq.read_table(f) for f in sorted(kept.glob("*.parquet"))}))
    parts.append((None, null_tables(job.work)))
    out = args.out or companion_path(job.out, "statistics")
    write_companion(
        out,
        SCHEMA.read_text("utf-8"),
        StatisticsStore.version,
        gathered(parts),
        provenance(finished),
    )
    print(f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB)")
    return 0


def provenance(finished: Finished) -> dict[str, Any]:
    """What the companion says of its own making."""
    return {
        "build": finished.identity,
        "intervals": {
            "level": 0.95,
            "resampled": "document shards",
            "shards": finished.job.n_shards,
            "replicates": {"from edges": FEW_DRAWS, "from sums": MANY_DRAWS},
            "form": "estimate -+ 1.96 standard deviations of the replicates",
        },
        "sampling_unit": "one position of the token, drawn without replacement",
        "seed": finished.job.seed,
        "code": code_version(),
    }
