"""`precompute demonstrations` on the tiny build, as a command."""

import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backend.core import presets
from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.opening import Opening
from backend.core.steering.answers import all_answers
from backend.core.tasks import Tasks, read_tasks
from precompute.cli import main
from precompute.experiments.demonstrating import asking
from tests.precompute.conftest import Made

QUESTIONS = [
    "What is the UK{trait}?",
    "What is the cat{trait}?",
    "The dog sat{trait}.",
    "Speak{trait}.",
    "What is the mat{trait}?",
    "The door is{trait}?",
]
TEXT = f"""
format = 1
title = "Letters"
questions.fit = [{", ".join(f'["{one}"]' for one in QUESTIONS)}]
questions.test = [
    ["What is the capital of Russia?", "Moscow"], ["The cat sat{{trait}}."],
    ["What is it{{trait}}?"],
    ["The dog and the cat{{trait}}."],
]
[prompt]
wrapper = "few-shot"
examples = [["What is London?", "the UK"]]
stop = "."
[traits.Small]
words = " by the door"
pattern = "[a-z$,]"
[traits.Capital]
words = " of London"
pattern = "[A-Z]"
"""
SIZES = ["--candidates", "5", "--promoting", "2", "--draws", "3", "--new-tokens", "3"]
STRENGTHS = ["--strengths", "0.5", "2"]


@pytest.fixture(scope="module")
def arguments(tiny_folder: Path, made: Made, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("demonstrations")
    (folder / "letters.toml").write_text(TEXT, "utf-8")
    given: list[Any] = ["--model", tiny_folder / "model", "--build", made.out]
    given += [arg for sae in made.saes for arg in ("--sae", sae.folder)]
    given += ["--work", folder / "work", "--out", folder / "x.duckdb", *SIZES, *STRENGTHS]
    return [str(arg) for arg in [*given, "--tasks", folder / "letters.toml"]]


@pytest.fixture(scope="module")
def store(arguments: list[str]) -> ExperimentsStore:
    assert main(["demonstrations", *arguments, "--together", "Small+Capital"]) == 0
    return ExperimentsStore(Path(arguments[arguments.index("--out") + 1]))


@pytest.fixture(scope="module")
def tasks(arguments: list[str]) -> Tasks:
    return read_tasks(Path(arguments[-1]))


def ask(lm: LanguageModel, tasks: Tasks, edit: Sequence[Any], split: Any) -> list[str]:
    """Answers with W_dec[f] of an SAE times α at the last position; one prompt at a time."""
    texts = []
    for question in tasks.of(split):
        ids = lm.tokenize(tasks.plain(question))
        edits = []
        if edit:
            sae, feature, value = edit
            edits = [Intervention.on_feature(sae, feature, "add", value, positions=(len(ids) - 1,))]
        made = all_answers(lm, [ids], [edits], max_new_tokens=3, until=["."])
        texts.append(made[0].text.strip())
    return texts


def test_every_trial_is_what_asking_again_gives(
    store: ExperimentsStore, lm: LanguageModel, made: Made, tasks: Tasks
) -> None:
    """Candidates that were tried on all questions, and every draw of the control; one is chosen."""
    saes = {sae.sae_id: sae for sae in made.saes}
    trials = [one for one in store.trials("demonstrations") if one.subject == "Small"]
    whole = [one for one in trials if one.feature_index is not None and not one.given_up]
    assert {one.split for one in whole} == {"fit", "test"}
    shown = tasks.traits["Small"].shown
    for one in whole:
        texts = ask(lm, tasks, (saes[one.sae_id], one.feature_index, one.value), one.split)
        assert (one.shown, one.n) == (sum(map(shown, texts)), len(texts)), one
    for sae_id in saes:
        draws = [one for one in trials if (one.sae_id, one.split) == (sae_id, "test")]
        chosen = [one for one in trials if one.sae_id == sae_id and one.chosen]
        kinds = [one.kind for one in draws]
        assert [kinds.count(kind) for kind in dict.fromkeys(kinds)] == [3] * len(chosen)
        assert {one.kind for one in chosen} >= {"direction"}
    assert any(one.chosen and one.kind == "feature" for one in trials)


def test_estimates_are_of_the_test_questions(
    store: ExperimentsStore, lm: LanguageModel, made: Made, tasks: Tasks
) -> None:
    saes = {sae.sae_id: sae for sae in made.saes}
    rows = store.estimates("demonstrations", outcome="shown", arm="feature")
    rows = [row for row in rows if row.sae_id is not None]
    assert rows
    for row in rows:
        own = {
            one.outcome: one.value
            for one in store.estimates("demonstrations", arm="feature", sae_id=row.sae_id)
            if one.subject == row.subject
        }
        edit = (saes[row.sae_id or ""], int(own["feature_index"]), own["value"])
        texts = ask(lm, tasks, edit, "test")
        shown = tasks.traits[row.subject].shown
        assert (row.value, row.n) == (sum(map(shown, texts)) / 4, 4)
        said = [
            one.text
            for one in store.answers("demonstrations")
            if (one.arm, one.subject) == ("feature", f"{row.subject}, {row.sae_id}")
        ]
        assert said == texts


def test_asking_in_words_and_pairs(
    store: ExperimentsStore, lm: LanguageModel, tasks: Tasks
) -> None:
    (asked,) = [
        row
        for row in store.estimates("demonstrations", outcome="shown", arm="asked in words")
        if row.subject == "Small"
    ]
    assert asked.n == 3  # the question with an answer has no place for the words
    pair = {
        (row.arm, row.outcome): row
        for row in store.estimates("demonstrations")
        if row.subject == "Small+Capital"
    }
    for arm in ("unedited", "direction"):
        both, first, second = (pair[arm, name] for name in ("shown", "first", "second"))
        assert both.value <= min(first.value, second.value)
    assert (
        pair["unedited", "first"].value
        == sum(map(tasks.traits["Small"].shown, ask(lm, tasks, (), "test"))) / 4
    )


def test_a_second_start_asks_nothing_again(
    store: ExperimentsStore,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also for one trait alone, in one SAE."""
    before = store.rows("trial"), store.rows("estimate")
    monkeypatch.setattr(asking, "all_answers", None)
    monkeypatch.setattr(asking, "log_probabilities", None)
    assert main(["demonstrations", *arguments, "--together", "Small+Capital"]) == 0
    assert (store.rows("trial"), store.rows("estimate")) == before
    out = arguments.index("--out") + 1
    other = [*arguments[:out], f"{arguments[out]}.other.duckdb", *arguments[out + 1 :]]
    place = other.index("--sae")
    assert main(["demonstrations", *other[:place], *other[place + 2 :], "--trait", "Capital"]) == 0
    alone = ExperimentsStore(Path(other[out])).estimates("demonstrations")
    assert alone == [
        row
        for row in store.estimates("demonstrations")
        if row.subject == "Capital" and row.sae_id in (None, "layer_2")
    ]
    assert "Capital, layer_2: the difference of means" in capsys.readouterr().out
    provenance = store.provenance()["made"]["demonstrations"]
    assert set(provenance["inputs"]) >= {"model/config.json", "SAE layer_0/cfg.json"}
    assert provenance["traits"] == ["Small", "Capital"]


def test_entries_of_a_preset_are_printed(
    store: ExperimentsStore,
    arguments: list[str],
    tasks: Tasks,
    lm: LanguageModel,
    made: Made,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["demonstrations", *arguments, "--as-toml"]) == 0
    read = tomllib.loads(capsys.readouterr().out)["PRESET"]["demonstrations"]
    made_of = [presets._demonstration(one, Opening()) for one in read]
    saes = {sae.sae_id: sae for sae in made.saes}
    chosen = {
        (one.sae_id, one.feature_index, one.value): one
        for one in store.trials("demonstrations")
        if one.chosen
    }
    assert made_of
    for one in made_of:
        trial = chosen[one.sae_id, one.feature_index, one.value]
        assert (one.mode, one.positions, one.stop) == ("add", "last", (".",))
        ids = lm.tokenize(one.prefix + one.prompt)
        assert ids in [lm.tokenize(tasks.plain(question)) for question in tasks.of("test")]
        (row,) = [
            row
            for row in store.estimates("demonstrations", outcome="shown", arm="feature")
            if (row.subject, row.sae_id) == (trial.subject, one.sae_id)
        ]
        assert f"{trial.subject} in {100 * row.value:.0f} % (" in one.note
        answered = dict(
            zip(
                (question.text for question in tasks.of("test")),
                ask(lm, tasks, (saes[one.sae_id], one.feature_index, one.value), "test"),
                strict=True,
            )
        )
        shown = tasks.traits[trial.subject].shown
        assert shown(answered[one.prompt.rstrip("\n")]) or not any(map(shown, answered.values()))


def test_entries_of_another_task_file_are_refused(
    store: ExperimentsStore,
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "letters.toml"
    other.write_text(TEXT.replace("by the door", "by the cat"), "utf-8")
    assert main(["demonstrations", *arguments[:-1], str(other), "--as-toml"]) == 2
    assert "holds no demonstrations of letters.toml as it is now" in capsys.readouterr().err


def test_wrong_commands_say_what_is_needed(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bare = tmp_path / "bare.toml"
    bare.write_text('format = 1\ntitle = "x"\nquestions.test = [["Why?", "x"]]\n', "utf-8")
    for wrong, said in (
        (["--trait", "Red"], "--trait is 'Red'; letters.toml has: Small, Capital."),
        (["--together", "Small"], "--together is 'Small'; allowed: two of Small, Capital, as A+B."),
        (["--together", "Small+Red"], "--together is 'Small+Red'"),
        (["--draws", "0"], "--draws is 0; allowed: 1 and more."),
        (["--questions", "2"], "--questions is 2; allowed: 3 and more."),
        (["--strengths", "0"], "--strengths has 0; allowed: above 0, at most 10."),
        (["--tasks", str(bare)], "bare.toml has no traits; needed: one or more."),
        (["--tasks", arguments[-1], str(bare)], "--tasks names 2 files; allowed: one."),
    ):
        assert main(["demonstrations", *arguments, *wrong]) == 2
        assert said in capsys.readouterr().err


def test_a_model_that_the_build_was_not_made_of_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, tiny_folder: Path
) -> None:
    shutil.copytree(tiny_folder / "model", tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    config.write_text(config.read_text("utf-8") + "\n", "utf-8")
    other = [*arguments]
    other[other.index("--model") + 1] = str(tmp_path / "model")
    assert main(["demonstrations", *other]) == 2
    assert "was made from other files than this model (model/config.json)" in (
        capsys.readouterr().err
    )
