"""What fires again in task files' prompts, and whether the answer needs it: which prompts are
asked, and figures made again from sets of features and from single forward passes.
"""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.lm import LanguageModel
from backend.core.lm.prefixes import Prefixes
from backend.core.reactivation.index import CLASSES
from backend.core.sae import Sae
from backend.core.tasks import Tasks
from backend.core.tasks.file import parse_tasks
from backend.core.tasks.prompts import read_prompt
from backend.core.token_classes import CONTENT, FUNCTION
from precompute.cli import main
from precompute.experiments import necessity
from precompute.experiments.again.asked import asked_prompts
from precompute.experiments.reactivation import counted, index_of
from precompute.experiments.subject import Asked, Subject
from precompute.job import BadInput
from tests.precompute.conftest import Made

TEXT = """
format = 1
title = "Places"
noun = "places"
tails = ["?", " by the door? The cat sat."]
subjects = [
    { name = "Russia", capital = "Moscow" }, { name = "the UK", capital = "London" },
    { name = "London", capital = "UK" }, { name = "Moscow", capital = "Russia" },
]
[prompt]
wrapper = "few-shot"
examples = [["What is the capital of the mat?", "Russia"]]
[relations]
capital = ["What is the capital of {s}", "The capital of {s}"]
"""


@pytest.fixture(scope="module")
def tasks() -> Tasks:
    return parse_tasks(tomllib.loads(TEXT), "places.toml")


@pytest.fixture(scope="module")
def subject(lm: LanguageModel, saes: dict[str, Sae]) -> Subject:
    short = [len(lm.token_text(i)) == 1 for i in range(lm.vocab_size)]
    classes = np.where(short, FUNCTION, CONTENT).astype(np.int8)
    return Subject(lm, [saes["layer_0"], saes["layer_2"]], classes, seed=3)


@pytest.fixture(scope="module")
def asked(subject: Subject, tasks: Tasks) -> list[Asked]:
    return asked_prompts(subject, [tasks], None)


def test_each_subject_is_asked_once_and_phrasings_and_tails_take_turns(
    subject: Subject, tasks: Tasks, asked: list[Asked]
) -> None:
    assert [one.question.prompt for one in asked] == [
        "What is the capital of Russia?",
        "The capital of the UK by the door? The cat sat.",
        "What is the capital of London?",
        "The capital of Moscow by the door? The cat sat.",
    ]
    assert [one.question.answer for one in asked] == ["Moscow", "London", "UK", "Russia"]
    first = asked[0]
    prompt = read_prompt(subject.lm, tasks, tasks.questions[0])
    assert first.token_ids == prompt.ids
    assert first.prefix_length == prompt.question.start > 0
    assert set(first.classes[: first.prefix_length]) == {None}
    assert None not in first.classes[first.prefix_length :]
    assert subject.lm.decode(first.answer_ids) == "Moscow"


def test_only_what_fired_in_the_question_itself_fires_again(
    subject: Subject, asked: list[Asked]
) -> None:
    """From sets of features: the few-shot example is no earlier position, run whole or once."""
    prefixes = Prefixes(subject.lm, 1 << 20)
    for one in asked:
        counts = counted(subject, one)
        shared = counted(subject, one, prefixes.of(one.token_ids[: one.prefix_length]))
        for whole, rest in zip(counts, shared, strict=True):
            assert (whole.observed == rest.observed).all()
            assert (whole.shuffled == rest.shuffled).all()
        for sae, found in zip(subject.saes, counts, strict=True):
            resid = subject.resid(one.token_ids)[sae.layer]
            fires = sae.encode(resid)
            seen: set[int] = set()
            again = {"function": 0, "content": 0}
            total = {"function": 0, "content": 0}
            for position in range(one.prefix_length, len(one.token_ids)):
                here = set(fires.feature_index[fires.position == position].tolist())
                name = str(one.classes[position])
                if name in total:
                    total[name] += len(here)
                    again[name] += len(here & seen)
                    seen |= here
            for name, row in zip(CLASSES, found.observed.tolist(), strict=True):
                assert (row[0], row[2]) == (total[name], again[name])


def test_necessity_ablates_what_the_question_brought_back(
    subject: Subject, asked: list[Asked]
) -> None:
    usable = [one for one in asked if one.of_class("function") and one.of_class("content")]
    result = necessity.run(subject, usable)
    row = result.value("reactivated", "loss_change", "layer_2")
    assert row["n"] == len(usable)
    sae = subject.saes[1]
    for place, one in enumerate(usable):
        cut = necessity.draw(
            sae, one, subject.resid(one.token_ids)[sae.layer], subject.seed + place
        )
        last = one.of_class("function")[-1]
        assert cut["reactivated"].position == last >= one.prefix_length
        fires = sae.encode(subject.resid(one.token_ids)[sae.layer])
        within = (fires.position >= one.prefix_length) & (fires.position < last)
        before = set(fires.feature_index[within].tolist())
        assert set(cut["reactivated"].features.tolist()) <= before


def test_the_index_is_stored_for_both_classes_and_their_difference(
    subject: Subject, asked: list[Asked]
) -> None:
    result = index_of(subject, [counted(subject, one) for one in asked])
    for sae in subject.saes:
        for arm in ("function", "content", "function - content"):
            assert result.value(arm, "index", sae.sae_id)["n"] == len(asked)


@pytest.mark.parametrize("name", ["reactivation", "necessity"])
def test_both_are_commands(
    name: str, tiny_folder: Path, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "places.toml", tmp_path / "b.experiments.duckdb"
    file.write_text(TEXT, "utf-8")
    where = ["--model", str(tiny_folder / "model"), "--build", str(made.out)]
    where += [part for sae in made.saes for part in ("--sae", str(sae.folder))]
    where += ["--work", str(tmp_path / "work")]
    assert main([name, *where, "--tasks", str(file), "--out", str(out)]) == 0
    assert "layer_" in capsys.readouterr().out
    store = ExperimentsStore(out)
    assert store.names() == [name]
    assert {row.n for row in store.estimates(name, arm="function - content")} <= {4}
    assert main([name, *where, "--tasks", str(file), "--prompts", "1"]) == 2
    assert "--prompts is 1; allowed: 2 and more." in capsys.readouterr().err


def test_a_file_without_answers_is_refused(subject: Subject) -> None:
    text = 'format = 1\ntitle = "Why"\nquestions.test = [["Why?"]]\n'
    nothing = parse_tasks(tomllib.loads(text), "f.toml")
    with pytest.raises(BadInput, match="no question has an answer"):
        asked_prompts(subject, [nothing], None)
