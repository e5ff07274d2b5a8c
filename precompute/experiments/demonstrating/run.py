"""The whole of it: every trait in every SAE, then the pairs, into one Result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from tqdm import tqdm

from backend.core.sae import Sae
from backend.core.tasks import Tasks
from precompute.experiments.demonstrating.asking import Answering, Row
from precompute.experiments.demonstrating.candidates import (
    Residuals,
    Scan,
    first_tokens,
    promotion,
    residuals,
    scan,
)
from precompute.experiments.demonstrating.choice import STRENGTHS, Search, Tried, best_of
from precompute.experiments.demonstrating.found import (
    ALPHAS,
    Found,
    judge_found,
    judge_pair,
    multiple_name,
    multiples,
)
from precompute.experiments.demonstrating.goal import Goal, Put, put
from precompute.experiments.demonstrating.judging import (
    ASKED,
    CONTENT,
    DIRECTION,
    FEATURE,
    OUTCOMES,
    RANDOM,
    UNEDITED,
    Judge,
)
from precompute.experiments.demonstrating.said import said_of, said_of_pair
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened
from precompute.experiments.result import Result
from precompute.experiments.subject import Subject
from precompute.inputs import sae_inputs
from precompute.job import BadInput

ARMS = {
    UNEDITED: "The question as it is asked, without any edit.",
    ASKED: "No edit: the trait is asked for in words, where the question can.",
    FEATURE: "The chosen feature of the SAE, added at the prompt's last position alone; of a pair, "
    "both, each after its own layer.",
    FEATURE + CONTENT: "The same at the question's last content word instead.",
    RANDOM[FEATURE]: "Features of the same SAE, drawn evenly from all of it, each added there with "
    "the chosen one's length; all draws together, with an interval over draws.",
    DIRECTION: "The difference of means, at the multiple that did best on the questions to choose "
    "on: a direction, not a feature.",
    **{
        multiple_name(alpha): f"{alpha:g} × the difference of means (asked in words less asked "
        "plainly) after the SAE's layer, added at the prompt's last position alone: a direction, "
        "not a feature."
        for alpha in ALPHAS
    },
    DIRECTION + CONTENT: "The difference of means at its best multiple, at the question's last "
    "content word instead.",
    RANDOM[DIRECTION]: "Random features as above, with the length of the direction at its best "
    "multiple.",
}


@dataclass(frozen=True)
class Sizes:
    """How much is tried. `questions`: of each split at most, evenly taken; None: all."""

    rising: int = 30
    promoting: int = 10
    strengths: tuple[float, ...] = STRENGTHS
    draws: int = 20
    new_tokens: int = 8
    questions: int | None = None

    def with_questions(self, n: int | None) -> Sizes:
        return replace(self, questions=n)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"strengths": list(self.strengths)}


@dataclass(frozen=True)
class Run:
    """What all traits share."""

    subject: Subject
    tasks: Tasks
    sizes: Sizes
    answering: Answering

    @classmethod
    def of(cls, opened: Opened, tasks: Tasks, sizes: Sizes, kept: Kept, bar: tqdm[Any]) -> Run:
        """BadInput for an SAE that cannot be steered with."""
        for sae in opened.subject.saes:
            if sae.normalize_activations != "none":
                raise BadInput(
                    f"{sae.sae_id} normalises its input ({sae.normalize_activations}): it can be "
                    "read but not steered with. Leave it out."
                )
        until = [tasks.prompt.stop] if tasks.prompt.stop else []
        answering = Answering(
            opened.subject.lm, kept, new_tokens=sizes.new_tokens, until=until, bar=bar
        )
        return cls(opened.subject, tasks, sizes, answering)

    def put(self, goal: Goal) -> tuple[list[Put], list[Put]]:
        """Its questions to choose on, and to judge on."""
        n = self.sizes.questions
        return (
            put(self.subject, self.tasks, goal, "fit", n),
            put(self.subject, self.tasks, goal, "test", n),
        )

    def goal(self, *names: str) -> Goal:
        return Goal(tuple(self.tasks.traits[name] for name in names))


def measured(run: Run, names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> Result:
    """Every trait, then every pair, with the best of each trait over all SAEs."""
    result = Result("demonstrations", run.subject.seed, arm=dict(ARMS), outcome=dict(OUTCOMES))
    puts = {name: run.put(run.goal(name)) for name in names}
    for fit, test in puts.values():
        run.answering.expect(_most(run, len(fit), len(test)))
    tqdm.write(f"at most {run.answering.bar.total:,} answers, most of them of a few tokens")
    best: dict[str, Found] = {}
    for name in names:
        goal, (fit, test) = run.goal(name), puts[name]
        judge = Judge(result, run.answering, goal, test)
        judge.without_edits()
        found = _found(run, goal, fit)
        for one in found:
            result.trial += judge_found(judge, one, run.sizes.draws)
            result.finding += said_of(result, one)
        best[name] = max(found, key=_rank)
    for pair in pairs:
        _pair(run, result, [best[name] for name in pair])
    return result


def _pair(run: Run, result: Result, pair: Sequence[Found]) -> None:
    goal = run.goal(*(one.goal.name for one in pair))
    _, test = run.put(goal)
    judge = Judge(result, run.answering, goal, test)
    judge.without_edits()
    result.trial += judge_pair(judge, pair, run.sizes.draws)
    result.finding += said_of_pair(result, pair)


def _rank(found: Found) -> tuple[Any, ...]:
    """The SAE whose feature did best on the questions to choose on."""
    return (found.feature is not None, found.feature.rank() if found.feature else ())


def _found(run: Run, goal: Goal, fit: Sequence[Put]) -> list[Found]:
    """The search in every SAE, and the direction after its layer."""
    return [
        replace(one, multiples=multiples(run.answering, goal, fit, one.sae, one.scan))
        for one in searched(run, goal, fit)
    ]


def searched(run: Run, goal: Goal, fit: Sequence[Put]) -> list[Found]:
    """The best feature of every SAE on the questions to choose on; no direction is looked for."""
    if not any(one.asking is not None for one in fit):
        raise BadInput(
            f"{run.tasks.file}: no question of the split fit can ask for {goal.name} in words."
        )
    answers = run.answering
    plain = answers.answers([Row(one.ids) for one in fit])
    can = [one for one in fit if one.asking is not None]
    asked = answers.answers([Row(one.asking or []) for one in can])
    shown = [answer for answer in asked if goal.shown(answer.text)]
    tokens = (first_tokens(shown), first_tokens(plain))
    made = []
    read = cache(lambda layer: residuals(answers, fit, [layer]))  # once for all SAEs of a layer
    for sae in run.subject.saes:
        scanned = _scan(run, goal, len(fit), sae, tokens, read)
        tried: list[Tried] = Search(answers, goal, fit, sae, scanned).tried(run.sizes.strengths)
        made.append(Found(goal, sae, scanned, tried, best_of(tried), []))
    return made


def _scan(
    run: Run,
    goal: Goal,
    n_fit: int,
    sae: Sae,
    tokens: tuple[list[int], list[int]],
    read: Callable[[int], Residuals],
) -> Scan:
    """Kept: what follows hangs on every bit of it."""

    def make() -> dict[str, Any]:
        found = read(sae.layer)
        with_trait, without = tokens
        known = run.sizes.promoting and with_trait and without
        promotes = promotion(run.subject.lm, with_trait, without) if known else None
        return scan(sae, found, promotes, run.sizes.rising, run.sizes.promoting).as_json()

    sizes = (run.sizes.rising, run.sizes.promoting, n_fit)
    files = sorted(sae_inputs(sae.folder).items())
    name = f"scan/{run.tasks.sha256}/{goal.name}/{sae.sae_id}/{files}/{sizes}"
    return Scan.of(run.answering.kept.part(name, make))


def _most(run: Run, n_fit: int, n_test: int) -> int:
    """Answers of one trait, when no setting is given up."""
    sizes = run.sizes
    settings = (sizes.rising + sizes.promoting) * len(sizes.strengths) + len(ALPHAS)
    per_sae = settings * n_fit + -(-n_fit // 3)
    per_sae += n_test * (2 * sizes.draws + len(ALPHAS) + 3)
    return 2 * (n_fit + n_test) + len(run.subject.saes) * per_sae
