"""A finished work folder, read again:
its job, its token counts, and the build that was published from it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from backend.core.companions.file import build_identity
from backend.core.own import find_preset
from backend.core.store import Store
from precompute.building.tokens import TokenTable, load_tokens
from precompute.inputs import INPUTS, claim, differing, inputs_of, listed, require_of_build
from precompute.job import BadInput, Job

NOT_READ = ("edges_from", "corpus", "out", "work", "saes", "weights", "partials")


@dataclass(frozen=True)
class Finished:
    """What the statistics and the null models start from; no model is loaded."""

    job: Job  # as it was run; `corpus` holds file names only
    sae_ids: list[str]  # by ordinal
    d_sae: list[int]  # by ordinal
    theta_grids: list[list[float]]  # by ordinal
    tokens: TokenTable
    texts: dict[int, str]  # token_id -> text, of all tokens of the build
    identity: str  # of the build


def read_finished(work: Path, build: Path) -> Finished:
    """BadInput where the folder holds no job, or another one than the build was made from."""
    path = work / "settings.json"
    if not path.exists():
        raise BadInput(
            f"{work} holds no job: give the folder that `functionscope precompute all --work` "
            "filled."
        )
    saved = json.loads(path.read_text("utf-8"))
    known = {field.name for field in fields(Job)} - {*NOT_READ}
    job = Job(
        **{name: saved[name] for name in known},
        saes=tuple(Path(folder) for folder in saved["saes"]),
        corpus=tuple(Path(one["file"]) for one in saved["corpus"]),
        weights=tuple(saved["weights"]),
        out=build,
        work=work,
    )
    tokens = load_tokens(work, job.function_share)
    store = Store.open(build)
    try:
        return _checked(job, tokens, store, saved.get(INPUTS, {}))
    finally:
        store.close()


def _checked(job: Job, tokens: TokenTable, store: Store, inputs: dict[str, str]) -> Finished:
    provenance = store.provenance()
    stated = provenance["corpus"]["token_stream_sha256"]
    if stated != tokens.stream_sha256:
        raise BadInput(
            f"{job.work} and {store.path} come from different corpora: their token streams differ."
        )
    rows = {row.sae_id: row for row in store.saes()}
    sae_ids = [folder.name for folder in job.saes]
    if set(sae_ids) != set(rows):
        raise BadInput(f"{job.work} has the SAEs {sae_ids}, {store.path} has {sorted(rows)}.")
    require_of_build(inputs, provenance, str(job.work), store.path)
    texts = {row.token_id: row.text for row in store.tokens(limit=len(tokens.classes))[0]}
    return Finished(
        job,
        sae_ids,
        [rows[sae_id].d_sae for sae_id in sae_ids],
        [list(rows[sae_id].theta_grid) for sae_id in sae_ids],
        tokens,
        texts,
        build_identity(provenance),
    )


def claim_null(folders: Sequence[Path], finished: Finished, settings: Mapping[str, Any]) -> None:
    """Note in each what it depends on; BadInput where that is not what is noted there, or where
    model or SAEs are no longer those of the finished job.
    """
    work = finished.job.work
    was = json.loads((work / "settings.json").read_text("utf-8"))[INPUTS]
    mine = inputs_of(replace(finished.job, corpus=()))
    there = {name: digest for name, digest in was.items() if not name.startswith("corpus ")}
    if files := differing(mine, there):
        raise BadInput(f"{work} was made from other files ({listed(files)}): give it the same.")
    stated = {name: settings[name] for name in ("shards", "sae_tokens", "seed", "device")}
    stream = {"token_stream": finished.tokens.stream_sha256, INPUTS: was}
    for folder in folders:
        claim(folder / "settings.json", stated | stream)


def add_work_arguments(parser: argparse.ArgumentParser) -> None:
    """Which build, and the work folder that it came from."""
    parser.add_argument("--preset", help="the preset whose build it is")
    parser.add_argument(
        "--build", type=Path, metavar="FILE", help="the build; default: the preset's"
    )
    parser.add_argument(
        "--work", type=Path, required=True, metavar="DIR", help="work folder of the finished job"
    )


def finished_of(args: argparse.Namespace) -> Finished:
    """From the command line; BadInput for what is missing or contradictory."""
    if not args.build and not args.preset:
        raise BadInput("give --preset, or --build.")
    try:
        build = args.build or find_preset(args.preset).build
    except ValueError as error:
        raise BadInput(str(error)) from error
    return read_finished(args.work, build)
