"""`functionscope precompute words`: at which layer can the answer and the subject be read, and
where?

After every layer, at the name's last token and at every position behind it, the residual is read
through the final norm and the unembedding. *Readable* is what is among the 10 most promoted tokens
of the vocabulary: the first token of a right answer, of another subject's answer (the control), or
a token of the subject's name. Function and content positions are compared at equal distances from
the name.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from backend.core.lm import LanguageModel
from backend.core.patching import read_words
from backend.core.tasks import Tasks
from precompute.experiments.carry_kinds import BUT_LAST, comparison_arms
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened
from precompute.experiments.patching.marked import (
    MarkedGroup,
    MarkedPrompt,
    MarkedSet,
    marked_sets,
)
from precompute.experiments.patching.recorded import (
    CHOICE,
    compared,
    place_rows,
    record_largest,
    record_layers,
)
from precompute.experiments.result import Result, shown
from precompute.experiments.tasked import add_task_arguments, run_on_tasks

NAME = "words"
READABLE = 10
ARMS = {
    "place": "At this place.",
    "at the name": "At the last token of the subject's name; mean over phrasings and tails.",
    "at the end": "At the prompt's last position, where the answer begins; mean over phrasings "
    "and tails.",
}
AMONG = f"is among the {READABLE} most promoted tokens"
OUTCOMES = {
    "answer": ("share", f"prompts where the first token of a right answer {AMONG}"),
    "another": ("share", f"prompts where the first token of another subject's answer {AMONG}"),
    "name": ("share", f"prompts where a token of the subject's name {AMONG}"),
    "answer_largest": ("share", f"answer, in the layer where it is largest{CHOICE}"),
    "name_largest": ("share", f"name, in the layer where it is largest{CHOICE}"),
    "answer_first": (
        "layer",
        "the first layer after which the answer is readable; mean over the prompts where it is",
    ),
    "name_first": (
        "layer",
        "the first layer after which the name is readable; mean over the prompts where it is",
    ),
}
READ = ("answer", "another", "name")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute words`."""
    add_task_arguments(parser)
    parser.add_argument(
        "--subjects", type=int, metavar="N", help="only the first N subjects of a file: for a trial"
    )


def run(args: argparse.Namespace) -> int:
    """Read every prompt, print and publish."""
    return run_on_tasks(args, NAME, measure, {"subjects": args.subjects})


def measure(opened: Opened, tasks: Sequence[Tasks], settings: dict[str, Any], kept: Kept) -> Result:
    """Every set of subjects of every file."""
    subject = opened.subject
    result = Result(NAME, subject.seed, arm=ARMS | comparison_arms(), outcome=dict(OUTCOMES))
    for asked in (
        one for file in tasks for one in marked_sets(subject, file, settings["subjects"])
    ):
        asked = asked.of(asked.subjects)
        found = [
            np.array(
                kept.part(f"{asked.name}/{group.words}", partial(read_group, subject.lm, group)),
                bool,
            )
            for group in tqdm(asked.groups, desc=f"{NAME}: {asked.name}")
        ]
        record(result, asked, found)
        result.finding += findings(result, asked)
    return result


def read_group(lm: LanguageModel, group: MarkedGroup) -> list[Any]:
    """[subject][of READ][layer][place] whether it is readable; place 0 is the name's last token."""
    made = []
    for place, prompt in enumerate(group.prompts):
        other = group.prompts[(place + 1) % len(group.prompts)]
        watched = (
            prompt.answers,
            tuple(set(other.answers) - set(prompt.answers)),
            name_tokens(lm, prompt),
        )
        flat = [token_id for part in watched for token_id in part]
        positions = range(prompt.name.stop - 1, len(prompt.ids))
        ranks = read_words(lm, prompt.ids, positions, k=0, watched=flat).watched_ranks.cpu().numpy()
        ends = np.cumsum([len(part) for part in watched])[:-1]
        parts = np.split(ranks, ends, axis=-1)  # each [layer, place, token]
        made.append([(part <= READABLE).any(-1).tolist() for part in parts])
    return made


def name_tokens(lm: LanguageModel, prompt: MarkedPrompt) -> tuple[int, ...]:
    """Tokens of the name, and those that it begins with after a space and without one; without
    such as "the"."""
    encode = partial(lm.tokenizer.encode, add_special_tokens=False)
    begins = [int(encode(text)[0]) for text in (prompt.subject, f" {prompt.subject}")]
    own = [prompt.ids[p] for p in prompt.name if prompt.tokens[p].kind != "closed_class"]
    content = [i for i in begins if lm.token_text(i).strip().lower() not in ("", "the")]
    return tuple(dict.fromkeys([*own, *content])) or tuple(prompt.ids[p] for p in prompt.name)


def record(result: Result, asked: MarkedSet, found: Sequence[NDArray[np.bool_]]) -> None:
    """`found`: of each group [subject, of READ, layer, place]."""
    rows = [row for group in asked.groups for row in place_rows(asked, group)]
    result.place += rows
    values = np.concatenate([one.astype(np.float64).transpose(1, 3, 2, 0) for one in found], axis=1)
    for which, outcome in enumerate(READ):  # values [of READ, place, layer, subject]
        for place, row in enumerate(rows):
            _shares(result, row["subject"], outcome, values[which, place])
        for arm, at in (("at the name", "first"), ("at the end", "last")):
            chosen = [
                p
                for p, row in enumerate(rows)
                if (row["is_last"] if at == "last" else not row["distance"])
            ]
            mean = values[which, chosen].mean(0)
            record_layers(result, arm, outcome, asked.name, mean)
            if outcome != "another":
                record_largest(result, arm, f"{outcome}_largest", asked.name, mean)
                _first(result, arm, outcome, asked.name, values[which, chosen])
        for arm, found_by_kind in compared(rows, values[which]):
            record_layers(result, arm, outcome, asked.name, found_by_kind)
            if outcome != "another":
                record_largest(result, arm, f"{outcome}_largest", asked.name, found_by_kind)


def _shares(result: Result, subject: str, outcome: str, values: NDArray[np.float64]) -> None:
    for layer, row in enumerate(values):
        good, n = int(row.sum()), len(row)
        result.share("place", outcome, good, n, sae_id=None, layer=layer, subject=subject)


def _first(result: Result, arm: str, outcome: str, name: str, values: NDArray[np.float64]) -> None:
    """`values` [group, layer, subject]: the first layer that is 1, over the prompts that have
    one."""
    readable = values.any(1)
    if readable.any():
        first = values.argmax(1)[readable].astype(float).tolist()
        result.mean(arm, f"{outcome}_first", first, sae_id=None, layer=None, subject=name)


def findings(result: Result, asked: MarkedSet) -> list[str]:
    """Where the answer and the name can be read."""
    made = []
    arms = ("at the name", "at the end", f"function{BUT_LAST}", f"content{BUT_LAST}")
    for arm in arms:
        for outcome in ("answer", "name"):
            row = result.found(arm, f"{outcome}_largest", asked.name)
            if row is not None:
                made.append(
                    f"{asked.name}, {arm}: the {outcome} is readable most often after layer "
                    f"{row['layer']}, in "
                    f"{shown(row, percent=True)} (n = {row['n']} {asked.noun})."
                )
    return made
