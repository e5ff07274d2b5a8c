"""Prompts with marked positions: the subject's name, what stands behind it, and what would be
right.

Prompts of one *group* (a phrasing with a tail) differ in the name alone. So what stands before the
name is the same run in all of them, and behind it each position has the same token at the same
distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from backend.core.lm import LanguageModel
from backend.core.patching import Marked
from backend.core.tasks import Tasks, Wrapper
from backend.core.tasks.prompts import read_prompt
from backend.core.token_classes import CLASS_NAMES
from backend.core.token_kinds import kind_of
from precompute.experiments.carry_read import Group, common_tokens, groups
from precompute.experiments.subject import Subject


@dataclass(frozen=True)
class Token:
    """One position. `token_class` by frequency in the build, `kind` by spelling."""

    text: str
    token_class: str
    kind: str


@dataclass(frozen=True)
class MarkedPrompt:
    """`name`: positions of the subject's name. `answers`: the first tokens of what is right, the
    plainest first."""

    subject: str
    ids: tuple[int, ...]
    name: range
    answers: tuple[int, ...]
    tokens: tuple[Token, ...]

    @property
    def behind(self) -> range:
        """Positions behind the name, to the prompt's last."""
        return range(self.name.stop, len(self.ids))

    @property
    def last(self) -> int:
        return len(self.ids) - 1

    def of_class(self, token_class: str) -> list[int]:
        """Positions behind the name whose token has this class."""
        return [p for p in self.behind if self.tokens[p].token_class == token_class]

    def of_kind(self, *kinds: str) -> list[int]:
        """The same by spelling."""
        return [p for p in self.behind if self.tokens[p].kind in kinds]

    def marked(self, group: str) -> Marked:
        """With the roles whose means are taken: within the group, by place before or behind the
        name."""
        before = [f"{group} {p}" for p in range(self.name.start)]
        name = [f"{group} name, earlier"] * (len(self.name) - 1) + [f"{group} name"]
        behind = [f"{group} +{p - self.name.stop + 1}" for p in self.behind]
        return Marked(self.ids, (*before, *name, *behind))


@dataclass(frozen=True)
class MarkedGroup:
    """One phrasing with one tail: a prompt a subject."""

    number: int  # within its set, from 1
    words: str  # the question, {s} for the name
    prompts: tuple[MarkedPrompt, ...]

    @property
    def behind(self) -> tuple[Token, ...]:
        """The tokens behind the name, the same in every prompt."""
        first = self.prompts[0]
        return tuple(first.tokens[p] for p in first.behind)

    def of(self, subjects: Sequence[str]) -> MarkedGroup:
        """Of these subjects only, in their order."""
        by_name = {prompt.subject: prompt for prompt in self.prompts}
        return replace(self, prompts=tuple(by_name[subject] for subject in subjects))


@dataclass(frozen=True)
class MarkedSet:
    """All groups of one relation. `name` is what its estimates are called by, `noun` what its
    subjects are."""

    name: str
    task: str  # the task file's name
    noun: str
    groups: tuple[MarkedGroup, ...]

    @property
    def subjects(self) -> list[str]:
        """Those that every group asks about, in the order of the first."""
        asked = [{prompt.subject for prompt in group.prompts} for group in self.groups]
        return [p.subject for p in self.groups[0].prompts if all(p.subject in one for one in asked)]

    def of(self, subjects: Sequence[str]) -> MarkedSet:
        """Of these subjects only, in their order, in every group."""
        return replace(self, groups=tuple(group.of(subjects) for group in self.groups))

    def answers(self) -> set[int]:
        """First tokens of all right answers: what a forced choice chooses among."""
        return {a for group in self.groups for prompt in group.prompts for a in prompt.answers}


def marked_sets(
    subject: Subject, tasks: Tasks, most: int | None, suffix: str = ""
) -> Iterator[MarkedSet]:
    """A set for each relation of a file. `most`: only so many subjects. `suffix`: after the
    name."""
    listed = list(groups(tasks, most))
    for name in dict.fromkeys(group.name for group in listed):
        made = tuple(_group(subject, group) for group in listed if group.name == name)
        yield MarkedSet(name + suffix, tasks.name, tasks.noun, made)


def plainly(tasks: Tasks) -> Tasks:
    """The same questions without examples, as plain text with the same end."""
    wrapper = Wrapper("plain", end=tasks.prompt.end, stop=tasks.prompt.stop)
    return replace(tasks, prompt=wrapper)


def _group(subject: Subject, group: Group) -> MarkedGroup:
    read = [read_prompt(subject.lm, group.tasks, one) for one in group.questions]
    common_tokens(subject.lm, group, read)  # refuses where the tokens behind the names differ
    starts = {(prompt.subject.start, tuple(prompt.ids[: prompt.subject.start])) for prompt in read}
    if len(starts) > 1:
        raise ValueError(f"{group.words!r}: the tokens before the name differ between subjects.")
    prompts = tuple(
        MarkedPrompt(
            question.subject,
            tuple(prompt.ids),
            prompt.subject,
            first_tokens(subject.lm, question.answers),
            tuple(_token(subject, token_id) for token_id in prompt.ids),
        )
        for question, prompt in zip(group.questions, read, strict=True)
    )
    return MarkedGroup(group.number, group.words, prompts)


def first_tokens(lm: LanguageModel, answers: Sequence[str]) -> tuple[int, ...]:
    """Of each answer, each once, without such as "the", which begin many, where others remain.

    ValueError for a question without an answer.
    """
    encoded = (lm.tokenizer.encode(answer, add_special_tokens=False)[:1] for answer in answers)
    found = list(dict.fromkeys(int(ids[0]) for ids in encoded if ids))
    telling = [one for one in found if kind_of(lm.token_text(one)) != "closed_class"]
    if not found:
        raise ValueError("a question about a subject has no answer: nothing could be lost.")
    return tuple(telling or found)


def _token(subject: Subject, token_id: int) -> Token:
    text = subject.lm.token_text(token_id)
    return Token(text, CLASS_NAMES[subject.classes[token_id]], kind_of(text))
