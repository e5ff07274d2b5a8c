"""`functionscope precompute answers`: how often a model answers right, greedily.

Every question of the task files that has an answer is asked once as the file's wrapper puts it, and
those about a subject once more with each of the file's tails. Shares have Wilson intervals; every
answer is kept to be read.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from backend.core.lm import LanguageModel
from backend.core.steering.answers import BATCH, all_answers
from backend.core.tasks import Question, Tasks
from backend.core.tasks.prompts import reader
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened
from precompute.experiments.result import Result, shown
from precompute.experiments.tasked import add_task_arguments, run_on_tasks
from precompute.job import BadInput

NAME = "answers"
NEW_TOKENS = 12
PLAIN = "as asked"
OUTCOME = (
    "share",
    "greedy answers that are one of the right ones, but for case, space and a final full stop",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute answers`."""
    add_task_arguments(parser)
    parser.add_argument(
        "--new-tokens", type=int, default=NEW_TOKENS, help="most tokens of an answer (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Ask everything, print and publish."""
    if args.new_tokens < 1:
        raise BadInput(f"--new-tokens is {args.new_tokens}; allowed: 1 and more.")
    return run_on_tasks(args, NAME, measure, {"new_tokens": args.new_tokens})


def measure(opened: Opened, tasks: Sequence[Tasks], settings: dict[str, Any], kept: Kept) -> Result:
    """Right answers of every file, with every tail."""
    result = Result(NAME, opened.subject.seed, outcome={"right": OUTCOME})
    for one in tasks:
        for arm, questions in arms(one):
            texts = ask(opened.subject.lm, one, questions, settings["new_tokens"], kept)
            result.arm[arm] = _words(arm)
            _record(result, one, arm, questions, texts)
    return result


def arms(tasks: Tasks) -> Iterator[tuple[str, list[Question]]]:
    """(arm, its questions): as asked, then with each further tail. BadInput where nothing has an
    answer.
    """
    asked = [one for one in tasks.questions if one.answers]
    if not asked:
        raise BadInput(f"{tasks.file}: no question has an answer; needed: one or more that has.")
    yield PLAIN, asked
    for tail in tasks.tails[1:]:
        if about := [replace(one, tail=tail) for one in asked if one.subject]:
            yield f"with{'' if tail.startswith(' ') else ' '}{tail}", about


def ask(
    lm: LanguageModel, tasks: Tasks, questions: Sequence[Question], new_tokens: int, kept: Kept
) -> list[str]:
    """Greedy answers, a batch at a time, each kept when it is there."""
    reading, texts = reader(lm, tasks), []
    for start in range(0, len(questions), BATCH):
        part = questions[start : start + BATCH]

        def answered(part: Sequence[Question] = part) -> list[str]:
            ids = [reading(one.text) for one in part]
            found = all_answers(
                lm,
                ids,
                [[] for _ in ids],
                max_new_tokens=new_tokens,
                until=[tasks.prompt.stop] if tasks.prompt.stop else [],
            )
            return [answer.text.strip() for answer in found]

        texts += kept.part(f"{tasks.name}/{part[0].text}/{len(part)}", answered)
    return texts


def _record(
    result: Result, tasks: Tasks, arm: str, questions: Sequence[Question], texts: Sequence[str]
) -> None:
    right = [one.right(text) for one, text in zip(questions, texts, strict=True)]
    n = len(right)
    result.share(arm, "right", sum(right), n, sae_id=None, layer=None, subject=tasks.name)
    result.answer += [
        {"arm": arm, "subject": tasks.name, "prompt": one.text, "text": text, "success": good}
        for one, text, good in zip(questions, texts, right, strict=True)
    ]
    row = result.value(arm, "right", None, tasks.name)
    result.finding.append(
        f"{tasks.title}, {arm}: {sum(right)} of {n} right, {shown(row, percent=True)}."
    )


def _words(arm: str) -> str:
    if arm == PLAIN:
        return "The question as the task file's wrapper puts it, with the first tail."
    return f"The same questions, the phrasing followed by “{arm.removeprefix('with').strip()}”."
