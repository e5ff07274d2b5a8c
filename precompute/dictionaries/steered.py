"""The best feature of each dictionary at a prompt's last position, as `demonstrations` finds and
judges it; no direction is tried, and no edit elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tqdm import tqdm

from backend.core.tasks import Tasks
from precompute.dictionaries.words import EDITED, NAME
from precompute.experiments.demonstrating.choice import Tried
from precompute.experiments.demonstrating.found import Found, judge_feature
from precompute.experiments.demonstrating.goal import Goal
from precompute.experiments.demonstrating.judging import OUTCOMES, Judge
from precompute.experiments.demonstrating.run import ARMS, Run, Sizes, searched
from precompute.experiments.kept import Kept
from precompute.experiments.opened import Opened
from precompute.experiments.result import Result


def steer(
    result: Result, opened: Opened, tasks: Tasks, traits: Sequence[str], sizes: Sizes, kept: Kept
) -> None:
    """Every trait in every dictionary; all answers are kept by what determines them."""
    with tqdm(total=0, unit="answer", desc=f"{NAME}: steering") as bar:
        run = Run.of(opened, tasks, sizes, kept, bar)
        for name in traits:
            fit, test = run.put(run.goal(name))
            n_saes, settings = len(opened.subject.saes), sizes.rising * len(sizes.strengths)
            of_each = settings * len(fit) + -(-len(fit) // 3) + (1 + sizes.draws) * len(test)
            run.answering.expect(2 * (len(fit) + len(test)) + n_saes * of_each)
        for name in traits:
            _trait(result, run, run.goal(name))


def _trait(result: Result, run: Run, goal: Goal) -> None:
    fit, test = run.put(goal)
    made = Result(NAME, result.seed, arm=dict(ARMS), outcome=dict(OUTCOMES))
    judge = Judge(made, run.answering, goal, test)
    judge.without_edits()
    for one in searched(run, goal, fit):
        chosen = one.feature or most_risen(one.tried)
        if chosen is None:
            result.finding.append(f"{_start(one)}no feature rises where the trait is asked for.")
            continue
        if one.feature is None:
            result.finding.append(
                f"{_start(one)}none of {len(one.scan.candidates)} features shows the trait on the "
                f"questions to choose on; judged is the one that rises most."
            )
        judge_feature(judge, replace(one, feature=chosen), run.sizes.draws)
    for row in made.estimate:
        if row["arm"] in EDITED and row["outcome"] in result.outcome:
            result.estimate.append(row)


def most_risen(tried: Sequence[Tried]) -> Tried | None:
    """What is judged where nothing showed the trait: the largest rise at the largest strength."""
    return max(tried, key=lambda one: (one.rise, one.strength), default=None)


def _start(found: Found) -> str:
    return f"{found.goal.name}, {found.sae.sae_id}: "
