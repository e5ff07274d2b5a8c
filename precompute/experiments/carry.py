"""`functionscope precompute carry`: who carries the subject, position by position behind its name.

For every kind of subject (the task files), phrasing, tail and SAE: the share of subjects with a
feature that fired at the subject's name, fires again at this position, and in at most 10 % of the
other subjects' prompts at the same position; beside it the same for another subject's name.
Few-shot examples are no context: only the name counts. Function and content positions are compared
at equal distances from the name, by frequency and by spelling, with bootstrap intervals over
subjects.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from backend.core.sae import Sae
from backend.core.tasks import Tasks
from precompute.experiments.carry_kinds import compare, comparison_arms
from precompute.experiments.carry_read import Read, groups, read_group
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened
from precompute.experiments.result import Result, shown
from precompute.experiments.tasked import add_task_arguments, run_on_tasks
from precompute.job import BadInput

NAME = "carry"
ARMS = {
    "own": "A feature that fired at the subject's own name.",
    "another's": "A feature that fired at another subject's name and not at this prompt's; mean "
    "over the others.",
    "exchanged": "Another subject's name in the own one's place, features of both included; mean "
    "over the others.",
    "at the end": "The prompt's last position, where the answer begins; mean over phrasings and "
    "tails.",
}
OUTCOMES = {
    "carried": (
        "share",
        "subjects with such a feature that fires again here, and here in at most 10 % of the "
        "other subjects' prompts",
    ),
    "own": ("share", "carried, by a feature of the subject's own name"),
    "another": (
        "share",
        "the same by a feature of another subject's name that the own name lacks, mean over the "
        "others",
    ),
    "exchanged": (
        "share",
        "the same with another subject's name in the own one's place, mean over the others",
    ),
    "net": ("share", "own less exchanged"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute carry`."""
    add_task_arguments(parser)
    parser.add_argument(
        "--subjects", type=int, metavar="N", help="only the first N subjects of a file: for a trial"
    )


def run(args: argparse.Namespace) -> int:
    """Read every prompt, print and publish."""
    if args.subjects is not None and args.subjects < 2:
        raise BadInput(f"--subjects is {args.subjects}; allowed: 2 and more.")
    return run_on_tasks(args, NAME, measure, {"subjects": args.subjects})


def measure(opened: Opened, tasks: Sequence[Tasks], settings: dict[str, Any], kept: Kept) -> Result:
    """Every place of every file in every SAE, then the kinds of places against each other."""
    result = Result(NAME, opened.subject.seed, arm=ARMS | comparison_arms(), outcome=dict(OUTCOMES))
    listed = [group for one in tasks for group in groups(one, settings["subjects"])]
    with tqdm(
        total=sum(len(group.questions) for group in listed), unit="prompt", desc=NAME
    ) as progress:
        read = []
        for group in listed:
            read.append(read_group(opened.subject, group, kept))
            progress.update(len(group.questions))
    for name in dict.fromkeys(group.name for group in listed):
        of_name = [one for one in read if one.group.name == name]
        result.place += [row for one in of_name for row in one.place_rows()]
        for sae in opened.subject.saes:
            _record(result, sae, of_name)
            compare(result, sae, name, of_name)
        result.finding += _findings(result, opened.subject.saes, of_name)
    return result


def _record(result: Result, sae: Sae, read: Sequence[Read]) -> None:
    """Every place, and the last one of all groups together."""
    where: dict[str, Any] = {"sae_id": sae.sae_id, "layer": sae.layer}
    ends: list[dict[str, np.ndarray]] = []
    for one in read:
        shares = one.shares(sae.sae_id)
        ends.append({outcome: values[-1] for outcome, values in shares.items()})
        for place, row in enumerate(one.place_rows()):
            own = shares["own"][place]
            result.share(
                "own", "carried", round(float(own.sum())), len(own), subject=row["subject"], **where
            )
            for arm, outcome in (("another's", "another"), ("exchanged", "exchanged")):
                result.mean(
                    arm, "carried", shares[outcome][place].tolist(), subject=row["subject"], **where
                )
    for outcome in ends[0]:
        values = np.mean([end[outcome] for end in ends], axis=0)
        result.mean("at the end", outcome, values.tolist(), subject=read[0].group.name, **where)


def _findings(result: Result, saes: Sequence[Sae], read: Sequence[Read]) -> list[str]:
    """Per SAE, at the prompts' end and at function against content positions."""
    name, said = read[0].group.name, []
    for sae in saes:
        own, another, exchanged = (
            shown(result.value("at the end", outcome, sae.sae_id, name), percent=True)
            for outcome in ("own", "another", "exchanged")
        )
        n = result.value("at the end", "own", sae.sae_id, name)["n"]
        text = (
            f"{name}, {sae.sae_id}: at the prompt's end {own} are carried by a feature of their "
            f"own name, {another} by one of another's, {exchanged} with the names exchanged (n = "
            f"{n} {read[0].group.tasks.noun})"
        )
        rows = [
            row
            for row in result.estimate
            if (row["arm"], row["sae_id"], row["subject"], row["outcome"])
            == ("function - content", sae.sae_id, name, "net")
        ]
        if rows:
            text += "; function less content positions at equal distances "
            text += shown(rows[0], percent=True)
        said.append(f"{text}.")
    return said
