"""`functionscope precompute demonstrations`: edits at one position that give answers a trait.

For each trait of a task file and each SAE: the features whose activation at the prompt's last
position rises most where the trait is asked for in words, and those that promote the words of such
answers, are tried alone at a few strengths on the questions of the split `fit`. The best one, and
the difference of means as a direction, are judged on the questions of `test`, beside random
features of the same length, the same edit at a content word, and asking in words. `--together A+B`
judges two at once. `--as-toml` runs nothing and prints what was found as entries of a preset.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

from tqdm import tqdm

from backend.core.tasks import Tasks
from precompute.experiments.demonstrating.as_toml import print_entries
from precompute.experiments.demonstrating.choice import RULE, STRENGTHS
from precompute.experiments.demonstrating.run import Run, Sizes, measured
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened, source_of
from precompute.experiments.result import Result
from precompute.experiments.tasked import add_task_arguments, read_all, run_on_tasks
from precompute.inputs import model_inputs, prefixed, require_of_build, sae_inputs, stated_inputs
from precompute.job import BadInput

NAME = "demonstrations"
Pair = tuple[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute demonstrations`."""
    add_task_arguments(parser)
    add, size = parser.add_argument, Sizes()
    add("--trait", nargs="+", metavar="T", help="of the task file; default: all of them")
    add("--together", nargs="+", default=[], metavar="A+B", help="pairs of traits, both at once")
    counted = "(default: %(default)s)"
    add("--candidates", type=int, default=size.rising, help=f"features that rise most {counted}")
    add("--promoting", type=int, default=size.promoting, help=f"that promote most {counted}")
    add("--draws", type=int, default=size.draws, help=f"random features beside an edit {counted}")
    add("--new-tokens", type=int, default=size.new_tokens, help=f"of an answer, at most {counted}")
    add("--questions", type=int, metavar="N", help="of each split at most, evenly: for a trial")
    add(
        "--strengths",
        nargs="+",
        type=float,
        default=list(STRENGTHS),
        help=f"added length as a share of the residual's {counted}",
    )
    add("--as-toml", action="store_true", help="print what was found as a preset's entries")


def run(args: argparse.Namespace) -> int:
    """Search, judge, print and publish; or print what was published."""
    (tasks,) = _one(read_all(args.tasks))
    if args.as_toml:
        return print_entries(args, tasks)
    sizes = _sizes(args)
    source = source_of(args)
    inputs = prefixed("model", model_inputs(source.model, source.revision))
    for path, sae_id in source.saes:
        inputs |= prefixed(f"SAE {sae_id or path.name}", sae_inputs(path))
    settings: dict[str, Any] = {
        "traits": traits_of(tasks, args.trait),
        "together": ["+".join(pair) for pair in pairs_of(tasks, args.together)],
        "sizes": sizes.as_json(),
        "rule": RULE,
        "inputs": inputs,
        "dtype": source.dtype,
    }
    return run_on_tasks(args, NAME, partial(measure, sizes), settings)


def measure(
    sizes: Sizes, opened: Opened, tasks: Sequence[Tasks], settings: dict[str, Any], kept: Kept
) -> Result:
    """Every trait in every SAE, then the pairs."""
    (one,) = tasks
    provenance = opened.store.provenance()
    model = {k: v for k, v in settings["inputs"].items() if k.startswith("model/")}
    require_of_build(stated_inputs(provenance) | model, provenance, "this model", opened.build)
    answered = answers_kept(kept, model, settings["dtype"], sizes, one)
    pairs = [(a, b) for a, b in (text.split("+") for text in settings["together"])]
    names = list(dict.fromkeys([*settings["traits"], *(name for pair in pairs for name in pair)]))
    with tqdm(total=0, unit="answer", desc=NAME) as bar:
        running = Run.of(opened, one, sizes, answered, bar)
        return measured(running, names, pairs)


def answers_kept(kept: Kept, model: dict[str, str], dtype: str, sizes: Sizes, tasks: Tasks) -> Kept:
    """Where answers lie: whatever determines one but prompt and edits, so that other traits, SAEs
    and sizes share them.
    """
    shared = {"model": model, "dtype": dtype, "new_tokens": sizes.new_tokens}
    return kept.beside(shared | {"experiment": NAME, "stop": tasks.prompt.stop})


def traits_of(tasks: Tasks, asked: Sequence[str] | None) -> list[str]:
    """Names of traits; BadInput for one that the file does not have."""
    if not tasks.traits:
        raise BadInput(f"{tasks.file} has no traits; needed: one or more.")
    names = list(tasks.traits) if asked is None else list(asked)
    for name in (name for name in names if name not in tasks.traits):
        raise BadInput(f"--trait is {name!r}; {tasks.file} has: {', '.join(tasks.traits)}.")
    return names


def pairs_of(tasks: Tasks, asked: Sequence[str]) -> list[Pair]:
    """Pairs of traits; BadInput for what is no A+B of the file's traits."""
    pairs: list[Pair] = []
    for text in asked:
        names = text.split("+")
        if len(set(names)) != 2 or len(names) != 2 or not set(names) <= set(tasks.traits):
            raise BadInput(
                f"--together is {text!r}; allowed: two of {', '.join(tasks.traits)}, as A+B."
            )
        pairs.append((names[0], names[1]))
    return pairs


def _one(tasks: Sequence[Tasks]) -> Sequence[Tasks]:
    if len(tasks) != 1:
        raise BadInput(f"--tasks names {len(tasks)} files; allowed: one.")
    return tasks


def check_sizes(args: argparse.Namespace) -> None:
    """BadInput for a size that cannot be."""
    least = {
        "--candidates": (args.candidates, 1),
        "--draws": (args.draws, 1),
        "--new-tokens": (args.new_tokens, 1),
        "--questions": (args.questions, 3),
    }
    for name, (value, low) in least.items():
        if value is not None and value < low:
            raise BadInput(f"{name} is {value}; allowed: {low} and more.")
    for value in (value for value in args.strengths if not 0 < value <= 10):
        raise BadInput(f"--strengths has {value:g}; allowed: above 0, at most 10.")


def _sizes(args: argparse.Namespace) -> Sizes:
    check_sizes(args)
    if args.promoting < 0:
        raise BadInput(f"--promoting is {args.promoting}; allowed: 0 and more.")
    strengths = tuple(sorted(set(args.strengths)))
    sizes = Sizes(args.candidates, args.promoting, strengths, args.draws, args.new_tokens)
    return sizes.with_questions(args.questions)
