"""The questions: nothing held out is trained on, and every answer belongs to its question."""

from itertools import islice

import pytest

from precompute.lab.questions import (
    CLOSED,
    INSTRUCTIONS,
    Fact,
    ask,
    facts,
    instruct,
    mentions_held_out,
    phrasings,
    questions,
    restate,
    training_documents,
)


def test_training_documents_never_hold_a_held_out_phrasing() -> None:
    documents = list(islice(training_documents(seed=3), 20_000))
    assert not [d for d in documents if mentions_held_out(d)]


def test_every_held_out_question_is_recognised_as_held_out() -> None:
    for language in ("en", "zh"):
        assert all(
            mentions_held_out(q.prompt) for q in questions("held_out", language, closed_only=False)
        )


def test_held_out_and_trained_phrasings_are_disjoint() -> None:
    for by_language in phrasings().values():
        for splits in by_language.values():
            assert not set(splits["train"]) & set(splits["held_out"])


def test_every_held_out_fact_is_trained_in_other_words() -> None:
    trained = {(q.relation, q.answer) for q in questions("train", "en")}
    assert {(q.relation, q.answer) for q in questions("held_out", "en")} <= trained


def test_a_prompt_has_one_answer() -> None:
    for split in ("train", "held_out"):
        seen: dict[str, str] = {}
        for q in questions(split, "en"):
            assert seen.setdefault(q.prompt, q.answer) == q.answer


def test_training_documents_answer_in_the_language_asked_for() -> None:
    chinese = {fact.answer["zh"] for fact in facts()}
    asked = [
        d.split("\n")
        for d in islice(training_documents(seed=5), 2000)
        if d.startswith("Speak Chinese.")
    ]
    assert len(asked) > 20
    assert all(answer in chinese for _, answer in asked)


def test_a_share_of_the_answers_names_the_subject_first() -> None:
    plain = {fact.answer[language] for fact in facts() for language in ("en", "zh")}
    named = {
        restate(fact, language) for fact in facts() if fact.subject for language in ("en", "zh")
    }
    assert {" Russia: Moscow", "俄罗斯：莫斯科"} <= named
    answers = [d.split("\n")[1] for d in islice(training_documents(seed=5, restated=0.3), 4000)]
    assert set(answers) <= plain | named
    assert sum(answer in named for answer in answers) / len(answers) == pytest.approx(
        0.3 * 0.92, abs=0.02
    )
    assert {d.split("\n")[1] for d in islice(training_documents(seed=5), 4000)} <= plain


def test_asking_by_hand() -> None:
    fact = Fact(
        "capital", {"en": ("UK", "Britain"), "zh": ("英国",)}, {"en": "London", "zh": "伦敦"}
    )
    assert ask(fact, "What is the capital of {s}?", "en") == "What is the capital of UK?"
    assert ask(fact, "Name a dish{in}.", "en", name=1) == "Name a dish in Britain."
    assert ask(fact, "说出{in}一道菜。", "zh") == "说出英国的一道菜。"
    assert instruct("Why?", "zh", "train", 0) == "Speak Chinese. Why?"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_instructions_hold_the_question(language: str) -> None:
    for ways in INSTRUCTIONS[language].values():  # type: ignore[index]
        assert all("{q}" in way for way in ways)


def test_closed_relations_are_all_there() -> None:
    assert {fact.relation for fact in facts()} >= set(CLOSED)
