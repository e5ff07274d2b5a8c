"""Prompts of a task file as token ids: the places of question and subject, in every wrapper."""

from typing import Any

import pytest

from backend.core.lm import LanguageModel
from backend.core.tasks.file import parse_tasks
from backend.core.tasks.prompts import question_range, read_prompt
from backend.core.tasks.rows import Tasks

FEW = {"wrapper": "few-shot", "examples": [["Who sat on the mat?", "The cat"]]}


def tasks_of(prompt: dict[str, Any] | None, **changes: Any) -> Tasks:
    raw: dict[str, Any] = {
        "format": 1,
        "title": "Capitals",
        "noun": "countries",
        "tails": ["? The cat sat."],
        "subjects": [
            {"name": "Russia", "capital": "Moscow"},
            {"name": "the UK", "capital": "London"},
        ],
        "relations": {"capital": ["What is the capital of {s}"]},
    }
    raw |= changes | ({"prompt": prompt} if prompt else {})
    return parse_tasks(
        {key: value for key, value in raw.items() if value is not None}, "capitals.toml"
    )


@pytest.mark.parametrize("wrapper", [None, FEW, {"wrapper": "chat"}])
@pytest.mark.parametrize("place", [0, 1])
def test_the_places_hold_what_was_written_there(
    lm: LanguageModel, wrapper: dict[str, Any] | None, place: int
) -> None:
    tasks = tasks_of(wrapper)
    question = tasks.questions[place]
    found = read_prompt(lm, tasks, question)
    assert found.ids == lm.tokenize(tasks.plain(question), chat=tasks.prompt.chat)
    said = {
        name: lm.decode([found.ids[p] for p in where])
        for name, where in vars(found).items()
        if name != "ids"
    }
    assert said == {"question": question.text, "subject": f" {question.subject}"}
    after = lm.decode([found.ids[p] for p in found.after_subject])
    assert after.startswith("? The cat sat.")
    assert len(after) > len("? The cat sat.")  # the wrapper's own end, where the answer begins
    assert question_range(lm, tasks, found.ids) == found.question


def test_a_subject_may_come_first_or_last(lm: LanguageModel) -> None:
    first = tasks_of(FEW, relations={"capital": ["{s} has which capital"]})
    found = read_prompt(lm, first, first.questions[0])
    assert lm.decode([found.ids[p] for p in found.subject]) == "Russia"
    assert found.subject.start == found.question.start
    last = tasks_of(None, tails=[""])
    found = read_prompt(lm, last, last.questions[0])
    assert lm.decode([found.ids[p] for p in found.after_subject]) == "\n"


def test_a_question_without_a_subject_has_none(lm: LanguageModel) -> None:
    tasks = tasks_of(
        FEW, subjects=None, relations=None, noun=None, questions={"test": [["Where is it?"]]}
    )
    found = read_prompt(lm, tasks, tasks.questions[0])
    assert list(found.subject) == []
    assert lm.decode([found.ids[p] for p in found.question]) == "Where is it?"


def test_a_name_that_grows_into_what_follows_is_refused(lm: LanguageModel) -> None:
    """The tiny tokenizer has "London" as one token: of "Lon" nothing is left there."""
    tasks = tasks_of(None, subjects=[{"name": "Lon", "capital": "x"}], tails=["don."])
    assert [lm.token_text(token_id) for token_id in lm.tokenize("London")[1:]] == ["London"]
    with pytest.raises(
        ValueError, match="'Lon' has no tokens of its own in 'What is the capital of London.'"
    ):
        read_prompt(lm, tasks, tasks.questions[0])
