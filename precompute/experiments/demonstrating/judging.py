"""The judgement on questions that nothing was chosen on: what an edit does to every one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.core.intervals import wilson
from backend.core.steering.answers import Answer
from precompute.experiments.demonstrating.asking import Answering, Push, Row
from precompute.experiments.demonstrating.choice import Counts, at_last
from precompute.experiments.demonstrating.goal import Goal, Put
from precompute.experiments.result import Result, mean_interval

UNEDITED, ASKED = "unedited", "asked in words"
FEATURE, DIRECTION = "feature", "direction"
CONTENT = ", at a content word"
RANDOM = {FEATURE: "random features", DIRECTION: "random features, as long as the direction"}
OUTCOMES = {
    "shown": ("share", "answers with the trait; of a pair, with both"),
    "shown_open": ("share", "the same among the questions that have no right answer"),
    "right": ("share", "right answers, in any listed language, of the questions that have one"),
    "lost": (
        "share",
        "of the questions that are answered right without an edit, those that no longer are; where "
        "some questions cannot ask for the trait in words, of those alone",
    ),
    "distinct": ("answers", "distinct answers, but for case"),
    "distinct_shown": ("answers", "distinct answers among those with the trait"),
    "log_probability": (
        "nats a token",
        "mean over answers of the log-probability that the unedited model gives them",
    ),
    "first": ("share", "answers with the first trait of a pair"),
    "second": ("share", "answers with the second trait of a pair"),
    "fit": ("share", "answers with the trait on the questions that the edit was chosen on"),
    "feature_index": ("index", "the chosen feature"),
    "value": ("α", "what the feature's decoder row, or the direction, is multiplied by"),
    "strength": ("share", "length of what is added, of the residual's mean length there"),
}
Where = dict[str, Any]  # sae_id and layer of an estimate


@dataclass(frozen=True)
class Arm:
    """`push` at every question's last position, or at its last content word."""

    name: str
    push: Push
    where: Where
    at_content: bool = False

    def rows(self, questions: Sequence[Put]) -> list[Row]:
        if not self.at_content:
            return at_last(self.push, questions)
        return [Row(one.ids, tuple(self.push(one.content))) for one in questions]


class Judge:
    """One goal on its test questions; what is found goes into `result`, as rows of that subject."""

    def __init__(
        self, result: Result, answering: Answering, goal: Goal, questions: Sequence[Put]
    ) -> None:
        self.result, self.answering, self.goal = result, answering, goal
        self.questions = list(questions)
        self.plain = answering.answers([Row(one.ids) for one in questions])
        self.right = [
            one.question.right(answer.text)
            for one, answer in zip(questions, self.plain, strict=True)
        ]

    def without_edits(self) -> None:
        """As asked, and asked in words."""
        where: Where = {"sae_id": None, "layer": None}
        self._record(UNEDITED, self.questions, self.plain, where)
        can = [one for one in self.questions if one.asking is not None]
        if can:
            answers = self.answering.answers([Row(one.asking or []) for one in can])
            self._record(ASKED, can, answers, where)

    def arms(self, arms: Sequence[Arm]) -> None:
        """All of them, rows of one length together."""
        n = len(self.questions)
        answers = self.answering.answers([row for arm in arms for row in arm.rows(self.questions)])
        for place, arm in enumerate(arms):
            self._record(arm.name, self.questions, answers[place * n : (place + 1) * n], arm.where)

    def draws(self, arm: str, pushes: Sequence[Push], where: Where) -> list[Counts]:
        """Each draw's counts; the estimate is of all together, its interval over the draws. Where
        every draw gave the same share, they say nothing of its spread: then it is the interval of
        one draw's questions.
        """
        n = len(self.questions)
        answers = self.answering.answers(
            [row for push in pushes for row in at_last(push, self.questions)]
        )
        found = [
            Counts.of(self.goal, self.questions, answers[place * n : (place + 1) * n])
            for place in range(len(pushes))
        ]
        self._draws(arm, "shown", [(one.shown, one.n) for one in found], where)
        if found[0].n_closed:
            self._draws(arm, "right", [(one.right, one.n_closed) for one in found], where)
        return found

    def _draws(
        self, arm: str, outcome: str, counts: Sequence[tuple[int, int]], where: Where
    ) -> None:
        shares = np.array([good / n for good, n in counts])
        same = len(set(shares.tolist())) == 1
        interval = wilson(*counts[0]) if same else mean_interval(shares, self.result.seed)
        n = sum(n for _, n in counts)
        place = where | {"subject": self.goal.name}
        self.result.estimated(arm, outcome, float(shares.mean()), interval, n, **place)

    def _record(
        self, arm: str, questions: Sequence[Put], answers: Sequence[Answer], where: Where
    ) -> None:
        name, texts = self.goal.name, [one.text for one in answers]
        shown = [self.goal.shown(text) for text in texts]
        place = where | {"subject": name}
        self._shares(arm, questions, texts, place)
        self.result.exact(arm, "distinct", len({t.casefold() for t in texts}), **place)
        with_it = {t.casefold() for t, good in zip(texts, shown, strict=True) if good}
        self.result.exact(arm, "distinct_shown", len(with_it), **place)
        self._fluency(arm, questions, answers, place)
        said = name if where["sae_id"] is None else f"{name}, {where['sae_id']}"
        self.result.answer += [
            {"arm": arm, "subject": said, "prompt": one.question.text, "text": t, "success": good}
            for one, t, good in zip(questions, texts, shown, strict=True)
        ]

    def _shares(
        self, arm: str, questions: Sequence[Put], texts: Sequence[str], place: Where
    ) -> None:
        pairs = list(zip(questions, texts, strict=True))
        found = {
            "shown": [self.goal.shown(text) for _, text in pairs],
            "shown_open": [self.goal.shown(t) for one, t in pairs if not one.question.answers],
            "right": [one.question.right(t) for one, t in pairs if one.question.answers],
        }
        if questions == self.questions and arm != UNEDITED:
            kept = set(map(id, self.untouched()))
            found["lost"] = [
                not one.question.right(text)
                for (one, text), before in zip(pairs, self.right, strict=True)
                if before and id(one) in kept
            ]
        if len(self.goal.traits) == 2:
            for outcome, trait in zip(("first", "second"), self.goal.traits, strict=True):
                found[outcome] = [trait.shown(text) for text in texts]
        for outcome, good in found.items():
            if good:
                self.result.share(arm, outcome, sum(good), len(good), **place)

    def untouched(self) -> list[Put]:
        """Questions with a right answer that cannot ask for the trait; all with one where there are
        none.
        """
        closed = [one for one in self.questions if one.question.answers]
        return [one for one in closed if one.asking is None] or closed

    def _fluency(
        self, arm: str, questions: Sequence[Put], answers: Sequence[Answer], place: Where
    ) -> None:
        prompts = [one.ids for one in questions]
        found = self.answering.log_probabilities(prompts, answers)
        known = [one for one in found if one is not None]
        if known:
            self.result.mean(arm, "log_probability", known, **place)
