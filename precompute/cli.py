"""`functionscope precompute …`: the jobs by name.

Exit codes: 0 done, 2 bad input or a missing prerequisite (one sentence on stderr), 130 interrupted
(start the same command again: it goes on where it stopped).
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backend.core.hub import ModelUnavailable
from backend.core.own import find_preset
from backend.core.ray_cluster import NoCluster
from backend.core.store import StoreError
from precompute.arguments import add_engine_arguments, add_job_arguments, corpus_of, not_given
from precompute.building.hub_text import opened
from precompute.fetching.given import sae_folders
from precompute.job import BadInput, HubText, Job, model_source_of, preset_source

if TYPE_CHECKING:
    from backend.core.lm import LanguageModel
    from backend.core.presets import SaeSource
    from backend.core.sae import Sae

STAGES = {
    "tokens": "count the tokens of the corpus and cut it into rows",
    "edges": "run rows through model and SAEs; count which token fires which feature",
    "coverage": "merge the edges; coverage by rank, in every order",
    "examples": "sample texts from the model in which each feature fires",
    "all": "all of these, then publish the build",
}
WITH_ENGINE = ("edges", "all")
# name -> module with add_arguments(parser) and run(args); listed where the module exists
TRAINING = {
    "train-lm": "precompute.training.lm",
    "train-sae": "precompute.training.sae",
    "eval-lab": "precompute.lab.evaluate",
    "consolidation": "precompute.consolidation.command",
    "experiments": "precompute.experiments.job",
    "answers": "precompute.experiments.answers",
    "carry": "precompute.experiments.carry",
    "reactivation": "precompute.experiments.again.reactivation",
    "necessity": "precompute.experiments.again.necessity",
    "demonstrations": "precompute.experiments.demonstrating.command",
    "travel": "precompute.experiments.patching.travel",
    "needed": "precompute.experiments.patching.needed",
    "words": "precompute.experiments.patching.words",
    "statistics": "precompute.statistics.job",
    "null-models": "precompute.statistics.null_models",
    "dictionaries": "precompute.dictionaries.command",
    "feature-details": "precompute.features.job",
}


@dataclass(frozen=True)
class RaySettings:
    """Which cluster, and how many workers on it; None: one started here, as many as have room."""

    address: str | None = None
    workers: int | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the stages as subcommands."""
    commands = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name, summary in STAGES.items():
        stage = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        add_job_arguments(stage)
        if name in WITH_ENGINE:
            add_engine_arguments(stage)
    for name, module in TRAINING.items():
        if importlib.util.find_spec(module) is not None:
            # the module may be slow to import: its arguments are read by run_training
            # (no prefix_chars: argparse would refuse options that this parser does not know)
            training = commands.add_parser(
                name, add_help=False, prefix_chars="\0", help=f"see `{name} --help`"
            )
            training.add_argument("rest", nargs=argparse.REMAINDER)


def engine_of(args: argparse.Namespace) -> RaySettings | None:
    """None: the local engine. BadInput for an option that the engine does not have."""
    if args.stage not in WITH_ENGINE:
        return None
    if args.engine == "ray":
        if args.workers is not None and args.workers < 1:
            raise BadInput(f"--workers is {args.workers}; it must be 1 or more.")
        return RaySettings(args.ray_address, args.workers)
    given = {
        "--ray-address": args.ray_address,
        "--workers": args.workers,
        "--partials": args.partials,
    }
    for name in (name for name, value in given.items() if value is not None):
        raise BadInput(f"{name} is for --engine ray.")
    return None


def job_of(args: argparse.Namespace) -> Job:
    """Settings from the command line; BadInput for what is missing or contradictory."""
    model, saes, out, dtype, revision = args.model, args.sae, args.out, args.dtype, args.revision
    sources: list[SaeSource] = []
    if args.preset:
        try:
            preset = find_preset(args.preset, args.presets)
        except ValueError as error:
            raise BadInput(str(error)) from error
        out = out or preset.build
        revision, dtype = revision or preset.revision, dtype or preset.dtype
        sources = [sae for sae in preset.saes if sae.use != "steer"] if not saes else []
        args.corpus = args.corpus or preset.corpus_source
    if not ((model or args.preset) and (saes or sources) and out):
        raise BadInput(not_given(args.preset, "--out"))
    corpus, weights = corpus_of(args.corpus, args.weights)
    return Job(
        model=model_source_of(model) if model else preset_source(preset),
        saes=sae_folders(saes, sources, dtype or "float32"),
        corpus=corpus,
        out=out,
        work=args.work,
        weights=weights,
        revision=revision,
        n_tokens=args.tokens,
        ctx_len=args.ctx_len,
        batch_rows=args.batch_rows,
        n_shards=args.shards,
        function_share=args.function_share,
        n_sequences=args.sequences,
        edges_from=args.edges_from,
        seed=args.seed,
        device=args.device,
        dtype=dtype or "float32",
        partials=getattr(args, "partials", None),
    )


def run_job(stage: str, job: Job, ray: RaySettings | None = None) -> None:
    """Run one stage, or all; publish when nothing is lacking.

    `ray`: who extracts the edges instead of this process.
    """
    # torch and the model only after the arguments are known to be right
    from precompute.building.examples import make_examples
    from precompute.building.features import make_directions
    from precompute.building.partials import claim_job
    from precompute.building.publish import is_ready, make_coverage, publish_build
    from precompute.building.tokens import make_tokens
    from precompute.models import load_models

    job.check()
    if stage in ("tokens", "all") and not (job.work / "counts.npz").exists():
        for stream in (one for one in job.corpus if isinstance(one, HubText)):
            opened(stream)  # what is wrong with it is said before minutes of loading
    # the GPUs are the workers' until the edges are there
    lm, saes = load_models(replace(job, device="cpu") if ray else job)
    claim_job(job)
    if stage in ("tokens", "all"):
        make_tokens(lm, job)
    if stage in ("edges", "all"):
        _run_edges(lm, saes, job, ray)
    if stage in ("coverage", "all"):
        make_coverage(lm, saes, job)
    if stage in ("examples", "all"):
        if not job.device.startswith(lm.device.type):
            lm, saes = load_models(job)
        make_directions(lm, saes, job)
        make_examples(lm, saes, job)
    if stage in ("coverage", "examples", "all") and is_ready(job, len(saes)):
        publish_build(lm, saes, job)
        print(f"published {job.out} ({job.out.stat().st_size / 1e6:.1f} MB)")


def _run_edges(lm: LanguageModel, saes: list[Sae], job: Job, ray: RaySettings | None) -> None:
    from precompute.building.edges import make_edges
    from precompute.engines.local import LocalEngine

    if ray is None:
        make_edges(LocalEngine(lm, saes), job)
        return
    from precompute.engines.ray import RayEngine

    there = job.absolute()
    with RayEngine(there, address=ray.address, workers=ray.workers) as engine:
        make_edges(engine, there)


def run(args: argparse.Namespace) -> int:
    """Run what was parsed; returns the exit code."""
    if args.stage in TRAINING:
        return run_training(args.stage, args.rest)
    try:
        run_job(args.stage, job_of(args), engine_of(args))
    except KeyboardInterrupt:
        print("\ninterrupted; start the same command again to go on from here", file=sys.stderr)
        return 130
    except (BadInput, ModelUnavailable, NoCluster, StoreError, OSError) as error:
        print(f"functionscope precompute {args.stage}: {error}", file=sys.stderr)
        return 2
    return 0


def run_training(name: str, rest: list[str]) -> int:
    """Hand the remaining arguments to a training command's own parser."""
    module = importlib.import_module(TRAINING[name])
    parser = argparse.ArgumentParser(
        prog=f"functionscope precompute {name}", description=module.__doc__
    )
    module.add_arguments(parser)
    command: Callable[[argparse.Namespace], int] = module.run
    try:
        return command(parser.parse_args(rest))
    except KeyboardInterrupt:
        print("\ninterrupted; start the same command again to go on from here", file=sys.stderr)
        return 130
    except (BadInput, StoreError, ModelUnavailable, ValueError, OSError) as error:
        print(f"functionscope precompute {name}: {error}", file=sys.stderr)
        return 2


def main(argv: list[str] | None = None) -> int:
    """`python -m precompute.cli`."""
    parser = argparse.ArgumentParser(prog="functionscope precompute", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
