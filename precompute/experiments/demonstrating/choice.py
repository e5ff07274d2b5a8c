"""The search on the questions to choose on: each candidate alone, at a few strengths, at the
prompt's last position.

A strength is the share of the residual's length there that is added. All are tried on every third
question first. Hopeless, and tried no further: who shows the trait there in no more answers than
the unedited model, and who could not reach the best one so far even with all the rest. The best
shows the trait most often; ties go to more right answers, then to the smaller strength, then to the
larger rise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.answers import Answer
from precompute.experiments.demonstrating.asking import Answering, Push, Row, shared_edits
from precompute.experiments.demonstrating.candidates import Candidate, Scan
from precompute.experiments.demonstrating.goal import Goal, Put

TOGETHER = 8  # settings that go on at once: after each such group the best so far is known
STRENGTHS = (0.1, 0.2, 0.3, 0.5)
RULE = (
    "every third question first; given up where the trait shows there no more often than without "
    "an edit, or where the best so far is out of reach"
)


@dataclass(frozen=True)
class Tried:
    """A feature at a strength. `value`: what W_dec is multiplied by. `shown` of `n` answers with
    the trait, `right` of `n_closed` right ones, on as many questions as were tried.
    """

    feature_index: int
    rise: float
    promotes: float | None
    strength: float
    value: float
    n: int
    shown: int
    n_closed: int
    right: int
    given_up: bool

    def rank(self) -> tuple[int, int, float, float]:
        """Larger is better."""
        return self.shown, self.right, -self.strength, self.rise

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Setting:
    candidate: Candidate
    strength: float
    value: float
    push: Push
    counts: Counts


@dataclass(frozen=True)
class Counts:
    """Of answers: how many there are, how many show the trait, how many have a right answer, and
    are right.
    """

    n: int = 0
    shown: int = 0
    n_closed: int = 0
    right: int = 0

    def __add__(self, other: Counts) -> Counts:
        mine, others = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + others[name] for name in mine})

    @classmethod
    def of(cls, goal: Goal, questions: Sequence[Put], answers: Sequence[Answer]) -> Counts:
        pairs = list(zip(questions, answers, strict=True))
        return cls(
            len(pairs),
            sum(goal.shown(answer.text) for _, answer in pairs),
            sum(bool(one.question.answers) for one, _ in pairs),
            sum(one.question.right(answer.text) for one, answer in pairs),
        )


def add_feature(sae: Sae, feature_index: int, norm: float) -> tuple[float, Push]:
    """(α, what adds α·W_dec[f], which has that length)."""
    row = sae.decoder_rows([feature_index])[0].float()
    value = norm / max(float(row.norm()), 1e-12)

    def make(position: int) -> Intervention:
        return Intervention.on_feature(sae, feature_index, "add", value, positions=(position,))

    return value, shared_edits(make)


def at_last(push: Push, questions: Sequence[Put]) -> list[Row]:
    """Every question with the edit at its last position."""
    return [Row(one.ids, tuple(push(one.last))) for one in questions]


class Search:
    """One goal in one SAE."""

    def __init__(
        self, answering: Answering, goal: Goal, questions: Sequence[Put], sae: Sae, found: Scan
    ) -> None:
        self.answering, self.goal, self.sae, self.scan = answering, goal, sae, found
        self.first = list(questions[::3])
        self.rest = [one for place, one in enumerate(questions) if place % 3]

    def tried(self, strengths: Sequence[float]) -> list[Tried]:
        """Every setting, in the order of candidates and strengths."""
        settings = [
            self._setting(one, strength) for one in self.scan.candidates for strength in strengths
        ]
        plain = self.answering.answers([Row(one.ids) for one in self.first])
        floor = Counts.of(self.goal, self.first, plain).shown
        self._ask(settings, self.first)
        hopeful = [one for one in settings if one.counts.shown > floor]
        hopeful.sort(key=lambda one: (-one.counts.shown, one.strength))  # stable: then by place
        best, left = 0, hopeful
        while left:
            within = [one for one in left if one.counts.shown + len(self.rest) >= best]
            self._ask(within[:TOGETHER], self.rest)
            best = max([best, *(one.counts.shown for one in within[:TOGETHER])])
            left = within[TOGETHER:]
        self.answering.spare(sum(self._lacking(one) for one in settings))
        return [
            Tried(
                **asdict(one.candidate),
                strength=one.strength,
                value=one.value,
                **asdict(one.counts),
                given_up=self._lacking(one) > 0,
            )
            for one in settings
        ]

    def _lacking(self, one: _Setting) -> int:
        return len(self.first) + len(self.rest) - one.counts.n

    def _setting(self, candidate: Candidate, strength: float) -> _Setting:
        value, push = add_feature(self.sae, candidate.feature_index, strength * self.scan.norm)
        return _Setting(candidate, strength, value, push, Counts())

    def _ask(self, settings: Sequence[_Setting], questions: Sequence[Put]) -> None:
        """All of them together, so that rows of one length share a batch."""
        if not questions:
            return
        answers = self.answering.answers(
            [row for one in settings for row in at_last(one.push, questions)]
        )
        for place, one in enumerate(settings):
            own = answers[place * len(questions) : (place + 1) * len(questions)]
            one.counts += Counts.of(self.goal, questions, own)


def best_of(tried: Sequence[Tried]) -> Tried | None:
    """The one to judge; None where the trait never showed, or every setting was given up."""
    whole = [one for one in tried if not one.given_up and one.shown]
    return max(whole, key=Tried.rank) if whole else None
