"""`functionscope precompute dictionaries`: would another SAE on the same layer say the same?

Several SAEs (dictionaries) of one layer, by the names that they are given: another seed, a random
decoder that was never trained, other widths and sparsities. The text is read once for all of them.
For each: quality; what the most frequent tokens of the build reach, beside as many content
occurrences; who carries a subject behind its name (task files with subjects); and what the best
feature does to answers (task files with traits). Coverage and carry once more without features that
fire nearly everywhere. Start the same command again after an interruption.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from backend.core.tasks import Tasks
from precompute.arguments import corpus_of
from precompute.dictionaries import quality, reached
from precompute.dictionaries.carried import carry
from precompute.dictionaries.counting import count
from precompute.dictionaries.given import Extent, check_layer, named
from precompute.dictionaries.said import findings
from precompute.dictionaries.steered import steer
from precompute.dictionaries.words import NAME, OUTCOMES, arms
from precompute.experiments.demonstrating.command import answers_kept, check_sizes
from precompute.experiments.demonstrating.run import Sizes
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened, source_of
from precompute.experiments.result import Result
from precompute.experiments.tasked import add_task_arguments, run_on_tasks
from precompute.inputs import (
    corpus_inputs,
    model_inputs,
    prefixed,
    require_of_build,
    sae_inputs,
    stated_inputs,
)
from precompute.job import BadInput, Job

SIZES = Sizes(rising=8, promoting=0, strengths=(0.3,), draws=4, new_tokens=8)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute dictionaries`."""
    told = "dictionaries by name, two or more, all of the layer"
    add_task_arguments(parser, sae="NAME=DIR|RELEASE:ID", told=told)
    add, counted = parser.add_argument, "(default: %(default)s)"
    add("--layer", type=int, required=True, help="decoder layer after which all of them read")
    add("--corpus", required=True, metavar="FILE[,FILE…]", help="text, one object a line")
    add("--weights", metavar="W[,W…]", help="share of the tokens from each; default: by file size")
    add("--tokens", type=int, default=200_000, help=f"of the text {counted}")
    add("--ctx-len", type=int, default=256, help=f"positions of a row {counted}")
    add("--batch-rows", type=int, default=4, help=f"full rows a batch {counted}")
    add("--shards", type=int, default=40, help=f"of the text: what is kept and resampled {counted}")
    add("--k", type=int, default=10, help=f"most frequent tokens of the build {counted}")
    add("--dense", type=float, default=0.1, help=f"dense: firing at more of the text {counted}")
    add("--subjects", type=int, metavar="N", help="of a file at most; default: all")
    add("--trait", nargs="+", metavar="T", help="of the task files; default: all of them")
    add("--candidates", type=int, default=SIZES.rising, help=f"features that are tried {counted}")
    add("--draws", type=int, default=SIZES.draws, help=f"random features beside one {counted}")
    add("--new-tokens", type=int, default=SIZES.new_tokens, help=f"of an answer {counted}")
    add("--questions", type=int, metavar="N", help="of each split at most, evenly")
    strengths = list(SIZES.strengths)
    add("--strengths", nargs="+", type=float, default=strengths, help=f"of what is added {counted}")


@dataclass(frozen=True)
class Plan:
    """What is measured on what. `job`: the text; its folder is chosen when it is read."""

    layer: int
    extent: Extent
    job: Job
    dtype: str
    inputs: dict[str, str]

    def of(self, *parts: str) -> dict[str, str]:
        """Digests of the inputs whose names begin so."""
        return {name: d for name, d in self.inputs.items() if name.startswith(parts)}


def run(args: argparse.Namespace) -> int:
    """Measure what is missing, print and publish."""
    extent = extent_of(args)
    saes = named(args.sae or [], args.dtype or "float32")
    check_layer(saes, args.layer)
    source = source_of(args, saes)
    corpus, weights = corpus_of(args.corpus, args.weights)
    inputs = prefixed("model", model_inputs(source.model, source.revision))
    for folder, name in saes:
        inputs |= prefixed(f"SAE {name}", sae_inputs(folder))
    inputs |= corpus_inputs(corpus)
    job = Job(
        model=source.model,
        saes=tuple(folder for folder, _ in saes),
        corpus=corpus,
        weights=weights,
        out=Path(),
        work=Path(),
        revision=source.revision,
        n_tokens=args.tokens,
        ctx_len=args.ctx_len,
        batch_rows=args.batch_rows,
        n_shards=args.shards,
        seed=args.seed,
        device=args.device,
        dtype=source.dtype,
    )
    job.check()
    plan = Plan(args.layer, extent, job, source.dtype, inputs)
    settings = {"layer": args.layer, "extent": extent.as_json(), "inputs": inputs}
    settings |= {"text": text_settings(job), "dtype": source.dtype}
    also = f"{args.tokens:,} tokens of {', '.join(Path(str(one)).name for one in corpus)}"
    return run_on_tasks(args, NAME, partial(measure, plan), settings, named=saes, also=also)


def extent_of(args: argparse.Namespace) -> Extent:
    """BadInput for a size that cannot be."""
    check_sizes(args)
    if args.subjects is not None and args.subjects < 2:
        raise BadInput(f"--subjects is {args.subjects}; allowed: 2 and more.")
    if not 0 < args.dense <= 1:
        raise BadInput(f"--dense is {args.dense:g}; allowed: above 0, at most 1.")
    strengths = tuple(sorted(set(args.strengths)))
    sizes = Sizes(args.candidates, 0, strengths, args.draws, args.new_tokens, args.questions)
    traits = None if args.trait is None else tuple(args.trait)
    return Extent(args.k, args.dense, args.subjects, traits, sizes)


def text_settings(job: Job) -> dict[str, Any]:
    """What determines the firings, beside the files themselves."""
    left_out = ("model", "saes", "corpus", "device")
    return {name: value for name, value in job.settings().items() if name not in left_out}


def measure(
    plan: Plan, opened: Opened, tasks: Sequence[Tasks], settings: dict[str, Any], kept: Kept
) -> Result:
    """Coverage and quality, carry, steering: each kept by what determines it, so that a further
    task or trait costs itself alone.
    """
    _ = settings  # they are the folder of `kept`
    about, asked = _split(tasks, plan.extent.traits)
    provenance, subject = opened.store.provenance(), opened.subject
    model = plan.of("model/")
    require_of_build(stated_inputs(provenance) | model, provenance, "this model", opened.build)
    extent = plan.extent
    arm = arms(extent.k, extent.dense)
    result = Result(NAME, subject.seed, arm=arm, outcome=dict(OUTCOMES))
    dense = _counted(result, plan, opened, kept)
    if about:
        of_dense = {"dense": dense, "subjects": extent.subjects, "dtype": plan.dtype}
        part = {"part": "carry", "inputs": plan.of("model/", "SAE ")} | of_dense
        texts = {one.name: one.sha256 for one in about}
        carry(result, subject, about, dense, extent.subjects, kept.beside(part | {"tasks": texts}))
    for one in asked:
        names = [name for name in one.traits if name in (extent.traits or one.traits)]
        answered = answers_kept(kept, model, plan.dtype, extent.steering, one)
        steer(result, opened, one, names, extent.steering, answered)
    result.finding += findings(result, [sae.sae_id for sae in subject.saes])
    return result


def _split(tasks: Sequence[Tasks], traits: Sequence[str] | None) -> tuple[list[Tasks], list[Tasks]]:
    """(files with subjects, files with traits); BadInput for one with neither, or for a trait that
    none has.
    """
    known = [name for one in tasks for name in one.traits]
    for name in (name for name in traits or () if name not in known):
        raise BadInput(f"--trait is {name!r}; allowed: {', '.join(known) or 'none, no file has'}.")
    for one in tasks:
        if not one.about_subjects() and not one.traits:
            raise BadInput(f"{one.file} has neither subjects nor traits: nothing to measure.")
    return [one for one in tasks if one.about_subjects()], [one for one in tasks if one.traits]


def _counted(result: Result, plan: Plan, opened: Opened, kept: Kept) -> dict[str, list[int]]:
    """Coverage and quality of all; gives their dense features."""
    subject, extent = opened.subject, plan.extent
    inputs = {"inputs": plan.of("model/", "SAE ", "corpus ")}
    text = {"part": "text", **inputs, **text_settings(plan.job)}
    folder = kept.beside(text | {"saes": [sae.sae_id for sae in subject.saes]})
    counted = count(subject, opened.store, replace(plan.job, work=folder.folder), extent.k)
    at = reached.settings_of(opened.store.provenance().get("coverage_opening"))
    figures = folder.part("quality", partial(quality.qualities, subject, counted))
    asked, dense = f"{opened.identity}/{extent.k}/{extent.dense}/{at}", {}
    for ordinal, sae in enumerate(tqdm(subject.saes, unit="dictionary", desc=f"{NAME}: coverage")):
        make = partial(reached.reached, counted, ordinal, sae.d_sae, at, extent.dense)
        found = folder.part(f"reached/{sae.sae_id}/{asked}", make)
        quality.record(result, sae, figures, found["firings"], counted.tokens.n_positions)
        reached.record(result, sae.sae_id, sae.layer, found, sae.d_sae)
        dense[sae.sae_id] = found["dense"]
    return dense
