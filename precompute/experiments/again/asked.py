"""Prompts of task files, one a subject, as the experiments on what fires again read them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from backend.core.tasks import Question, Tasks
from backend.core.tasks.prompts import question_range, reader
from backend.core.token_classes import CLASS_NAMES
from precompute.experiments.subject import Asked, Subject
from precompute.experiments.tasked import add_task_arguments
from precompute.job import BadInput


@dataclass(frozen=True)
class AskedQuestion:
    """The question as it is shown, and its first right answer."""

    prompt: str
    answer: str


def add_prompt_arguments(parser: argparse.ArgumentParser) -> None:
    """Task files, and how many prompts of each."""
    add_task_arguments(parser)
    parser.add_argument(
        "--prompts", type=int, metavar="N", help="only the first N prompts of a file: for a trial"
    )


def refuse_few(args: argparse.Namespace) -> None:
    """BadInput for a number of prompts that no interval could be had of."""
    if args.prompts is not None and args.prompts < 2:
        raise BadInput(f"--prompts is {args.prompts}; allowed: 2 and more.")


def asked_prompts(subject: Subject, tasks: Sequence[Tasks], most: int | None) -> list[Asked]:
    """One prompt a subject, so that prompts are independent: phrasings and tails take turns.
    Questions without a subject are asked each. Positions before the question are of no class:
    few-shot examples and a chat's markers are no context in which something could have fired
    before.

    BadInput where a file has nothing that has an answer.
    """
    found = []
    for one in tasks:
        listed = list(_taking_turns(one))[:most]
        if not listed:
            raise BadInput(f"{one.file}: no question has an answer; needed: one or more that has.")
        found += [_read(subject, one, question) for question in listed]
    return found


def _taking_turns(tasks: Tasks) -> Iterator[Question]:
    by_subject: dict[tuple[str, str], list[Question]] = {}
    for question in tasks.questions:
        if question.answers:
            name = question.subject or question.template
            by_subject.setdefault((question.relation, name), []).append(question)
    for place, asked in enumerate(by_subject.values()):
        question = asked[place % len(asked)]
        tails = tasks.tails if question.subject and tasks.tails else (question.tail,)
        yield replace(question, tail=tails[place % len(tails)])


def _read(subject: Subject, tasks: Tasks, question: Question) -> Asked:
    ids = reader(subject.lm, tasks)(question.text)
    start = question_range(subject.lm, tasks, ids).start
    classes: list[str | None] = [CLASS_NAMES[code] for code in subject.classes[ids]]
    classes[:start] = [None] * start
    answer = question.answers[0]
    encoded = subject.lm.tokenizer.encode(answer, add_special_tokens=False)
    return Asked(
        ids,
        [subject.lm.token_text(token_id) for token_id in ids],
        classes,
        AskedQuestion(question.text, answer),
        [int(token_id) for token_id in encoded],
        prefix_length=start,
    )
