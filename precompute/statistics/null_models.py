"""`functionscope precompute null-models`: the same graph where there is nothing to find.

1. `random_weights`: the architecture of the build's model with seeded random weights, and SAEs
   trained on it by the build's own recipe (width, k, learning rate), on fewer positions.
2. `shuffled`: the real model and its SAEs on documents whose tokens were permuted (seeded): every
   token occurs as often, in the same documents, and no context means anything.
3. `without_giants`: the real model and its SAEs, which fire nowhere at positions of giant norm.
4. `real`: the build's own partial counts, on the very same document shards.
Only results are kept: WORK/null/RUN/curve.parquet and contrast.parquet, which `precompute
statistics` puts into the companion. Killed, it goes on with the shard that it was at.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import AutoModelForCausalLM

from backend.core.lm.checkpoint import read_config
from backend.core.sae import Sae
from precompute.building.contrast import contrast
from precompute.building.corpus import Shard, load_shard, shard_path
from precompute.building.coverage import NEVER, Graph, log_ranks
from precompute.building.edges import make_edges
from precompute.building.publish import merged, shard_reach
from precompute.building.tokens import TokenTable
from precompute.engines.local import LocalEngine
from precompute.job import BadInput, Job, save_arrays, write_whole
from precompute.models import load_models
from precompute.statistics.fits import log_slope
from precompute.statistics.giants import without_giants
from precompute.statistics.work import Finished, add_work_arguments, claim_null, finished_of
from precompute.training import sae as train_sae
from precompute.training.activations import GIANT

LEAST_ROWS = 512  # to train on, a quarter of them kept for the threshold
RUNS = ("real", "without_giants", "random_weights", "shuffled")
Ints = npt.NDArray[np.int64]


def shuffled(shard: Shard, special: Sequence[int], seed: int) -> Shard:
    """Every document's non-special tokens permuted among its own non-special places, over all its
    rows.

    Row lengths, special tokens and the counts of every token in every document stay as they are.
    """
    tokens = shard.tokens.copy()
    free = shard.used() & ~np.isin(tokens, special)
    for document in np.unique(shard.documents):
        rows = np.flatnonzero(shard.documents == document)
        where = free[rows]
        generator = np.random.default_rng([seed, int(document)])
        part = tokens[rows]
        part[where] = generator.permutation(part[where])
        tokens[rows] = part
    return Shard(tokens, shard.lengths, shard.documents)


def write_rows(
    finished: Finished, work: Path, n_shards: int, special: Sequence[int] | None, seed: int
) -> None:
    """The build's first n_shards of rows, in a work folder of their own; shuffled where `special`
    is given.
    """
    for index in range(n_shards):
        if shard_path(work, index).exists():
            continue
        shard = load_shard(finished.job.work, index)
        made = shard if special is None else shuffled(shard, special, seed)
        tokens = made.tokens.astype(np.int32)
        save_arrays(
            shard_path(work, index), tokens=tokens, lengths=made.lengths, documents=made.documents
        )


def random_model(source: Path, folder: Path, seed: int) -> None:
    """The source's configuration and tokenizer; weights drawn anew, as Transformers does."""
    if (folder / "config.json").exists():
        return
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(read_config(str(source)))
    model.save_pretrained(new)
    for file in source.glob("*token*"):
        shutil.copy(file, new / file.name)
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def train_null_saes(
    finished: Finished, saes: Sequence[Sae], model: Path, folder: Path, args: Any
) -> list[Path]:
    """SAEs on the random model after the same layers, one folder by the name of each of the
    build's.
    """
    made = [folder / sae.sae_id for sae in saes]
    if all((one / "cfg.json").exists() for one in made):
        return made
    rows = np.concatenate(
        [load_shard(finished.job.work, i).tokens for i in range(args.shards, finished.job.n_shards)]
    )
    full = rows[rows[:, -1] != 0]  # rows that are used to the end
    if len(full) < LEAST_ROWS:
        raise BadInput(
            f"the shards after the first {args.shards} hold {len(full)} full rows; the "
            f"SAEs need {LEAST_ROWS}: take fewer --shards, or a build of more tokens."
        )
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "rows.npy", full.astype(np.int32))
    parser = argparse.ArgumentParser()
    train_sae.add_arguments(parser)
    given = ["--model", model, "--rows", folder / "rows.npy", "--out", folder / "trained"]
    given += ["--tokens", args.sae_tokens]
    given += ["--work", folder / "work", "--seed", args.seed, "--device", args.device]
    given += ["--layers", *(sae.layer for sae in saes), "--d-sae", *(sae.d_sae for sae in saes)]
    given += ["--k", *(_wanted_l0(sae) for sae in saes)]
    train_sae.run(parser.parse_args([*map(str, given)]))
    for sae, target in zip(saes, made, strict=True):
        shutil.rmtree(target, ignore_errors=True)
        (folder / "trained" / f"layer_{sae.layer}").rename(target)
    return made


def _wanted_l0(sae: Sae) -> float:
    """Mean firings a position of the SAE that is to be matched, as its cfg.json states them."""
    stated = json.loads((sae.folder / "cfg.json").read_text("utf-8"))["metadata"]
    wanted = stated.get("k") or stated.get("l0")
    if not wanted:
        raise BadInput(
            f"{sae.folder}/cfg.json states neither k nor l0: nothing to match on the random model."
        )
    return float(wanted)


def subset(tokens: TokenTable, n_shards: int) -> TokenTable:
    """The counts of the first shards; ranks and classes stay those of the whole build."""
    return replace(tokens, by_shard=tokens.by_shard[:n_shards])


def run_tables(
    job: Job, tokens: TokenTable, sae_ids: Sequence[str], d_sae: Sequence[int], run: str
) -> dict[str, Any]:
    """Rows of null_curve and null_contrast of one run: job.work holds its edges, job.n_shards its
    shards.
    """
    curves, contrasts = list[dict[str, Any]](), list[dict[str, Any]]()
    for ordinal, (sae_id, width) in enumerate(zip(sae_ids, d_sae, strict=True)):
        edges = merged(job, ordinal)
        graph = Graph(edges.token_id, edges.feature_index, len(tokens.classes), width)
        first = graph.first_places(tokens.place())
        n_active = int((first != NEVER).sum())
        key = {"run": run, "sae_id": sae_id}
        ranks = log_ranks(len(tokens.seen()))
        covered = np.searchsorted(np.sort(first), ranks)
        curves += [
            {**key, "rank": int(rank), "covered": int(n), "n_active": n_active, "d_sae": width}
            for rank, n in zip(ranks, covered, strict=True)
        ]
        fit = log_slope(tokens.occurrences, graph.degrees())
        facts = {
            "degree_slope": fit.slope,
            "l0": int(edges.counts[:, 0].sum()) / tokens.n_positions,
        }
        rows = contrast(shard_reach(job, ordinal, width, tokens), graph, tokens, job.seed)
        contrasts += [{**key, **_kept(asdict(row)), **facts} for row in rows]
    return {"curve": curves, "contrast": contrasts}


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    dropped = ("difference", "whole_tokens")
    return {name: value for name, value in row.items() if not name.startswith(dropped)}


def null_folder(work: Path, run: str) -> Path:
    """Where a run keeps its rows, edges and results."""
    return work / "null" / run


def make_run(finished: Finished, run: str, job: Job, description: str) -> None:
    """Write the results of one run whose edges are all there."""
    folder = null_folder(finished.job.work, run)
    tokens = subset(finished.tokens, job.n_shards)
    tables = run_tables(job, tokens, finished.sae_ids, finished.d_sae, run)
    for name, rows in tables.items():
        write_whole(folder / f"{name}.parquet", partial(pq.write_table, pa.Table.from_pylist(rows)))
    about = {
        "run": run,
        "description": description,
        "positions": tokens.n_positions,
        "shards": list(range(job.n_shards)),
        "n_function": tokens.n_function,
    }
    write_whole(
        folder / "run.json",
        lambda temporary: temporary.write_text(json.dumps(about, ensure_ascii=False)),
    )


def make_edges_of(
    finished: Finished, run: str, model: Path, saes: list[Path], args: argparse.Namespace
) -> Job:
    """Extract the edges of one null run; returns its job."""
    work = null_folder(finished.job.work, run)
    job = replace(
        finished.job,
        model=str(model),
        saes=tuple(saes),
        work=work,
        n_shards=args.shards,
        device=args.device,
    )
    lm, loaded = load_models(job)
    special = sorted(lm.special_ids) if run == "shuffled" else None
    write_rows(finished, work, args.shards, special, args.seed)
    if run == "without_giants":
        # they stand in for SAEs: an engine asks them for firings alone
        loaded = cast(list[Sae], without_giants(lm, loaded, load_shard(work, 0)))
    make_edges(LocalEngine(lm, loaded), job)
    return job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute null-models`."""
    add_work_arguments(parser)
    add = parser.add_argument
    add(
        "--shards",
        type=int,
        default=7,
        help="document shards of the build to use (default: %(default)s)",
    )
    add(
        "--sae-tokens",
        type=int,
        default=300_000,
        help="positions that the null SAEs see (default: %(default)s)",
    )
    add(
        "--seed",
        type=int,
        default=0,
        help="of weights, training and shuffling (default: %(default)s)",
    )
    add("--device", default="cpu", help="cpu or cuda (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Make whatever is lacking of the runs."""
    finished = finished_of(args)
    if not 2 <= args.shards < finished.job.n_shards:
        raise BadInput(
            f"--shards is {args.shards}; allowed: 2 to {finished.job.n_shards - 1} "
            "(the SAEs need the rest)"
        )
    saes = [Sae.load(folder) for folder in finished.job.saes]
    source, work = Path(finished.job.model), finished.job.work
    if not source.is_dir():
        raise BadInput(f"the model of this build is {source}; null models need it as a folder.")
    claim_null([null_folder(work, name) for name in RUNS], finished, vars(args))
    make_run(
        finished,
        "real",
        replace(finished.job, n_shards=args.shards),
        "the build's own model and documents",
    )
    folders = [sae.folder for sae in saes]
    job = make_edges_of(finished, "without_giants", source, folders, args)
    said = f"no firing counts where the norm is more than {GIANT:g} times the layer's median"
    make_run(finished, "without_giants", job, said)
    job = make_edges_of(finished, "shuffled", source, folders, args)
    make_run(
        finished,
        "shuffled",
        job,
        "the same model and SAEs; the tokens of each document in random order",
    )
    model = null_folder(work, "random_weights") / "model"
    random_model(source, model, args.seed)
    trained = train_null_saes(
        finished, saes, model, null_folder(work, "random_weights") / "saes", args
    )
    job = make_edges_of(finished, "random_weights", model, trained, args)
    said = f"the same architecture, random weights; SAEs alike on {args.sae_tokens:,} positions"
    make_run(finished, "random_weights", job, said)
    return 0
