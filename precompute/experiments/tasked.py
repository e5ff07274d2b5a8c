"""What the experiments on task files share: their arguments, and the way from a command to the
result file.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backend.core.tasks import TaskError, Tasks, read_tasks
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened, add_source_arguments, open_subject
from precompute.experiments.publish import publish, stated, task_rows
from precompute.experiments.result import Result
from precompute.job import BadInput

# (what is run on, task files, settings, where parts are kept) -> what was found
Experiment = Callable[[Opened, Sequence[Tasks], dict[str, Any], Kept], Result]


def add_task_arguments(parser: argparse.ArgumentParser, **saes: str) -> None:
    """Arguments of every experiment on task files. `saes`: how --sae is explained."""
    add_source_arguments(parser, **saes)
    described = "task files, in the format of precompute/gemma/tasks/README.md"
    parser.add_argument(
        "--tasks", nargs="+", type=Path, required=True, metavar="FILE", help=described
    )


def read_all(paths: Sequence[Path]) -> list[Tasks]:
    """BadInput for a file that cannot be used, or two of one name."""
    try:
        found = [read_tasks(path) for path in paths]
    except TaskError as error:
        raise BadInput(str(error)) from error
    names = [one.name for one in found]
    for name in (name for name in names if names.count(name) > 1):
        raise BadInput(f"two task files are called {name}: their results could not be told apart.")
    return found


def run_on_tasks(
    args: argparse.Namespace,
    name: str,
    experiment: Experiment,
    settings: dict[str, Any],
    *,
    named: Sequence[tuple[Path, str | None]] | None = None,
    also: str = "",
) -> int:
    """Run, print the findings, and put the result beside the build. `settings`: what else
    determines it; `named`: SAEs in place of --sae; `also`: on what else it was made, in words.
    """
    tasks = read_all(args.tasks)
    opened = open_subject(args, named)
    hashes = {one.name: one.sha256 for one in tasks}
    settings = settings | {"seed": args.seed, "tasks": hashes}
    saes = [sae.sae_id for sae in opened.subject.saes]
    kept = Kept(args.work, settings | {"experiment": name, "build": opened.identity, "saes": saes})
    result = experiment(opened, tasks, settings, kept)
    result.task = task_rows(tasks)
    for sentence in result.finding:
        print(f"- {sentence}")
    titles = [f"{one.title} ({one.name}, {one.prompt.kind})" for one in tasks]
    words = "; ".join([*([also] if also else []), *titles])
    out = args.out or opened.companion
    publish(
        out, [result], opened.identity, stated(name, words, settings) | {"model": _model(opened)}
    )
    return 0


def _model(opened: Opened) -> Any:
    return opened.store.provenance()["model"]
