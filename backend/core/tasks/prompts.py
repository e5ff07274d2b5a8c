"""Prompts of a task file as token ids: where the question stands in them, and where its subject.

Places are found by reading twice: what two texts that part at a known character share of their ids
lies before it. So no tokenizer needs to know offsets, and a chat's template is read like any other
text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.core.lm import LanguageModel
from backend.core.tasks.rows import Question, Tasks

# What stands in place of the text itself. Two, because one could begin as the text does: as a word,
# as a sign.
_OTHERS = (" zz", "§")
Reading = Callable[[str], list[int]]  # a question's text -> the whole prompt's ids


@dataclass(frozen=True)
class TaskPrompt:
    """`question`: positions of the question itself, without BOS, few-shot examples and turn
    markers.

    `subject`: those of the subject's name, empty without one. Whatever lies before `question` is
    the prefix, the same for every question of a file.
    """

    ids: list[int]
    question: range
    subject: range

    @property
    def after_subject(self) -> range:
        """Positions behind the subject's name, to the prompt's end."""
        return range(self.subject.stop, len(self.ids))


def read_prompt(lm: LanguageModel, tasks: Tasks, question: Question) -> TaskPrompt:
    """The prompt that asks a question plainly. ValueError where the tokenizer hides the subject's
    edges.
    """
    reading = reader(lm, tasks)
    ids = reading(question.text)
    subject = _subject(lm, reading, question, ids) if question.subject else range(0)
    return TaskPrompt(ids, _question(reading, ids), subject)


def reader(lm: LanguageModel, tasks: Tasks) -> Reading:
    """How the file's wrapper makes ids of a question's text."""
    return lambda text: lm.tokenize(tasks.prompt.text(text), chat=tasks.prompt.chat)


def question_range(lm: LanguageModel, tasks: Tasks, ids: Sequence[int]) -> range:
    """Positions of a question's own text in the ids of a prompt that the file's wrapper made."""
    return _question(reader(lm, tasks), ids)


def _question(reading: Reading, ids: Sequence[int]) -> range:
    others = [reading(other.strip()) for other in _OTHERS]
    start = min(_shared(ids, other) for other in others)
    after = min(_shared(ids[::-1], other[::-1]) for other in others)
    return range(start, len(ids) - after)


def _subject(lm: LanguageModel, reading: Reading, question: Question, ids: Sequence[int]) -> range:
    head = question.until_subject()
    start, stop = (
        min(_shared(ids, reading(until + other)) for other in _OTHERS)
        for until in (head.rstrip(" "), head + question.subject)
    )
    if lm.decode(ids[start:stop]).strip() != question.subject:
        pieces = [lm.token_text(token_id) for token_id in ids[max(start - 1, 0) : stop + 2]]
        raise ValueError(
            f"{question.subject!r} has no tokens of its own in {question.text!r} (there: "
            f"{pieces}): ask so that the name stands apart from what follows it."
        )
    return range(start, stop)


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    """How many leading ids two lists share."""
    pairs = zip(first, second, strict=False)
    return next(
        (place for place, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second))
    )
