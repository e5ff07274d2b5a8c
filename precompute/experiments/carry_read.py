"""Prompts that differ in their subject alone, read once: which features fired at the name, and
which behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.reactivation.carry import carried, foreign, own_and_others
from backend.core.sae import Sae
from backend.core.tasks import Question, Tasks
from backend.core.tasks.prompts import TaskPrompt, read_prompt
from backend.core.token_classes import CLASS_NAMES
from backend.core.token_kinds import kind_of
from precompute.experiments.kept import Kept
from precompute.experiments.subject import Subject
from precompute.job import BadInput


@dataclass(frozen=True)
class Group:
    """One phrasing with one tail, asked of every subject that has the relation."""

    tasks: Tasks
    name: str  # of the set of subjects: the file's, with the relation where it has several
    number: int  # within the name, from 1
    questions: tuple[Question, ...]

    @property
    def words(self) -> str:
        """The question with {s} for the name."""
        return self.questions[0].template.replace("{trait}", "") + self.questions[0].tail


@dataclass(frozen=True)
class Read:
    """What was found in a group. `tokens`: ids of the positions behind the name, the same in every
    prompt.

    `found`: sae_id -> bool [2, place, name, prompt], `carried` and `foreign` of
    core.reactivation.carry.
    """

    group: Group
    tokens: list[int]
    texts: list[str]
    classes: list[str]
    found: dict[str, NDArray[np.bool_]]

    def shares(self, sae_id: str) -> dict[str, NDArray[np.float64]]:
        """outcome -> [place, subject]: own, another, exchanged, net (own less exchanged)."""
        (own, exchanged), (_, another) = (own_and_others(one) for one in self.found[sae_id])
        return {"own": own, "another": another, "exchanged": exchanged, "net": own - exchanged}

    def place_rows(self) -> list[dict[str, Any]]:
        """Rows of the table `place`, in reading order."""
        last = len(self.tokens)
        listed = zip(self.tokens, self.texts, self.classes, strict=True)
        return [
            {
                "subject": f"{self.group.name} {self.group.number}.{distance}",
                "task": self.group.tasks.name,
                "question": self.group.words,
                "distance": distance,
                "token_id": token_id,
                "text": text,
                "token_class": token_class,
                "kind": kind_of(text),
                "is_last": distance == last,
            }
            for distance, (token_id, text, token_class) in enumerate(listed, start=1)
        ]


def groups(tasks: Tasks, most: int | None) -> Iterator[Group]:
    """All phrasings with all tails, of the first `most` subjects. BadInput for a file without two
    subjects.
    """
    about = tasks.about_subjects()
    relations = list(dict.fromkeys(one.relation for one in about))
    if not relations:
        raise BadInput(
            f"{tasks.file} has no subjects: nothing could be carried. Give one with subjects and "
            "relations."
        )
    for relation in relations:
        name = tasks.name if len(relations) == 1 else f"{tasks.name}.{relation}"
        of_relation = [one for one in about if one.relation == relation]
        number = 0
        for template in dict.fromkeys(one.template for one in of_relation):
            for tail in tasks.tails:
                asked = [
                    replace(one, tail=tail) for one in of_relation if one.template == template
                ][:most]
                if len(asked) < 2:
                    raise BadInput(
                        f"{tasks.file}: {relation} has one subject; needed: two or more."
                    )
                number += 1
                yield Group(tasks, name, number, tuple(asked))


@dataclass(frozen=True)
class Reader:
    """An SAE by the name under which it is read. `without`: features that are not looked at."""

    sae: Sae
    sae_id: str
    without: tuple[int, ...] = ()

    @property
    def layer(self) -> int:
        return self.sae.layer


def read_group(
    subject: Subject, group: Group, kept: Kept, readers: Sequence[Reader] | None = None
) -> Read:
    """From the kept part, or by reading every prompt; with all SAEs as they are, or as `readers`
    say.
    """
    prompts = [read_prompt(subject.lm, group.tasks, one) for one in group.questions]
    tokens = common_tokens(subject.lm, group, prompts)
    used = readers or [Reader(sae, sae.sae_id) for sae in subject.saes]
    made = kept.part(f"{group.name}/{group.words}", lambda: _packed(fired(subject, prompts, used)))
    shape = (2, len(tokens), len(prompts), len(prompts))
    found = {
        sae_id: np.unpackbits(np.array(bits, np.uint8), count=int(np.prod(shape)))
        .astype(bool)
        .reshape(shape)
        for sae_id, bits in made.items()
    }
    texts = [subject.lm.token_text(token_id) for token_id in tokens]
    classes = [CLASS_NAMES[code] for code in subject.classes[tokens]]
    return Read(group, tokens, texts, classes, found)


def common_tokens(lm: LanguageModel, group: Group, prompts: Sequence[TaskPrompt]) -> list[int]:
    """Ids behind the name. ValueError where two prompts of the group do not agree in them."""
    behind = [[prompt.ids[p] for p in prompt.after_subject] for prompt in prompts]
    for question, ids in zip(group.questions, behind, strict=True):
        if ids != behind[0]:
            pair = [[lm.token_text(token_id) for token_id in one] for one in (behind[0], ids)]
            raise ValueError(
                f"behind {group.questions[0].subject!r} and {question.subject!r} the tokens differ "
                f"({pair[0]} and {pair[1]}): ask so that the same tokens follow every name."
            )
    return behind[0]


def fired(
    subject: Subject, prompts: Sequence[TaskPrompt], readers: Sequence[Reader]
) -> dict[str, NDArray[np.bool_]]:
    """sae_id -> bool [2, place, name, prompt], as in Read. Few-shot examples before the question
    are not looked at.
    """
    at_name: dict[str, list[Tensor]] = {one.sae_id: [] for one in readers}
    behind: dict[str, list[Tensor]] = {one.sae_id: [] for one in readers}
    for prompt in prompts:
        resid = subject.resid(prompt.ids)
        encoded: dict[Sae, Tensor] = {}
        for one in readers:
            if one.sae not in encoded:
                rows = resid[one.layer][prompt.subject.start :]
                encoded[one.sae] = one.sae.encode_dense(rows) > 0
            fires = encoded[one.sae].clone()
            fires[:, list(one.without)] = False
            name, after = fires[: len(prompt.subject)], fires[len(prompt.subject) :]
            at_name[one.sae_id].append(name.any(0))
            behind[one.sae_id].append(after)
    made = {}
    for sae_id, named in at_name.items():
        names, places = torch.stack(named), torch.stack(behind[sae_id], dim=1)
        both = [
            torch.stack([measure(names, here) for here in places]) for measure in (carried, foreign)
        ]
        made[sae_id] = torch.stack(both).cpu().numpy()
    return made


def _packed(found: dict[str, NDArray[np.bool_]]) -> dict[str, list[int]]:
    return {sae_id: np.packbits(bits).tolist() for sae_id, bits in found.items()}
