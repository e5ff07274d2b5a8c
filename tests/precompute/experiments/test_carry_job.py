"""`precompute answers` and `carry` on the tiny build: against sets made prompt by prompt, and as
commands.
"""

import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.lm import LanguageModel
from backend.core.reactivation.carry import MOST
from backend.core.sae import Sae
from backend.core.steering.answers import all_answers
from backend.core.tasks import Tasks
from backend.core.tasks.file import parse_tasks
from backend.core.tasks.prompts import read_prompt, reader
from backend.core.token_classes import CONTENT, FUNCTION
from precompute.cli import main
from precompute.experiments import carry_read
from precompute.experiments.carry import ARMS, OUTCOMES
from precompute.experiments.carry_kinds import compare, comparison_arms
from precompute.experiments.carry_read import Group, Read, groups
from precompute.experiments.kept import Kept
from precompute.experiments.result import Result
from precompute.experiments.subject import Subject
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
    { name = "the cat", capital = "x" },
]
[prompt]
wrapper = "few-shot"
examples = [["What is the capital of the mat?", "Russia"]]
stop = "."
[relations]
capital = ["What is the capital of {s}"]
"""


@pytest.fixture(scope="module")
def tasks() -> Tasks:
    return parse_tasks(tomllib.loads(TEXT), "places.toml")


@pytest.fixture(scope="module")
def subject(lm: LanguageModel, saes: dict[str, Sae]) -> Subject:
    short = [len(lm.token_text(i)) == 1 for i in range(lm.vocab_size)]
    return Subject(
        lm,
        [saes["layer_0"], saes["layer_2"]],
        np.where(short, FUNCTION, CONTENT).astype(np.int8),
        seed=3,
    )


Pairs = list[tuple[int, int]]


def by_sets(
    subject: Subject, tasks: Tasks, group: Group, sae: Sae, distance: int
) -> tuple[Pairs, Pairs]:
    """(name, prompt) pairs that are carried, and that by features of the name alone, from sets of
    numbers alone.
    """
    names, here = [], []
    for question in group.questions:
        prompt = read_prompt(subject.lm, tasks, question)
        fires = sae.encode(subject.lm.resid_post([prompt.ids], [sae.layer])[sae.layer][0])
        at = [
            set(fires.feature_index[fires.position == p].tolist()) for p in range(len(prompt.ids))
        ]
        names.append(set().union(*(at[p] for p in prompt.subject)))
        here.append(at[prompt.subject.stop - 1 + distance])
    rare = [
        {
            f
            for f in own
            if sum(f in other for j, other in enumerate(here) if j != i) <= MOST * (len(here) - 1)
        }
        for i, own in enumerate(here)
    ]
    pairs = list(product(range(len(names)), repeat=2))
    return [(j, i) for j, i in pairs if names[j] & rare[i]], [
        (j, i) for j, i in pairs if names[j] & rare[i] - names[i]
    ]


def test_what_is_carried_is_what_sets_of_features_say(
    subject: Subject, tasks: Tasks, tmp_path: Path
) -> None:
    """The few-shot example names Russia as well: only the name in the question counts."""
    seen = 0
    for group in groups(tasks, None):
        read = carry_read.read_group(subject, group, Kept(tmp_path, {}))
        assert "".join(read.texts).startswith(group.questions[0].tail)
        for sae, place in product(subject.saes, range(len(read.tokens))):
            pairs, other = (
                [tuple(p) for p in np.argwhere(one[place]).tolist()]
                for one in read.found[sae.sae_id]
            )
            assert (pairs, other) == by_sets(subject, tasks, group, sae, place + 1)
            seen += len(pairs)
    assert seen > 20


def test_a_part_that_is_kept_is_not_read_again(
    subject: Subject, tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = next(groups(tasks, 3))
    first = carry_read.read_group(subject, group, Kept(tmp_path, {"a": 1}))
    monkeypatch.setattr(carry_read, "fired", None)
    again = carry_read.read_group(subject, group, Kept(tmp_path, {"a": 1}))
    assert all(np.array_equal(first.found[sae_id], again.found[sae_id]) for sae_id in first.found)
    with pytest.raises(TypeError):
        carry_read.read_group(subject, group, Kept(tmp_path, {"a": 2}))


def test_names_must_be_followed_by_the_same_tokens(subject: Subject) -> None:
    """As if the tokenizer read what follows one name in another way."""
    raw = tomllib.loads(TEXT) | {"relations": {"capital": ["What is {s}'s capital"]}}
    raw["subjects"] = [{"name": "Russia", "capital": "x"}, {"name": "Chinese", "capital": "x"}]
    group = next(groups(parse_tasks(raw, "places.toml"), None))
    prompts = [read_prompt(subject.lm, group.tasks, one) for one in group.questions]
    prompts[1].ids[-2] += 1
    with pytest.raises(ValueError, match="behind 'Russia' and 'Chinese' the tokens differ"):
        carry_read.common_tokens(subject.lm, group, prompts)


def test_files_without_subjects_are_refused() -> None:
    raw = {"format": 1, "title": "x", "questions": {"test": [["Why?"]]}}
    with pytest.raises(BadInput, match=r"x.toml has no subjects"):
        next(groups(parse_tasks(raw, "x.toml"), None))
    one = tomllib.loads(TEXT) | {"subjects": [{"name": "Russia", "capital": "Moscow"}]}
    with pytest.raises(BadInput, match="one subject; needed: two or more"):
        next(groups(parse_tasks(one, "x.toml"), None))


def found_of(own: list[list[int]]) -> np.ndarray:
    """[2, place, name, prompt] with these diagonals and nothing else."""
    carried = np.stack([np.diag(np.array(row, bool)) for row in own])
    return np.stack([carried, np.zeros_like(carried)])


def test_kinds_are_compared_by_hand(saes: dict[str, Sae], tasks: Tasks) -> None:
    """Two subjects. First group: `?` then a line break; second: `cat`, `the`, a line break."""
    sae = saes["layer_0"]
    group = next(groups(tasks, 2))
    read = [
        Read(
            group,
            [1, 2],
            ["?", "\n"],
            ["content", "function"],
            {sae.sae_id: found_of([[1, 0], [1, 1]])},
        ),
        Read(
            group,
            [3, 4, 2],
            [" cat", " the", "\n"],
            ["content", "function", "function"],
            {sae.sae_id: found_of([[0, 0], [1, 0], [1, 1]])},
        ),
    ]
    result = Result("carry", 0, arm=ARMS | comparison_arms(), outcome=dict(OUTCOMES))
    compare(result, sae, "places", read)
    value = {row["arm"]: row["value"] for row in result.estimate if row["outcome"] == "own"}
    # by frequency content stands at distance 1 alone and function at 2 and 3: nothing can be
    # compared
    assert not {arm for arm in value if "content" in arm}
    # by spelling: distance 1 has `?` (half) and cat (none); distance 2 has the line break (all) and
    # `the` (half)
    assert (value["punctuation"], value["word"], value["punctuation - word"]) == (0.75, 0.25, 0.5)
    # without the last positions only distance 1 is left
    but_last = {arm: v for arm, v in value.items() if arm.endswith("not the last position")}
    assert but_last == {
        "punctuation, not the last position": 0.5,
        "word, not the last position": 0.0,
        "punctuation - word, not the last position": 0.5,
    }


@pytest.fixture(scope="module")
def arguments(tiny_folder: Path, made: Made, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "places.toml").write_text(TEXT, "utf-8")
    (folder / "facts.toml").write_text(
        'format = 1\ntitle = "Facts"\nquestions.test = [["Why?", "x"]]\n', "utf-8"
    )
    given: list[Any] = [
        "--model",
        tiny_folder / "model",
        "--build",
        made.out,
        "--out",
        folder / "x.duckdb",
    ]
    given += [arg for sae in made.saes for arg in ("--sae", sae.folder)]
    given += ["--work", folder / "work", "--tasks", folder / "places.toml"]
    return [str(arg) for arg in given]


def test_carry_is_a_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tasks: Tasks
) -> None:
    assert main(["carry", *arguments]) == 0
    said = capsys.readouterr().out
    assert "places, layer_0: at the prompt's end" in said
    store = ExperimentsStore(Path(arguments[arguments.index("--out") + 1]))
    assert [task.sha256 for task in store.tasks("carry")] == [tasks.sha256]
    places = store.places("carry")
    assert [place.distance for place in places if place.question.endswith("{s}?")] == [1, 2]
    assert [place.is_last for place in places].count(True) == 2
    for place in places:
        rows = [
            row
            for row in store.estimates("carry", outcome="carried")
            if row.subject == place.subject
        ]
        assert {(row.arm, row.sae_id) for row in rows} == set(
            product(ARMS.keys() - {"at the end"}, ("layer_0", "layer_2"))
        )
        assert {row.n for row in rows} == {5}
    assert {row.arm for row in store.estimates("carry", outcome="net")} >= {"at the end"}
    assert store.provenance()["made"]["carry"]["tasks"] == {"places": tasks.sha256}


def test_answers_is_a_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str], lm: LanguageModel, tasks: Tasks
) -> None:
    facts = str(Path(arguments[-1]).with_name("facts.toml"))
    assert main(["answers", *arguments, facts, "--new-tokens", "4"]) == 0
    assert "Places, as asked: 0 of 5 right, 0.0 (0.0 to 43.4) %." in capsys.readouterr().out
    store = ExperimentsStore(Path(arguments[arguments.index("--out") + 1]))
    rows = {(row.arm, row.subject): row.n for row in store.estimates("answers")}
    assert rows == {
        ("as asked", "places"): 5,
        ("with by the door? The cat sat.", "places"): 5,
        ("as asked", "facts"): 1,
    }
    ids = [reader(lm, tasks)(question.text) for question in tasks.questions]
    own = all_answers(lm, ids, [[] for _ in ids], max_new_tokens=4, until=["."])
    told = [
        one.text
        for one in store.answers("answers")
        if (one.arm, one.subject) == ("as asked", "places")
    ]
    assert told == [one.text.strip() for one in own]


def test_wrong_commands_say_what_is_needed(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong, said in (
        (
            ["carry", "--tasks", arguments[-1]],
            "give --preset, or all of --model, --sae and --build.",
        ),
        (["carry", "--tasks", "none.toml", *arguments[:-2]], "no task file at none.toml"),
        (["carry", *arguments, arguments[-1]], "two task files are called places"),
        (["carry", *arguments, "--subjects", "1"], "--subjects is 1; allowed: 2 and more."),
        (["answers", *arguments, "--new-tokens", "0"], "--new-tokens is 0; allowed: 1 and more."),
        (["answers", "--preset", "none", *arguments], "There is no preset 'none'"),
    ):
        assert main(wrong) == 2
        assert said in capsys.readouterr().err


def test_an_sae_that_the_build_did_not_count_is_refused(
    arguments: list[str], tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The build's SAEs have another seed; the session's bear the same names."""
    place = arguments.index("--sae") + 1
    other = [*arguments[:place], str(tiny_folder / "saes" / "layer_0"), *arguments[place + 1 :]]
    assert main(["carry", *other]) == 2
    assert (
        "is not the SAE that the build counted as layer_0: build it anew."
        in capsys.readouterr().err
    )
