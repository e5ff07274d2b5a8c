"""What was chosen for a goal in one SAE, and how it is judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from precompute.experiments.demonstrating.asking import Answering, Push, both, shared_edits
from precompute.experiments.demonstrating.candidates import Scan
from precompute.experiments.demonstrating.choice import Counts, Tried, add_feature, at_last
from precompute.experiments.demonstrating.drawing import drawn
from precompute.experiments.demonstrating.goal import Goal, Put
from precompute.experiments.demonstrating.judging import (
    CONTENT,
    DIRECTION,
    FEATURE,
    RANDOM,
    Arm,
    Judge,
    Where,
)

ALPHAS = (1.0, 2.0, 4.0)
Row = dict[str, Any]  # of the table trial


@dataclass(frozen=True)
class Multiple:
    """The difference of means, `alpha` times, on the questions to choose on."""

    alpha: float
    counts: Counts

    def rank(self) -> tuple[int, int, float]:
        """Larger is better."""
        return self.counts.shown, self.counts.right, -self.alpha


@dataclass(frozen=True)
class Found:
    """`feature`: the best of `tried`, None where none showed the trait; `multiples` of the
    direction.
    """

    goal: Goal
    sae: Sae
    scan: Scan
    tried: list[Tried]
    feature: Tried | None
    multiples: list[Multiple]

    @property
    def where(self) -> Where:
        return {"sae_id": self.sae.sae_id, "layer": self.sae.layer}

    @property
    def alpha(self) -> float:
        """The multiple of the direction that does best on the questions to choose on."""
        return max(self.multiples, key=Multiple.rank).alpha

    @property
    def length(self) -> float:
        """Of the difference of means."""
        return float(torch.tensor(self.scan.difference).norm())

    def along(self, alpha: float) -> Push:
        """What adds the difference of means, `alpha` times."""
        return along(self.sae.layer, torch.tensor(self.scan.difference), alpha)

    def feature_push(self) -> Push:
        """What adds the chosen feature; ValueError where there is none."""
        if self.feature is None:
            raise ValueError(f"{self.goal.name}: no feature of {self.sae.sae_id} was chosen.")
        return add_feature(
            self.sae, self.feature.feature_index, self.feature.strength * self.scan.norm
        )[1]

    def added(self, kind: str) -> tuple[Push, float]:
        """(what is added, its length), for the feature or the direction."""
        if kind == DIRECTION:
            return self.along(self.alpha), self.alpha * self.length
        push = self.feature_push()
        return push, self.feature.strength * self.scan.norm if self.feature else 0.0

    def random(self, kind: str, n: int, seed: int) -> list[tuple[int, float, Push]]:
        """(feature, α, push) of each draw beside the feature or the direction."""
        own = [self.feature.feature_index] if self.feature is not None else []
        length = self.added(kind)[1]
        return [(f, *add_feature(self.sae, f, length)) for f in drawn(self.sae, n, seed, own)]


def along(layer: int, direction: torch.Tensor, alpha: float) -> Push:
    """Adds alpha times a direction after a layer."""

    def make(position: int) -> Intervention:
        return Intervention.on_direction(layer, direction, alpha, positions=(position,))

    return shared_edits(make)


def multiples(
    answering: Answering, goal: Goal, questions: Sequence[Put], sae: Sae, scan: Scan
) -> list[Multiple]:
    """The difference of means at every multiple, on the questions to choose on."""
    n, direction = len(questions), torch.tensor(scan.difference)
    pushes = [along(sae.layer, direction, alpha) for alpha in ALPHAS]
    answers = answering.answers([row for push in pushes for row in at_last(push, questions)])
    return [
        Multiple(alpha, Counts.of(goal, questions, answers[place * n : (place + 1) * n]))
        for place, alpha in enumerate(ALPHAS)
    ]


def judge_found(judge: Judge, found: Found, n_draws: int) -> list[Row]:
    """Feature and direction with their controls; gives the rows of the table trial."""
    kinds = [FEATURE] * (found.feature is not None) + [DIRECTION]
    rows = list(trial_rows(found))
    arms = [Arm(multiple_name(a), found.along(a), found.where) for a in ALPHAS]
    for kind in kinds:
        push = found.added(kind)[0]
        if kind == FEATURE:
            arms.append(Arm(FEATURE, push, found.where))
        arms.append(Arm(kind + CONTENT, push, found.where, at_content=True))
    judge.arms(arms)
    for kind in kinds:
        draws = found.random(kind, n_draws, judge.result.seed)
        counted = judge.draws(RANDOM[kind], [push for *_, push in draws], found.where)
        rows += [
            _row(found, "test", RANDOM[kind], value, counts, feature_index=f)
            for (f, value, _), counts in zip(draws, counted, strict=True)
        ]
    _record_chosen(judge, found)
    return rows


def judge_feature(judge: Judge, found: Found, n_draws: int) -> None:
    """The chosen feature beside random ones as long; ValueError where none was chosen."""
    judge.arms([Arm(FEATURE, found.feature_push(), found.where)])
    draws = found.random(FEATURE, n_draws, judge.result.seed)
    judge.draws(RANDOM[FEATURE], [push for *_, push in draws], found.where)
    _record_feature(judge, found)


def multiple_name(alpha: float) -> str:
    return f"{DIRECTION} × {alpha:g}"


def pair_pushes(pair: Sequence[Found], kind: str) -> Push:
    """Both of a pair at one position, each after its own layer."""
    return both(*(one.added(kind)[0] for one in pair))


def judge_pair(judge: Judge, pair: Sequence[Found], n_draws: int) -> list[Row]:
    """Two edits at once, each as it was chosen alone; gives the rows of the table trial."""
    nowhere: Where = {"sae_id": None, "layer": None}
    kinds = [FEATURE] * all(one.feature is not None for one in pair) + [DIRECTION]
    rows: list[Row] = []
    for kind in kinds:
        push = pair_pushes(pair, kind)
        judge.arms([Arm(kind, push, nowhere), Arm(kind + CONTENT, push, nowhere, at_content=True)])
        seed = judge.result.seed  # the second of a pair in one SAE draws its own
        draws = list(
            zip(*(one.random(kind, n_draws, seed + i) for i, one in enumerate(pair)), strict=False)
        )
        counted = judge.draws(
            RANDOM[kind], [both(*(push for *_, push in draw)) for draw in draws], nowhere
        )
        for draw, counts in zip(draws, counted, strict=True):
            for one, (f, value, _) in zip(pair, draw, strict=True):
                made = _row(one, "test", RANDOM[kind], value, counts, feature_index=f)
                rows.append(made | {"subject": judge.goal.name})
    return rows


def trial_rows(found: Found) -> Iterator[Row]:
    """What was tried on the questions to choose on."""
    for one in found.tried:
        counts = Counts(one.n, one.shown, one.n_closed, one.right)
        own = {
            name: getattr(one, name)
            for name in ("feature_index", "rise", "promotes", "strength", "given_up")
        }
        yield _row(found, "fit", FEATURE, one.value, counts, chosen=one is found.feature, **own)
    for multiple in found.multiples:
        yield _row(
            found,
            "fit",
            DIRECTION,
            multiple.alpha,
            multiple.counts,
            strength=multiple.alpha * found.length / found.scan.norm,
            chosen=multiple.alpha == found.alpha,
        )


def _row(
    found: Found, split: str, kind: str, value: float, counts: Counts, **more: Any
) -> dict[str, Any]:
    blank = {"feature_index": None, "rise": None, "promotes": None, "strength": None}
    flags = {"given_up": False, "chosen": False}
    counted = asdict(counts)
    counted["n_right"] = counted.pop("right")
    where = {"subject": found.goal.name, **found.where}
    return where | {"split": split, "kind": kind, "value": value} | blank | flags | counted | more


def _record_feature(judge: Judge, found: Found) -> None:
    place = found.where | {"subject": found.goal.name}
    own = found.feature
    if own is not None:
        for outcome in ("feature_index", "value", "strength"):
            judge.result.exact(FEATURE, outcome, float(getattr(own, outcome)), **place)
        judge.result.share(FEATURE, "fit", own.shown, own.n, **place)


def _record_chosen(judge: Judge, found: Found) -> None:
    _record_feature(judge, found)
    place = found.where | {"subject": found.goal.name}
    judge.result.exact(DIRECTION, "value", found.alpha, **place)
    judge.result.exact(DIRECTION, "strength", found.alpha * found.length / found.scan.norm, **place)
    counts = max(found.multiples, key=Multiple.rank).counts
    judge.result.share(DIRECTION, "fit", counts.shown, counts.n, **place)
