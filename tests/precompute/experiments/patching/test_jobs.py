"""The jobs on the tiny model: against plain hooks, against the core, and as commands."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.lm import LanguageModel
from backend.core.patching import Means, read_words
from precompute.cli import main
from precompute.experiments.patching import travel
from precompute.experiments.patching.marked import MarkedSet
from precompute.experiments.patching.needed_read import Context, read_prompt
from precompute.experiments.patching.travel_pairs import SETS, Pair, patch_pair
from precompute.experiments.patching.words import READABLE, name_tokens, read_group
from tests.core.patching.plain import Plain
from tests.precompute.conftest import Made
from tests.precompute.experiments.patching.conftest import TEXT
from tests.tiny import N_LAYERS


@pytest.fixture(scope="module")
def plain(tiny_folder: Path) -> Plain:
    return Plain(tiny_folder / "model")


def test_a_set_is_marked_alike_in_all_its_prompts(asked: MarkedSet, lm: LanguageModel) -> None:
    assert asked.name == "places"
    assert [group.words for group in asked.groups] == [
        "What is the capital of {s}?",
        "What is the capital of {s} by the door? The cat sat.",
    ]
    for group in asked.groups:
        for prompt in group.prompts:
            named = lm.decode([prompt.ids[p] for p in prompt.name])
            assert named.strip() == prompt.subject
            assert len({prompt.marked("g").roles[p] for p in prompt.behind}) == len(prompt.behind)
        roles = [prompt.marked("g").roles[prompt.name.stop - 1 :] for prompt in group.prompts]
        assert len(set(roles)) == 1


def test_an_arm_of_needed_is_what_a_plain_hook_gives(
    asked: MarkedSet, lm: LanguageModel, plain: Plain
) -> None:
    group = asked.groups[1]
    means = Means.over(lm, [prompt.marked("g") for prompt in group.prompts])
    context, prompt = Context.of(lm, asked, 3), group.prompts[0]
    found = read_prompt(context, prompt, means, "g", 3)
    runs = [plain.run(list(one.ids))[1] for one in group.prompts]
    own = list(prompt.answers)
    for layer in range(N_LAYERS):
        edits = {
            position: torch.stack(
                [
                    seen[layer][position - len(prompt.ids)] for seen in runs
                ]  # the same place from the end
            ).mean(0)
            for position in prompt.of_class("function")
        }
        logits, _ = plain.run(list(prompt.ids), {layer: edits})
        expected = float(logits.logsumexp(-1) - logits[own].logsumexp(-1))
        assert found["layers"]["ablate function"][layer][0] == pytest.approx(expected, abs=2e-3)
    base, _ = plain.run(list(prompt.ids))
    assert found["none"][0] == pytest.approx(
        float(base.logsumexp(-1) - base[own].logsumexp(-1)), abs=1e-3
    )
    last = [row[0] for row in found["layers"]["keep only last"]]
    assert last[-1] == pytest.approx(
        found["none"][0], abs=1e-3
    )  # after the last layer only it speaks


def test_a_pairs_map_holds_the_identities(asked: MarkedSet, lm: LanguageModel) -> None:
    for group in asked.groups:
        found = patch_pair(lm, group, Pair("Russia", "the cat", "Moscow"))
        ends, place = found["ends"], list(SETS).index("all")
        assert found["sham"] == 0.0
        assert len(found["state"]["log_odds"][0]) == len(group.behind) + 1
        for layer in range(N_LAYERS):  # each last position alone after the last layer
            assert found["sets"]["log_odds"][layer][list(SETS).index("last")] == pytest.approx(
                found["state"]["log_odds"][layer][-1], abs=1e-3
            )
        assert found["state"]["log_odds"][-1][-1] == pytest.approx(ends[0], abs=1e-3)
        assert found["sets"]["log_odds"][-1][place] == pytest.approx(ends[0], abs=1e-3)


def test_what_is_readable_is_what_the_lens_ranks(asked: MarkedSet, lm: LanguageModel) -> None:
    group = asked.groups[0]
    found = np.array(read_group(lm, group), bool)  # [subject, of READ, layer, place]
    prompt = group.prompts[1]
    at = range(prompt.name.stop - 1, len(prompt.ids))
    best = read_words(lm, prompt.ids, at, k=READABLE).token_ids  # [layer, place, k]
    for which, tokens in ((0, prompt.answers), (2, name_tokens(lm, prompt))):
        expected = torch.isin(best, torch.tensor(tokens)).any(-1).numpy()
        assert found[1, which].tolist() == expected.tolist()


@pytest.fixture(scope="module")
def arguments(tiny_folder: Path, made: Made, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "places.toml").write_text(TEXT, "utf-8")
    given: list[Any] = ["--model", tiny_folder / "model", "--build", made.out]
    given += ["--out", folder / "x.duckdb", "--work", folder / "work"]
    given += [arg for sae in made.saes for arg in ("--sae", sae.folder)]
    return [str(arg) for arg in [*given, "--tasks", folder / "places.toml"]]


def store_of(arguments: list[str]) -> ExperimentsStore:
    return ExperimentsStore(Path(arguments[arguments.index("--out") + 1]))


def test_needed_is_a_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["needed", *arguments]) == 0
    assert "places, ablate last: the loss of the answer rises most" in capsys.readouterr().out
    rows = store_of(arguments).estimates("needed")
    assert {row.subject for row in rows} == {"places", "places, plain"}
    one = [
        row
        for row in rows
        if (row.arm, row.outcome, row.subject) == ("ablate last", "loss_change", "places")
    ]
    assert [row.layer for row in one] == list(range(N_LAYERS))
    assert all(row.low is not None and row.low <= row.value <= (row.high or 0) for row in one)
    assert store_of(arguments).provenance()["made"]["needed"]["tasks"].keys() == {"places"}


def test_words_is_a_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", *arguments]) == 0
    assert "places, at the end: the answer is readable most often" in capsys.readouterr().out
    store = store_of(arguments)
    ends = [p for p in store.places("words") if p.is_last]
    assert len(ends) == 2
    rows = [row for row in store.estimates("words", arm="place") if row.subject == ends[0].subject]
    assert {row.outcome for row in rows} == {"answer", "another", "name"}
    assert {row.n for row in rows} == {5}


def test_travel_is_a_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny model answers nothing right, which is refused; as if it did, its maps are
    published."""
    assert main(["travel", *arguments, "--pairs", "8"]) == 2
    assert "subjects are answered right in every question" in capsys.readouterr().err
    monkeypatch.setattr(travel, "answered", lambda lm, asked: asked.subjects)
    work = str(Path(arguments[arguments.index("--work") + 1]) / "other")
    assert main(["travel", *arguments, "--pairs", "8", "--work", work]) == 0
    assert "places, last: A's states there restore most" in capsys.readouterr().out
    store = store_of(arguments)
    (sham,) = [row for row in store.estimates("travel") if row.arm == "sham"]
    assert sham.value == 0.0
    whole = store.estimates("travel", arm="set last", outcome="restored")
    assert whole[-1].value == pytest.approx(1.0, abs=1e-3)  # after the last layer it is A's answer
    assert [p.distance for p in store.places("travel")][:3] == [0, 1, 2]
    assert main(["travel", *arguments, "--pairs", "1"]) == 2
