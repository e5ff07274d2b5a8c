"""From the work folder to a published build: merge, coverage tables, atomic rename."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.store import MIN_COUNTS, ORDERS
from backend.core.store.edge_codec import encode_activation
from backend.core.store.edge_merge import MergedEdges, merge_edges, quantile_bins
from backend.core.store.graph.queries import TILED_FROM
from backend.core.store.writer import SaeEdges, publish
from backend.core.token_classes import CONTENT
from precompute.building.contrast import ShardReach, contrast
from precompute.building.corpus import Shard
from precompute.building.coverage import (
    NEVER,
    Graph,
    Steps,
    greedy,
    random_curve,
    random_orders,
    ranked_by,
    steps,
)
from precompute.building.edges import THETA_QUANTILES, load_thetas, shard_paths
from precompute.building.examples import Examples, load_examples
from precompute.building.features import feature_table, with_directions
from precompute.building.graph_tables import merged_graph_tables
from precompute.building.opening import opening_setting
from precompute.building.provenance import provenance
from precompute.building.tokens import TokenTable, load_tokens
from precompute.job import BadInput, Job, write_whole

N_RANDOM_ORDERS = 20
MERGE_MEMORY = "4GB"
PER_SAE_TABLES = ("degree", "coverage_step", "random_curve", "contrast", "feature")


def merged(job: Job, ordinal: int) -> MergedEdges:
    """All edges of one SAE; BadInput where a shard is missing."""
    files = [shard_paths(job.work, shard)[0] for shard in range(job.n_shards)]
    lacking = [f.name for f in files if not f.exists()]
    if lacking:
        raise BadInput(
            f"{len(lacking)} of {len(files)} edge shards are missing: run `functionscope "
            "precompute edges`."
        )
    return merge_edges(files, ordinal, memory_limit=MERGE_MEMORY, spill=job.work / "spill")


def shard_reach(job: Job, ordinal: int, d_sae: int, tokens: TokenTable) -> ShardReach:
    """What each document shard reached, from its own edges."""
    place, is_content = tokens.place(), tokens.classes == CONTENT
    first = np.full((job.n_shards, d_sae), NEVER)
    content = np.zeros((job.n_shards, d_sae), dtype=np.int64)
    columns = ["token_id", "feature_index", "n_0"]
    for shard in range(job.n_shards):
        path = shard_paths(job.work, shard)[0]
        part = pq.read_table(path, columns=columns, filters=[("sae_ordinal", "=", ordinal)])
        token, feature, n = (part[name].to_numpy().astype(np.int64) for name in columns)
        np.minimum.at(first[shard], feature, place[token])
        here = is_content[token]
        content[shard] = np.bincount(feature[here], weights=n[here], minlength=d_sae).astype(
            np.int64
        )
    return ShardReach(first, content)


def _step_columns(key: dict[str, int], order: str, made: Steps) -> pa.Table:
    n = len(made.rank)
    fixed = {
        name: np.full(n, value)
        for name, value in {**key, "token_order": ORDERS.index(order)}.items()
    }
    return pa.table({**fixed, **vars(made)})


def coverage_tables(
    ordinal: int, edges: MergedEdges, d_sae: int, n_thetas: int, tokens: TokenTable, seed: int
) -> dict[str, pa.Table]:
    """degree, coverage_step and random_curve of one SAE, for every theta and min_count."""
    ranked, vocab_size = tokens.ranked, len(tokens.classes)
    orders = random_orders(tokens.seen(), N_RANDOM_ORDERS, seed)
    made: dict[str, list[pa.Table]] = {"degree": [], "coverage_step": [], "random_curve": []}
    cases = [(theta, least) for theta in range(n_thetas) for least in MIN_COUNTS]
    for theta, least in tqdm(cases, desc=f"coverage of SAE {ordinal}", mininterval=1):
        kept = edges.counts[:, theta] >= least
        graph = Graph(edges.token_id[kept], edges.feature_index[kept], vocab_size, d_sae)
        key = {"sae_ordinal": ordinal, "theta_ordinal": theta, "min_count": least}
        degrees = graph.degrees()
        ways = {
            "frequency": steps(graph, ranked),
            "document_coverage": steps(graph, ranked_by(tokens.documents, ranked)),
            "degree": steps(graph, ranked_by(degrees, ranked)),
            "greedy": greedy(graph, ranked),
            "random": steps(graph, orders[0]),
        }
        made["coverage_step"] += [_step_columns(key, order, found) for order, found in ways.items()]
        by_degree = ranked_by(degrees, ranked)
        by_degree = by_degree[degrees[by_degree] > 0]
        fixed = {name: np.full(len(by_degree), value) for name, value in key.items()}
        made["degree"].append(
            pa.table({**fixed, "token_id": by_degree, "degree": degrees[by_degree]})
        )
        curve = random_curve(graph, orders)
        fixed = {name: np.full(len(curve.rank), value) for name, value in key.items()}
        columns = {
            "rank": curve.rank,
            "covered_mean": curve.mean,
            "covered_min": curve.least,
            "covered_max": curve.most,
        }
        made["random_curve"].append(pa.table({**fixed, **columns}))
    return {name: pa.concat_tables(parts) for name, parts in made.items()}


def make_coverage(lm: LanguageModel, saes: Sequence[Sae], job: Job) -> None:
    """Stage 3: write every SAE's tables to the work folder, unless they are there."""
    tokens, thetas = load_tokens(job.work, job.function_share), load_thetas(job)
    bin_files = [shard_paths(job.work, shard)[1] for shard in range(job.n_shards)]
    for ordinal, sae in enumerate(saes):
        folder = job.work / "coverage" / f"sae_{ordinal}"
        if all((folder / f"{name}.parquet").exists() for name in PER_SAE_TABLES):
            continue
        edges = merged(job, ordinal)
        tables = coverage_tables(ordinal, edges, sae.d_sae, len(thetas[ordinal]), tokens, job.seed)
        graph = Graph(edges.token_id, edges.feature_index, lm.vocab_size, sae.d_sae)
        rows = contrast(shard_reach(job, ordinal, sae.d_sae, tokens), graph, tokens, job.seed)
        tables["contrast"] = pa.Table.from_pylist(
            [{"sae_ordinal": ordinal, **asdict(row)} for row in rows]
        )
        q999 = quantile_bins(
            bin_files, ordinal, 0.999, memory_limit=MERGE_MEMORY, spill=job.work / "spill"
        )
        tables["feature"] = feature_table(ordinal, edges, q999, tokens.place(), sae.d_sae)
        for name in PER_SAE_TABLES:
            write_whole(folder / f"{name}.parquet", functools.partial(pq.write_table, tables[name]))


def is_ready(job: Job, n_saes: int) -> bool:
    """Whether coverage and examples are both in the work folder."""
    folders = [job.work / "coverage" / f"sae_{i}" for i in range(n_saes)]
    made = all(
        (folder / f"{name}.parquet").exists() for folder in folders for name in PER_SAE_TABLES
    )
    return made and (job.work / "examples.npz").exists() and (job.work / "directions.npz").exists()


# -- publishing ----------------------------------------------------------------------------------


def publish_build(lm: LanguageModel, saes: Sequence[Sae], job: Job) -> None:
    """Write the build from the work folder and rename it into place."""
    tokens = load_tokens(job.work, job.function_share)
    thetas = load_thetas(job)
    tables: dict[str, pa.Table] = {"token": token_table(lm, tokens, job.seed)}
    orders = {"token_order": list(range(len(ORDERS))), "name": list(ORDERS)}
    tables["token_order"] = pa.table(orders)
    sae_rows, edges = list[dict[str, Any]](), list[SaeEdges]()
    examples = load_examples(job, len(saes))
    shown = (
        [float(one.activations.max(initial=0)) for one in examples[1]]
        if examples
        else [0.0] * len(saes)
    )
    for ordinal, sae in enumerate(saes):
        found = merged(job, ordinal)
        scale = float(np.float32(max(found.act_max.max(initial=1e-30), shown[ordinal])))
        kept = found.at_least(job.edges_from)
        edges.append(SaeEdges(ordinal, sae.sae_id, kept.as_edges(), scale))
        row = sae_row(ordinal, sae, found, scale, thetas[ordinal], tokens.n_positions)
        sae_rows.append(row | {"n_edges": edges[-1].n_edges})
        if edges[-1].n_edges >= TILED_FROM:
            feature = pq.read_table(job.work / "coverage" / f"sae_{ordinal}" / "feature.parquet")
            for name, table in merged_graph_tables(ordinal, kept, feature, tokens).items():
                tables[name] = pa.concat_tables([tables[name], table]) if name in tables else table
    tables["sae"] = pa.Table.from_pylist(sae_rows)
    for name in PER_SAE_TABLES:
        parts = [
            pq.read_table(job.work / "coverage" / f"sae_{i}" / f"{name}.parquet")
            for i in range(len(saes))
        ]
        if name == "feature":
            parts = [with_directions(part, i, job) for i, part in enumerate(parts)]
        tables[name] = pa.concat_tables(parts)
    if examples:
        tables |= example_tables(*examples, [sae.act_scale for sae in edges])
    active = [row["n_active"] for row in sae_rows]
    opening = opening_setting(tables["coverage_step"], active, min(map(len, thetas)))
    stated = provenance(lm, saes, job, tokens) | {"coverage_opening": opening}
    publish(job.out, tables, edges, stated)


def token_table(lm: LanguageModel, tokens: TokenTable, seed: int) -> pa.Table:
    """Rows of the table `token`, one per vocabulary entry."""
    n, occurrences = len(tokens.classes), tokens.occurrences
    rank, cumulative, random_rank = (np.zeros(n, dtype=np.int64) for _ in range(3))
    first_order = random_orders(tokens.seen(), 1, seed)[0]
    rank[tokens.ranked] = np.arange(1, len(tokens.ranked) + 1)
    cumulative[tokens.ranked] = np.cumsum(occurrences[tokens.ranked])
    random_rank[first_order] = np.arange(1, len(first_order) + 1)
    columns = {
        "token_id": np.arange(n),
        "text": [lm.token_text(i) for i in range(n)],
        "token_class": tokens.classes,
        "occurrences": occurrences,
        "documents": tokens.documents,
    }
    ranks = {"rank": rank, "cumulative": cumulative, "random_rank": random_rank}
    return pa.table(
        columns | {name: pa.array(values, mask=values == 0) for name, values in ranks.items()}
    )


def sae_row(
    ordinal: int, sae: Sae, edges: MergedEdges, scale: float, thetas: list[float], n_positions: int
) -> dict[str, Any]:
    """One row of the table `sae`."""
    n_firings = int(edges.counts[:, 0].sum())
    return {
        "sae_ordinal": ordinal,
        "sae_id": sae.sae_id,
        "layer": sae.layer,
        "hook_name": sae.config.hook_name,
        "architecture": sae.architecture,
        "d_model": sae.d_model,
        "d_sae": sae.d_sae,
        "l0": n_firings / n_positions,
        "n_active": len(np.unique(edges.feature_index)),
        "n_edges": len(edges.token_id),
        "n_firings": n_firings,
        "act_scale": scale,
        "theta_grid": thetas,
        "theta_quantiles": list(THETA_QUANTILES[: len(thetas)]),
    }


def example_tables(
    texts: Shard, chosen: Sequence[Examples], scales: Sequence[float]
) -> dict[str, pa.Table]:
    """The tables `sequence` and `example`: only texts that some feature shows."""
    used = np.unique(np.concatenate([one.sequence_id for one in chosen]))
    sequences = {
        "sequence_id": used,
        "token_ids": [texts.tokens[i, : texts.lengths[i]].tolist() for i in used],
    }
    parts = []
    for ordinal, (one, scale) in enumerate(zip(chosen, scales, strict=True)):
        ends = np.cumsum(one.n_positions)[:-1]
        codes = encode_activation(one.activations, scale)
        columns = {
            "sae_ordinal": np.full(len(one.peak), ordinal),
            "feature_index": one.feature_index,
            "quantile": one.quantile,
            "sequence_id": one.sequence_id,
            "peak": one.peak,
            "positions": [part.tolist() for part in np.split(one.positions, ends)],
            "activations": [part.tolist() for part in np.split(codes, ends)],
        }
        parts.append(pa.table(columns))
    return {"sequence": pa.table(sequences), "example": pa.concat_tables(parts)}
