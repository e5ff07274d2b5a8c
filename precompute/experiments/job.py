"""`functionscope precompute experiments`: what the claims need that no browsing can show.

What fires again at function tokens against the same tokens in another order (reactivation),
ablating it (necessity), a distant function token against a nearer content token (distance), the
paper's Figure 7 (grid), its search for a trait's feature (trait) and the difference of means
(means), on the lab model's held-out questions. Prints the findings and the grid, and writes
`BUILD.experiments.duckdb` beside the build. Each experiment is kept when it is
done: start the same command again after an interruption.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from backend.core.companions.experiments.store import KIND, SCHEMA_VERSION
from backend.core.companions.file import build_identity, companion_path
from backend.core.gguf import to_stderr
from backend.core.lm import LanguageModel
from backend.core.own import find_preset
from backend.core.presets import Preset
from backend.core.sae import Sae
from backend.core.store import Store
from backend.core.weights import model_source
from precompute.building.provenance import code_version
from precompute.experiments import distance as experiments_distance
from precompute.experiments import grid as paper_grid
from precompute.experiments import necessity
from precompute.experiments import reactivation as experiments_reactivation
from precompute.experiments import traits as experiments_traits
from precompute.experiments.grid_prompts import KINDS
from precompute.experiments.kept import cache_folder
from precompute.experiments.publish import INTERVALS, publish
from precompute.experiments.result import Result
from precompute.experiments.subject import Asked, Subject
from precompute.inputs import INPUTS, model_inputs, prefixed, require_of_build, sae_inputs
from precompute.job import sha256
from precompute.lab.evaluate import sample
from precompute.lab.questions import LAB, questions

NAMES = ("reactivation", "necessity", "distance", "grid", "trait", "means")
CONTRAST = 40


def run_one(name: str, subject: Subject, n: int, prompts: Sequence[str]) -> Result:
    """One experiment by name; `n` held-out questions, or the preset's own set of prompts."""
    if name == "reactivation":
        return experiments_reactivation.run(subject, prompts)
    held_out = [subject.read(q) for q in sample(questions("held_out", "en"), 10**6)]
    contrast = [subject.read(q) for q in sample(questions("train", "en"), CONTRAST)]
    if name == "necessity":
        return necessity.run(subject, held_out[:n])
    if name == "distance":
        usable = [one for one in held_out if experiments_distance.usable(one)][:n]
        prompts = [one.question.prompt for one in contrast]
        asking = [experiments_traits.INSTRUCTION.replace("{prompt}", prompt) for prompt in prompts]
        vectors = experiments_distance.mean_difference(
            subject, prompts, asking, [s.layer for s in subject.saes]
        )
        return experiments_distance.run(subject, usable, vectors)
    if name == "grid":
        return paper_grid.run(subject)
    searching: Callable[[Subject, Sequence[Asked], Sequence[Asked]], Result] = (
        experiments_traits.run_search if name == "trait" else experiments_traits.run_means
    )
    return searching(subject, contrast, held_out[:n])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute experiments`."""
    parser.add_argument(
        "--preset",
        default="lab",
        choices=["lab"],
        help="only the lab model has questions (%(default)s)",
    )
    parser.add_argument(
        "--only", nargs="+", choices=NAMES, default=list(NAMES), help="default: all of them"
    )
    parser.add_argument(
        "--n", type=int, default=240, help="held-out questions of each experiment (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (%(default)s)")
    parser.add_argument(
        "--work", type=Path, help="where finished experiments are kept until all are there"
    )
    parser.add_argument("--out", type=Path, help="file to write; default: beside the build")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))


def run(args: argparse.Namespace) -> int:
    """Run what is missing, print, and publish when every experiment is there."""
    if args.n < 2:
        raise ValueError(f"--n is {args.n}; allowed: 2 and more.")
    torch.set_num_threads(args.threads)
    preset = find_preset(args.preset)
    store = Store.open(preset.build)
    lm = LanguageModel.load(model_source(preset, report=to_stderr))
    saes = [Sae.load(source.path, sae_id=source.sae_id) for source in preset.saes]
    subject = Subject.of(lm, saes, store, args.seed)
    identity = build_identity(store.provenance())
    settings = {"n": args.n, "seed": args.seed, "build": identity, "schema": SCHEMA_VERSION}
    key = settings | {INPUTS: _inputs(preset, store)}
    work = (args.work or cache_folder()) / hashlib.sha256(
        json.dumps(key, sort_keys=True).encode()
    ).hexdigest()[:12]
    work.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        path = work / f"{name}.json"
        if not path.exists():
            run_one(name, subject, args.n, preset.prompt_set()).save(path)
        report(name, Result.read(path))
    missing = [name for name in NAMES if not (work / f"{name}.json").exists()]
    if missing:
        print(f"not published: {', '.join(missing)} are still to be run")
        return 0
    results = [Result.read(work / f"{name}.json") for name in NAMES]
    out = args.out or companion_path(Path(preset.build), KIND)
    publish(out, results, identity, _provenance(settings, store))
    return 0


def _inputs(preset: Preset, store: Store) -> dict[str, str]:
    """Model, SAEs, questions and prompts by content; BadInput where the build was made from other
    weights.
    """
    found = prefixed("model", model_inputs(preset.model, preset.revision))
    for source in preset.saes:
        found |= prefixed(f"SAE {source.sae_id}", sae_inputs(source.path))
    require_of_build(found, store.provenance(), f"the preset {preset.name}", store.path)
    prompts = hashlib.sha256(json.dumps(preset.prompt_set()).encode()).hexdigest()
    return (
        found
        | {name: sha256(LAB / name) for name in ("questions.json", "facts.json")}
        | {"prompts": prompts}
    )


def _provenance(settings: dict[str, Any], store: Store) -> dict[str, Any]:
    return settings | {
        "model": store.provenance()["model"],
        "questions": "held-out phrasings of precompute/lab/questions.json about facts that were "
        "trained",
        "prompt_sets": {"reactivation": experiments_reactivation.SET},
        "intervals": INTERVALS,
        "code": code_version(),
    }


def report(name: str, result: Result) -> None:
    """What was found, and for the grid its table."""
    print(f"\n{name}")
    if name == "grid":
        print(grid_table(result))
    for sentence in result.finding:
        print(f"- {sentence}")


def grid_table(result: Result) -> str:
    """Success per cell, its controls and the most common answer, as Markdown."""
    lines = ["| arm | " + " | ".join(KINDS) + " |", "| --- |" + " --- |" * len(KINDS)]
    for arm in dict.fromkeys(row["arm"] for row in result.estimate if row["outcome"] == "success"):
        cells = []
        for kind in KINDS:
            row = result.value(arm, "success", None, kind)
            texts = [a["text"] for a in result.answer if (a["arm"], a["subject"]) == (arm, kind)]
            common = f" {max(set(texts), key=texts.count)}" if texts else ""
            low, high = 100 * row["low"], 100 * row["high"]
            cells.append(f"{100 * row['value']:.0f} % ({low:.0f}–{high:.0f}){common}")
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
