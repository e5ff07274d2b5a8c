"""`functionscope precompute travel`: where does the answer travel?

Pairs of subjects, asked the same question: A's states are put into B's run after every layer at
every position from the name on, alone and in sets. *Restored* is how far the log-odds of A's
answer against B's move from B's towards A's: 0 = B's run, 1 = A's. The states of a third subject
are the control, and B's own (sham) must change nothing. Function and content positions are
compared at equal distances from the name.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from backend.core.lm import LanguageModel
from backend.core.patching import Trunk, unembed
from backend.core.tasks import Tasks
from precompute.experiments.carry_kinds import BUT_LAST, comparison_arms
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened
from precompute.experiments.patching.marked import MarkedSet, marked_sets
from precompute.experiments.patching.recorded import (
    CHOICE,
    compared,
    place_rows,
    record_largest,
    record_layers,
)
from precompute.experiments.patching.said import said
from precompute.experiments.patching.travel_pairs import (
    SETS,
    Pair,
    choose_pairs,
    patch_pair,
)
from precompute.experiments.result import Result, shown
from precompute.experiments.tasked import add_task_arguments, run_on_tasks
from precompute.job import BadInput

NAME = "travel"
PAIRS_WANTED = 40
ARMS = {
    "state": "A's state at this place, alone.",
    "unrelated": "A third subject's state at this place, whose prompt differs in the name too.",
    "sham": "B's own states at all places at once.",
    "pairs": "Pairs of subjects, each in every question.",
    **{f"set {name}": f"A's states at {words}, together." for name, words in SETS.items()},
}
OUTCOMES = {
    "restored": (
        "share",
        "shift of the log-odds of A's answer against B's, divided by the mean distance of A's "
        "run from B's",
    ),
    "flipped": ("share", "pairs in which A's answer is the most probable next token"),
    "restored_largest": ("share", f"restored, in the layer where it is largest{CHOICE}"),
    "largest_change": (
        "nats",
        "largest change of any logit in any pair: 0 if nothing but the states acts",
    ),
    "number": ("pairs", "how many there are"),
}
Parts = list[dict[str, Any]]  # what `patch_pair` gave, pair by pair


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute travel`."""
    add_task_arguments(parser)
    parser.add_argument(
        "--subjects", type=int, metavar="N", help="only the first N subjects of a file: for a trial"
    )
    parser.add_argument(
        "--pairs", type=int, default=PAIRS_WANTED, help="of subjects, at least (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Patch every pair, print and publish."""
    if args.pairs < 2:
        raise BadInput(f"--pairs is {args.pairs}; allowed: 2 and more.")
    return run_on_tasks(args, NAME, measure, {"subjects": args.subjects, "pairs": args.pairs})


def measure(opened: Opened, tasks: Sequence[Tasks], settings: dict[str, Any], kept: Kept) -> Result:
    """Every set of subjects of every file."""
    subject = opened.subject
    result = Result(NAME, subject.seed, arm=ARMS | comparison_arms(), outcome=dict(OUTCOMES))
    for asked in (
        one for file in tasks for one in marked_sets(subject, file, settings["subjects"])
    ):
        known = kept.part(f"{asked.name}/known", partial(answered, subject.lm, asked))
        pairs = choose_pairs(asked, known, settings["pairs"], subject.seed)
        parts = []
        for group in tqdm(asked.groups, desc=f"{NAME}: {asked.name}"):
            parts.append(
                [
                    kept.part(
                        f"{asked.name}/{group.words}/{pair.a}/{pair.b}",
                        partial(patch_pair, subject.lm, group, pair),
                    )
                    for pair in pairs
                ]
            )
        record(result, asked, pairs, parts)
        result.finding += findings(result, asked, pairs)
    return result


@torch.inference_mode()
def answered(lm: LanguageModel, asked: MarkedSet) -> list[str]:
    """Subjects whose answer is chosen among all subjects' answers in every group."""
    candidates, good = asked.answers(), set(asked.subjects)
    for group in asked.groups:
        for prompt in group.prompts:
            if prompt.subject in good:
                logits = unembed(lm, Trunk(lm, prompt.ids, prompt.name.start).last)
                if not said(logits, prompt.answers, candidates).chosen[0]:
                    good.discard(prompt.subject)
    return [one for one in asked.subjects if one in good]


def restored(parts: Parts, which: str) -> NDArray[np.float64]:
    """[column, layer, pair]: shift from B's log-odds, in units of the mean distance of A's from
    B's."""
    ends = np.array([part["ends"] for part in parts])
    found = np.array([part[which]["log_odds"] for part in parts])  # [pair, layer, column]
    shift = found - ends[:, 1, None, None]
    made: NDArray[np.float64] = (shift / (ends[:, 0] - ends[:, 1]).mean()).transpose(2, 1, 0)
    return made


def by_subject(values: NDArray[np.float64], pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """[..., pair] -> [..., subject]: the mean of the pairs that take a subject's states, which are
    not independent."""
    names = [pair.a for pair in pairs]
    return np.stack(
        [values[..., [n == a for n in names]].mean(-1) for a in dict.fromkeys(names)], -1
    )


def record(result: Result, asked: MarkedSet, pairs: Sequence[Pair], parts: Sequence[Parts]) -> None:
    """Estimates of every place, of the sets, and of kinds of places against each other."""
    rows, by_place = [], []
    for group, of_group in zip(asked.groups, parts, strict=True):
        state = by_subject(restored(of_group, "state"), pairs)
        control = by_subject(restored(of_group, "unrelated"), pairs)
        listed = place_rows(asked, group)
        rows += listed
        by_place.append(state)
        for place, row in enumerate(listed):
            record_layers(result, "state", "restored", row["subject"], state[place])
            record_layers(result, "unrelated", "restored", row["subject"], control[place])
            _flips(result, "state", row["subject"], of_group, "state", place)
    result.place += rows
    _sets(result, asked.name, pairs, parts)
    for arm, values in compared(rows, np.concatenate(by_place)):
        record_layers(result, arm, "restored", asked.name, values)
        record_largest(result, arm, "restored_largest", asked.name, values)
    sham = max(part["sham"] for of_group in parts for part in of_group)
    result.exact("sham", "largest_change", sham, sae_id=None, layer=None, subject=asked.name)
    result.exact("pairs", "number", len(pairs), sae_id=None, layer=None, subject=asked.name)


def _flips(result: Result, arm: str, subject: str, parts: Parts, which: str, column: int) -> None:
    found = np.array([part[which]["flipped"] for part in parts])[:, :, column]  # [pair, layer]
    for layer in range(found.shape[1]):
        good, n = int(found[:, layer].sum()), len(found)
        result.share(arm, "flipped", good, n, sae_id=None, layer=layer, subject=subject)


def _sets(result: Result, name: str, pairs: Sequence[Pair], parts: Sequence[Parts]) -> None:
    """The mean over all groups."""
    found = np.mean([by_subject(restored(of_group, "sets"), pairs) for of_group in parts], axis=0)
    together = [part for of_group in parts for part in of_group]
    for place, one in enumerate(SETS):
        record_layers(result, f"set {one}", "restored", name, found[place])
        record_largest(result, f"set {one}", "restored_largest", name, found[place])
        _flips(result, f"set {one}", name, together, "sets", place)


def findings(result: Result, asked: MarkedSet, pairs: Sequence[Pair]) -> list[str]:
    """Where most of the answer is found, set by set, and kinds of places against each other."""
    made = []
    for arm in ("set name", "set last", "set function, not the last position", "set content"):
        row = result.found(arm, "restored_largest", asked.name)
        if row is not None:
            made.append(
                f"{asked.name}, {arm.removeprefix('set ')}: A's states there restore most of A's "
                f"answer after layer {row['layer']}, {shown(row, percent=True)} ({len(pairs)} "
                f"pairs, {row['n']} {asked.noun})."
            )
    arm = f"function - content{BUT_LAST}"
    row = result.found(arm, "restored_largest", asked.name)
    if row is not None:
        made.append(
            f"{asked.name}, {arm}, at equal distances: at most {shown(row, percent=True)}, after "
            f"layer {row['layer']}."
        )
    return made
