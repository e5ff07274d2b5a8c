"""`functionscope precompute needed`: is the answer needed at function tokens, and is it enough
there?

By layer, positions of the prompts of a task file are averaged out: in a position's place stands
the mean over all subjects' prompts, which keeps what the template says and loses which subject it
was. Function and content tokens behind the subject's name, each sign, the last position, as many
of one kind as of the other; or all but some of them. And tokens are deleted from the prompt, or
inserted. Counted are the prompts that were answered right before, by a forced choice among the
answers of all subjects. With few-shot files the same is asked without examples too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from backend.core.tasks import Tasks
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened
from precompute.experiments.patching.marked import MarkedSet, marked_sets, plainly
from precompute.experiments.patching.needed_arms import ARMS, BUT_LAST
from precompute.experiments.patching.needed_read import Context, read_group
from precompute.experiments.patching.recorded import (
    CHOICE,
    record_largest,
    record_layers,
    record_least,
)
from precompute.experiments.patching.said import OUTCOMES
from precompute.experiments.result import Result, shown
from precompute.experiments.tasked import add_task_arguments, run_on_tasks
from precompute.job import BadInput

NAME = "needed"
PLAIN = ", plain"
DIFFERENCES = {
    "ablate function - content, matched": ("ablate function, matched", "ablate content, matched"),
    "ablate function - random, matched": ("ablate function, matched", "ablate random, matched"),
    "delete function - content": ("delete function", "delete content"),
    "insert function - content": ("insert function", "insert content"),
}
ALL_OUTCOMES = OUTCOMES | {
    "loss_change": ("nats", "loss in this arm minus loss of the prompt as it is"),
    "loss_change_largest": ("nats", f"the same in the layer where it is largest{CHOICE}"),
    "chosen_largest": ("share", f"chosen, in the layer where it is largest{CHOICE}"),
    "chosen_least": ("share", f"chosen, in the layer where it is smallest{CHOICE}"),
}
LOSS, RIGHT, CHOSEN = range(3)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute needed`."""
    add_task_arguments(parser)
    parser.add_argument(
        "--subjects", type=int, metavar="N", help="only the first N subjects of a file: for a trial"
    )


def run(args: argparse.Namespace) -> int:
    """Run every arm, print and publish."""
    return run_on_tasks(args, NAME, measure, {"subjects": args.subjects})


def measure(opened: Opened, tasks: Sequence[Tasks], settings: dict[str, Any], kept: Kept) -> Result:
    """Every set of every file, as its wrapper puts it and plainly."""
    subject = opened.subject
    result = Result(NAME, subject.seed, arm=dict(ARMS), outcome=dict(ALL_OUTCOMES))
    for one in tasks:
        asked = list(marked_sets(subject, one, settings["subjects"]))
        if one.prompt.kind == "few-shot":
            asked += marked_sets(subject, plainly(one), settings["subjects"], PLAIN)
        for marked in asked:
            context = Context.of(subject.lm, marked, subject.seed)
            rows = []
            for group in tqdm(marked.groups, desc=f"{NAME}: {marked.name}"):
                part = f"{marked.name}/{group.words}"
                rows += kept.part(part, partial(read_group, context, group, marked.name))
            record(result, marked.name, rows)
            result.finding += findings(result, marked)
    return result


def record(result: Result, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Estimates of a set from what `read_prompt` gave of every prompt; those not chosen before are
    left out."""
    n_all = len(rows)
    chosen = sum(int(row["none"][CHOSEN]) for row in rows)
    result.share("none", "chosen", chosen, n_all, sae_id=None, layer=None, subject=name)
    rows = [row for row in rows if row["none"][CHOSEN]]
    if not rows:
        raise BadInput(f"{name}: no prompt is answered right, so no answer can be lost.")
    base = np.array([row["none"] for row in rows])
    right = int(base[:, RIGHT].sum())
    result.share("none", "right", right, len(rows), sae_id=None, layer=None, subject=name)
    result.mean("none", "loss", base[:, LOSS].tolist(), sae_id=None, layer=None, subject=name)
    for arm in ARMS:
        if arm in DIFFERENCES:
            _difference(result, name, arm, rows)
            continue
        used = [row for row in rows if arm in row["layers"]]
        if used:
            found = np.array([row["layers"][arm] for row in used]).transpose(2, 1, 0)
            _by_layer(result, name, arm, found, np.array([row["none"][LOSS] for row in used]))
        used = [row for row in rows if arm in row["rewritten"]]
        if used:
            _rewritten(result, name, arm, used)


def _by_layer(result: Result, name: str, arm: str, found: np.ndarray, base: np.ndarray) -> None:
    """`found` [outcome, layer, prompt]; `base` [prompt], losses without edits."""
    change = found[LOSS] - base
    record_layers(result, arm, "loss_change", name, change)
    record_largest(result, arm, "loss_change_largest", name, change)
    for outcome, place in (("right", RIGHT), ("chosen", CHOSEN)):
        for layer, values in enumerate(found[place]):
            good, n = int(values.sum()), len(values)
            result.share(arm, outcome, good, n, sae_id=None, layer=layer, subject=name)
    record_largest(result, arm, "chosen_largest", name, found[CHOSEN])
    record_least(result, arm, "chosen_least", name, found[CHOSEN])


def _rewritten(result: Result, name: str, arm: str, rows: Sequence[dict[str, Any]]) -> None:
    found = np.array([row["rewritten"][arm] for row in rows])
    change = found[:, LOSS] - np.array([row["none"][LOSS] for row in rows])
    result.mean(arm, "loss_change", change.tolist(), sae_id=None, layer=None, subject=name)
    for outcome, place in (("right", RIGHT), ("chosen", CHOSEN)):
        good = int(found[:, place].sum())
        result.share(arm, outcome, good, len(rows), sae_id=None, layer=None, subject=name)


def _difference(result: Result, name: str, arm: str, rows: Sequence[dict[str, Any]]) -> None:
    """Of the losses of two arms, prompt by prompt, over the prompts that have both."""
    first, second = DIFFERENCES[arm]
    where = "layers" if first.startswith("ablate") else "rewritten"
    pairs = [
        (row[where][first], row[where][second])
        for row in rows
        if {first, second} <= set(row[where])
    ]
    if not pairs:
        return
    found = np.array(pairs)  # [prompt, arm, (layer,) outcome]
    change = found[:, 0, ..., LOSS] - found[:, 1, ..., LOSS]
    if where == "rewritten":
        result.mean(arm, "loss_change", change.tolist(), sae_id=None, layer=None, subject=name)
        return
    record_layers(result, arm, "loss_change", name, change.T)
    record_largest(result, arm, "loss_change_largest", name, change.T)


def findings(result: Result, asked: MarkedSet) -> list[str]:
    """What a set showed: the arms at the layer where each does most."""
    said = []
    for arm in (
        "ablate function, not the last position",
        "ablate last",
        "ablate function - content, matched",
    ):
        row = result.found(arm, "loss_change_largest", asked.name)
        if row is not None:
            said.append(
                f"{asked.name}, {arm}: the loss of the answer rises most after layer "
                f"{row['layer']}, by {shown(row)} nats (n = {row['n']} prompts)."
            )
    for arm in (f"keep only function{BUT_LAST}", f"keep only content{BUT_LAST}"):
        row = result.found(arm, "chosen_largest", asked.name)
        if row is not None:
            said.append(
                f"{asked.name}, {arm}: the answer is still chosen most often after layer "
                f"{row['layer']}, in {shown(row, percent=True)} (n = {row['n']} prompts)."
            )
    return said
