"""The parts of `precompute demonstrations`: by hand, or by another route."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tqdm import tqdm

from backend.core.intervals import wilson
from backend.core.lm import LanguageModel
from backend.core.lm.past import Past, begin
from backend.core.sae import Sae
from backend.core.steering.answers import Answer, all_answers
from backend.core.tasks import Tasks
from backend.core.tasks.file import parse_tasks
from backend.core.token_classes import CONTENT, FUNCTION
from precompute.experiments.demonstrating import asking
from precompute.experiments.demonstrating.asking import Answering, Row
from precompute.experiments.demonstrating.candidates import (
    Candidate,
    Residuals,
    Scan,
    promotion,
    residuals,
    scan,
)
from precompute.experiments.demonstrating.choice import Counts, Search, add_feature, best_of
from precompute.experiments.demonstrating.drawing import drawn
from precompute.experiments.demonstrating.fluency import log_probabilities
from precompute.experiments.demonstrating.goal import Goal, Put, put
from precompute.experiments.demonstrating.judging import UNEDITED, Arm, Judge
from precompute.experiments.demonstrating.run import ARMS, OUTCOMES
from precompute.experiments.kept import Kept
from precompute.experiments.result import Result
from precompute.experiments.subject import Subject

TEXT = """
format = 1
title = "Letters"
questions.fit = [
    ["What is the UK{trait}?"], ["What is the cat{trait}?"], ["The dog sat{trait}."],
    ["What is the capital of Russia?", "Moscow"], ["Speak{trait}."], ["What is the mat?", "a mat"],
]
questions.test = [
    ["What is the door{trait}?"], ["The cat sat{trait}."], ["What is the dog?", "a dog"],
    ["What is the capital of the UK?", "London"],
]
[prompt]
wrapper = "few-shot"
examples = [["What is London?", "the UK"]]
stop = "."
[traits.A]
words = " by the door"
pattern = "[aeiou]"
[traits.B]
asked = "Speak Chinese. {q}"
pattern = "[^ ]"
"""


@pytest.fixture(scope="module")
def tasks() -> Tasks:
    return parse_tasks(tomllib.loads(TEXT), "letters.toml")


@pytest.fixture(scope="module")
def subject(lm: LanguageModel, saes: dict[str, Sae]) -> Subject:
    short = [len(lm.token_text(i)) == 1 for i in range(lm.vocab_size)]
    classes = np.where(short, FUNCTION, CONTENT).astype(np.int8)
    return Subject(lm, [saes["layer_0"], saes["layer_2"]], classes, seed=3)


@pytest.fixture
def answering(lm: LanguageModel, tmp_path: Path) -> Answering:
    bar: tqdm[Any] = tqdm(disable=True)
    return Answering(lm, Kept(tmp_path, {}), new_tokens=5, until=["."], bar=bar)


def goal(tasks: Tasks, *names: str) -> Goal:
    return Goal(tuple(tasks.traits[name] for name in names))


def test_questions_are_put_with_and_without_words(subject: Subject, tasks: Tasks) -> None:
    """Where the words have no place the question cannot ask; a pair asks with both."""
    fit = put(subject, tasks, goal(tasks, "A"), "fit", None)
    lm = subject.lm
    assert [one.asking is None for one in fit] == [False, False, False, True, False, True]
    assert lm.decode(fit[0].ids[1:]) == "What is London?\nthe UK\n\nWhat is the UK?\n"
    assert lm.decode(fit[0].ids[fit[0].last :]) == "\n"
    assert lm.token_text(fit[0].ids[fit[0].content]).strip() in "UK"
    assert fit[0].content < fit[0].last - 1
    (both,) = put(subject, tasks, goal(tasks, "A", "B"), "fit", 1)
    asked = "Speak Chinese. What is the UK by the door?\n"
    assert lm.decode(both.asking or []).endswith(asked)
    taken = [one.question for one in put(subject, tasks, goal(tasks, "A"), "fit", 3)]
    assert taken == [tasks.of("fit")[place] for place in (0, 2, 4)]


def test_an_answer_must_show_every_trait(tasks: Tasks) -> None:
    assert goal(tasks, "A").shown("cat")
    assert not goal(tasks, "A", "B").shown("xyz")
    assert goal(tasks, "A", "B").shown("xyza")


def rows_of(subject: Subject, puts: Sequence[Put]) -> list[Row]:
    """Plain, with a feature at the last position, and with it at a content word."""
    _, push = add_feature(subject.saes[1], 5, 40.0)
    return [
        row
        for one in puts
        for row in (
            Row(one.ids),
            Row(one.ids, tuple(push(one.last))),
            Row(one.ids, tuple(push(one.content))),
        )
    ]


def test_answers_together_behind_a_prefix_are_those_of_each_prompt_alone(
    subject: Subject, tasks: Tasks, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(subject, put(subject, tasks, goal(tasks, "A"), "fit", None))
    past = answering.past(rows)
    assert past is not None
    assert len(past) > 5
    monkeypatch.setattr(asking, "PART", 4)
    alone = [
        all_answers(subject.lm, [row.ids], [row.edits], max_new_tokens=5, until=["."])[0]
        for row in rows
    ]
    found = answering.answers(rows)
    assert [one.token_ids for one in found] == [one.token_ids for one in alone]
    assert [one.text for one in found] == [one.text.strip() for one in alone]
    assert len({tuple(one.token_ids) for one in found}) > len(rows) / 3
    monkeypatch.setattr(asking, "all_answers", None)  # what is kept is not asked again
    assert answering.answers(rows) == found
    other = add_feature(subject.saes[1], 5, 41.0)[1]
    with pytest.raises(TypeError):
        answering.answers([Row(rows[0].ids, tuple(other(len(rows[0].ids) - 1)))])


def test_log_probabilities_are_those_of_the_whole_text(
    subject: Subject, tasks: Tasks, answering: Answering
) -> None:
    lm = subject.lm
    prompts = [one.ids for one in put(subject, tasks, goal(tasks, "A"), "fit", None)]
    after = [[7, 8, 9], [11], [], [30, 31], [7], [9, 8]]
    expected = [
        -float(lm.per_token_loss([ids + more])[0][len(ids) - 1 :].mean()) if more else None
        for ids, more in zip(prompts, after, strict=True)
    ]
    cache = begin(lm.model, None)
    lm.fill([prompts[0][:3]], cache)
    past = Past.of(tuple(prompts[0][:3]), cache)
    for found in (
        log_probabilities(lm, prompts, after),
        log_probabilities(lm, prompts, after, past),
        answering.log_probabilities(prompts, [Answer(ids, "") for ids in after]),
    ):
        assert found == [None if x is None else pytest.approx(x, rel=1e-4) for x in expected]


def test_candidates_rise_or_promote(subject: Subject, tasks: Tasks, answering: Answering) -> None:
    sae, lm = subject.saes[1], subject.lm
    fit = put(subject, tasks, goal(tasks, "A"), "fit", None)
    found = residuals(answering, fit, [sae.layer])
    can = [one for one in fit if one.asking is not None]
    last = torch.stack([lm.resid_post([one.ids], [sae.layer])[sae.layer][0, -1] for one in can])
    assert torch.allclose(found.plain[sae.layer], last, atol=1e-4)
    with_trait, without = [40, 41], [50]
    made = scan(sae, found, promotion(lm, with_trait, without), 4, 3)
    dense = [sae.encode_dense(x[sae.layer]).mean(0) for x in (found.asking, found.plain)]
    rise = dense[0] - dense[1]
    logits = lm.unembed_direction(sae.W_dec)
    effect = logits[:, with_trait].mean(1) - logits[:, without].mean(1)
    score = effect / sae.W_dec.norm(dim=-1)
    by_rise = rise.argsort(descending=True)[:4].tolist()
    by_score = [f for f in score.argsort(descending=True).tolist() if f not in by_rise][:3]
    assert [one.feature_index for one in made.candidates] == by_rise + by_score
    for one in made.candidates:
        assert one.rise == pytest.approx(float(rise[one.feature_index]), abs=1e-4)
        assert one.promotes == pytest.approx(float(score[one.feature_index]), rel=1e-3)
    assert made.norm == pytest.approx(float(last.norm(dim=-1).mean()), rel=1e-5)
    assert Scan.of(made.as_json()) == made
    assert scan(sae, Residuals(found.plain, found.plain), None, 4, 3).candidates == []


class Told:
    """Answers from a table: whether a feature at a strength shows the trait on each question."""

    def __init__(
        self, table: dict[tuple[int, float], list[bool]], questions: Sequence[Put]
    ) -> None:
        self.table, self.asked, self.spared = table, 0, 0
        self.places = {tuple(one.ids): place for place, one in enumerate(questions)}

    def answers(self, rows: Sequence[Row]) -> list[Answer]:
        self.asked += len(rows)
        return [Answer([1], "a" if self._shown(row) else "x") for row in rows]

    def _shown(self, row: Row) -> bool:
        for edit in row.edits:
            strength = round(edit.value * float(edit.direction.norm()), 3)
            return self.table[edit.feature_index or 0, strength][self.places[tuple(row.ids)]]
        return False

    def spare(self, n: int) -> None:
        self.spared += n


@pytest.mark.parametrize("seed", range(20))
def test_giving_up_never_loses_the_best(subject: Subject, tasks: Tasks, seed: int) -> None:
    """Against asking everything: of those that show the trait on the first third (questions 0 and
    3), the best at the smallest strength.
    """
    rng = np.random.default_rng(seed)
    questions = put(subject, tasks, goal(tasks, "A"), "fit", None)
    table = {
        (f, s): (rng.uniform(0, 1, 6) < rng.uniform(0, 1)).tolist()
        for f in range(8)
        for s in (1.0, 2.0, 3.0)
    }
    found = Scan(1.0, [0.0], [Candidate(f, 1.0 - f / 10, None) for f in range(8)])
    told = Told(table, questions)
    search = Search(told, goal(tasks, "A"), questions, subject.saes[0], found)  # type: ignore[arg-type]
    tried = search.tried((1.0, 2.0, 3.0))
    best = best_of(tried)
    hopeful = {key: sum(row) for key, row in table.items() if row[0] or row[3]}
    most = max(hopeful.values())
    assert best is not None
    assert (best.shown, best.n) == (most, 6)
    wanted = min((s, f) for (f, s), shown in hopeful.items() if shown == most)
    assert (best.strength, best.feature_index) == wanted
    assert told.spared == sum(6 - one.n for one in tried)
    assert told.asked == 2 + sum(one.n for one in tried)
    assert all(one.given_up == (one.n == 2) for one in tried)
    assert told.spared > 0


def test_draws_are_even_and_never_the_feature_itself(saes: dict[str, Sae]) -> None:
    sae = saes["layer_2"]
    made = [drawn(sae, 20, seed, [3]) for seed in range(300)]
    assert all(len(set(one)) == 20 and 3 not in one for one in made)
    assert drawn(sae, 20, 5, [3]) == made[5] != made[6]
    counts = np.bincount(np.concatenate(made), minlength=sae.d_sae)
    expected = 300 * 20 / (sae.d_sae - 1)
    assert counts[3] == 0
    assert abs(np.delete(counts, 3) - expected).max() < 5 * expected**0.5
    assert sorted(drawn(sae, 10**6, 0, [3])) == [f for f in range(sae.d_sae) if f != 3]


def test_the_judgement_by_hand(subject: Subject, tasks: Tasks) -> None:
    """Four questions: two open, two with an answer, none of which can ask for the trait."""
    questions = put(subject, tasks, goal(tasks, "A"), "test", None)
    plain = ["xyz", "b", "a dog", "London."]
    edited = ["cat", "Cat", "a dog", "xyz"]
    _, push = add_feature(subject.saes[0], 0, 1.0)

    class Fixed:
        def answers(self, rows: Sequence[Row]) -> list[Answer]:
            texts = edited if rows[0].edits else plain
            return [Answer([1], texts[place % 4]) for place in range(len(rows))]

        def log_probabilities(self, prompts: Any, answers: Sequence[Answer]) -> list[float | None]:
            return [-1.0, -2.0, None, -6.0][: len(answers)]

    result = Result("demonstrations", 0, arm=dict(ARMS), outcome=dict(OUTCOMES))
    judge = Judge(result, Fixed(), goal(tasks, "A"), questions)  # type: ignore[arg-type]
    judge.without_edits()
    judge.arms([Arm("feature", push, {"sae_id": "layer_0", "layer": 0})])
    counted = judge.draws("random features", [push, push], {"sae_id": "layer_0", "layer": 0})
    found = {(row["arm"], row["outcome"]): (row["value"], row["n"]) for row in result.estimate}
    assert counted == [Counts(4, 3, 2, 1)] * 2
    # two draws that agree are no certainty: the interval of one draw's four questions
    alike = result.value("random features", "shown", "layer_0", judge.goal.name)
    assert (alike["low"], alike["high"]) == wilson(3, 4)
    told = [one["success"] for one in result.answer if one["arm"] == "feature"]
    assert told == [True] * 3 + [False]
    by_hand(found)


def by_hand(found: dict[tuple[str, str], tuple[float, int]]) -> None:
    """What the answers above come to."""
    assert found[UNEDITED, "shown"] == (0.5, 4)
    assert found[UNEDITED, "shown_open"] == (0.0, 2)
    assert found[UNEDITED, "right"] == (1.0, 2)
    assert (UNEDITED, "lost") not in found
    assert found["feature", "shown"] == (0.75, 4)
    assert found["feature", "shown_open"] == (1.0, 2)
    assert found["feature", "right"] == (0.5, 2)
    assert found["feature", "lost"] == (0.5, 2)
    assert [found["feature", name][0] for name in ("distinct", "distinct_shown")] == [3, 2]
    assert found["feature", "log_probability"] == (-3.0, 3)
    assert found["random features", "shown"] == (0.75, 8)
    assert found["random features", "right"] == (0.5, 4)
    assert found["asked in words", "shown"][1] == 2  # of those that can ask
