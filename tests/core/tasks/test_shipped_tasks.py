"""The shipped task files: as the format wants them, the lab's as its facts are."""

import json
import tomllib
from pathlib import Path

import pytest

from backend.core.lm import LanguageModel
from backend.core.presets import load_preset
from backend.core.tasks import Tasks, read_tasks
from backend.core.tasks.file import parse_tasks
from backend.core.tasks.prompts import read_prompt
from precompute.lab.questions import LAB, phrasings

GEMMA = LAB.parent / "gemma" / "tasks"
FILES = sorted([*GEMMA.glob("*.toml"), *(LAB / "tasks").glob("*.toml")])


def shipped(name: str) -> Tasks:
    return read_tasks(GEMMA / f"{name}.toml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_every_shipped_file_is_read_and_every_closed_question_is_right_by_its_own_answer(
    path: Path,
) -> None:
    tasks = read_tasks(path)
    for question in tasks.questions:
        assert all(question.right(answer) for answer in question.answers)


def test_there_is_enough_to_measure_on() -> None:
    assert len(shipped("capitals").questions) >= 42
    assert len(shipped("landmarks").questions) >= 16
    assert len(shipped("facts").questions) >= 20
    for name in ("capitals", "landmarks"):
        tails = shipped(name).tails
        between = [tail for tail in tails if len(tail.strip(" ?.,").split()) >= 2]
        assert len(tails) >= 4
        assert len(between) >= 2
    traits = shipped("traits")
    assert set(traits.traits) == {"Chinese", "Russia", "UK"}
    assert len(traits.of("fit")) >= 20
    assert len(traits.of("test")) >= 100
    for trait in traits.traits.values():
        for (
            question
        ) in traits.questions:  # the right answer of a closed question never shows a country
            assert trait.language or not any(trait.shown(answer) for answer in question.answers)


def test_the_ten_lines_of_the_documentation_are_a_task_file() -> None:
    text = (GEMMA / "README.md").read_text("utf-8").split("```toml\n")[1].split("```")[0]
    assert len(text.splitlines()) <= 10
    tasks = parse_tasks(tomllib.loads(text), "animals.toml")
    assert [question.text for question in tasks.questions] == [
        "What sound does the cow make?",
        "What sound does the cat make?",
    ]


def test_the_labs_file_is_its_facts_and_its_phrasings() -> None:
    tasks = read_tasks(LAB / "tasks" / "countries.toml")
    countries = json.loads((LAB / "facts.json").read_text("utf-8"))["countries"]
    facts = {row["en"]: tuple(row["capital"]) for row in countries}
    assert {question.subject: question.answers for question in tasks.questions} == facts
    known = phrasings()["capital"]["en"]
    for question in tasks.questions:
        listed = known["train" if question.split == "fit" else "held_out"]
        assert question.template in listed


def test_the_lab_model_reads_every_subject_of_its_file() -> None:
    lm = LanguageModel.load(load_preset("lab").model)
    tasks = read_tasks(LAB / "tasks" / "countries.toml")
    for question in tasks.questions:
        found = read_prompt(lm, tasks, question)
        assert lm.decode([found.ids[p] for p in found.subject]).strip() == question.subject
        assert found.question.start == 1  # behind BOS
