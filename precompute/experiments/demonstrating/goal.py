"""What is looked for in answers, and the questions that are asked for it, as token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.core.lm import LanguageModel
from backend.core.tasks import Question, Tasks, Trait
from backend.core.tasks.prompts import question_range
from backend.core.tasks.rows import Split
from backend.core.token_classes import CONTENT
from backend.core.token_kinds import kind_of
from precompute.experiments.subject import Subject


@dataclass(frozen=True)
class Goal:
    """One trait, or several that an answer must show at once."""

    traits: tuple[Trait, ...]

    @property
    def name(self) -> str:
        return "+".join(trait.name for trait in self.traits)

    def shown(self, answer: str) -> bool:
        """Whether the answer shows every trait."""
        return all(trait.shown(answer) for trait in self.traits)


@dataclass(frozen=True)
class Put:
    """A question as the model reads it. `asking`: asked with the traits in words, None where the
    question cannot ask for them.
    """

    question: Question
    ids: list[int]
    content: int  # position of the question's last content word
    asking: list[int] | None

    @property
    def last(self) -> int:
        """The prompt's last position, where the answer begins."""
        return len(self.ids) - 1


def put(subject: Subject, tasks: Tasks, goal: Goal, split: Split, most: int | None) -> list[Put]:
    """The questions of a split, in the file's order; at most `most`, evenly taken from it."""
    asked = tasks.of(split)
    n = len(asked) if most is None else min(most, len(asked))
    return [_put(subject, tasks, goal, asked[i * len(asked) // n]) for i in range(n)]


def _put(subject: Subject, tasks: Tasks, goal: Goal, question: Question) -> Put:
    lm, chat = subject.lm, tasks.prompt.chat
    plain, asking = tasks.plain(question), tasks.asking(question, goal.traits)
    ids = lm.tokenize(plain, chat=chat)
    content = content_position(lm, subject.classes, ids, question_range(lm, tasks, ids))
    return Put(question, ids, content, lm.tokenize(asking, chat=chat) if asking != plain else None)


def content_position(
    lm: LanguageModel, classes: NDArray[np.int8], ids: Sequence[int], question: range
) -> int:
    """The last token of the question that is a word and content by frequency; else its last word,
    else its last token.
    """
    words = [p for p in question if kind_of(lm.token_text(ids[p])) != "punctuation"]
    content = [p for p in words if classes[ids[p]] == CONTENT]
    return (content or words or list(question))[-1]
