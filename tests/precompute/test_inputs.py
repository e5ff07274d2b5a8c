"""A work folder goes on only with the very files that it was begun with: every one, by content."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.core.store import Store
from precompute.building.partials import Partials
from precompute.cli import main, run_job
from precompute.consolidation.series import claim_run
from precompute.inputs import INPUTS, check_same, claim, differing, inputs_of, note_of
from precompute.job import BadInput, HubText, Job
from precompute.statistics.work import read_finished
from tests.consolidation_case import make_case
from tests.precompute.conftest import Made
from tests.tiny_build import sentences, tiny_job

LAYERS = ("layer_0", "layer_2")


@dataclass(frozen=True)
class Begun:
    """A job of its own copies of everything, whose tokens are counted."""

    job: Job
    folder: Path

    def files(self) -> dict[str, Path]:
        """What it reads, by the name that a refusal uses."""
        found = {f"model/{path.name}": path for path in (self.folder / "model").iterdir()}
        for layer in LAYERS:
            found |= {
                f"SAE {layer}/{path.name}": path
                for path in (self.folder / "saes" / layer).iterdir()
            }
        return found | {"corpus 1/corpus.jsonl": self.folder / "corpus.jsonl"}


@pytest.fixture(scope="module")
def begun(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Begun:
    folder = tmp_path_factory.mktemp("begun")
    shutil.copytree(tiny_folder, folder, dirs_exist_ok=True)
    job = tiny_job(folder, folder, LAYERS, sentences(), n_sequences=0)
    run_job("tokens", job)
    return Begun(job, folder)


def altered(path: Path) -> bytes:
    """Other content of the same length that can still be read: a space moved in JSON, a letter or a
    bit elsewhere.
    """
    old = path.read_bytes()
    if path.suffix == ".json":
        return old.replace(b"\n  ", b" \n ", 1) if b"\n  " in old else old.replace(b", ", b" ,", 1)
    if path.suffix in (".jsonl", ".jinja"):
        return old.replace(b"a", b"e", 1)
    return old[:-1] + bytes([old[-1] ^ 1])


@pytest.fixture
def put_back(begun: Begun) -> Iterator[None]:
    kept = {path: path.read_bytes() for path in begun.files().values()}
    yield
    for path in begun.files().values():
        if path not in kept:
            path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)


def test_every_input_is_in_the_note_and_nothing_else(begun: Begun) -> None:
    assert set(json.loads((begun.job.work / "settings.json").read_text())[INPUTS]) == set(
        begun.files()
    )
    assert {"model/tokenizer.json", "SAE layer_0/cfg.json", "model/chat_template.jinja"} <= set(
        begun.files()
    )


@pytest.mark.usefixtures("put_back")
def test_any_file_that_changed_is_refused_by_name_though_its_size_and_time_are_the_same(
    begun: Begun,
) -> None:
    for name, path in begun.files().items():
        old, status = path.read_bytes(), path.stat()
        path.write_bytes(altered(path))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert path.read_bytes() != old, name
        assert path.stat().st_size == status.st_size
        for stage in ("edges", "all"):
            with pytest.raises(BadInput, match="was made from other files") as refused:
                run_job(stage, begun.job)
            assert f"({name})" in str(refused.value)
            assert str(begun.job.work) in str(refused.value)
        path.write_bytes(old)
    assert not begun.job.out.exists()


@pytest.mark.usefixtures("put_back")
def test_a_file_that_came_or_went_is_a_change(begun: Begun) -> None:
    (begun.folder / "model" / "chat_template.jinja").unlink()
    (begun.folder / "model" / "added_tokens.json").write_text("{}")
    with pytest.raises(BadInput, match=r"\(model/added_tokens.json, model/chat_template.jinja\)"):
        run_job("edges", begun.job)


@pytest.mark.usefixtures("put_back")
def test_a_corrected_configuration_is_not_published_with_the_old_numbers(
    begun: Begun, tmp_path: Path
) -> None:
    """The SAE's layer was wrong, its edges are there; in a new folder it is another build."""
    job = replace(begun.job, work=tmp_path / "work", out=tmp_path / "b.duckdb")
    run_job("tokens", job)
    run_job("edges", job)
    path = begun.folder / "saes" / "layer_0" / "cfg.json"
    config = json.loads(path.read_text())
    config["metadata"]["hook_name"] = "blocks.1.hook_resid_post"
    path.write_text(json.dumps(config))
    with pytest.raises(
        BadInput, match=r"\(SAE layer_0/cfg.json\): give another --work, or delete that folder"
    ):
        run_job("all", job)
    assert not job.out.exists()


def test_untouched_inputs_go_on(begun: Begun) -> None:
    run_job("edges", begun.job)
    for path in begun.files().values():
        os.utime(path)
    run_job("edges", begun.job)


def test_a_folder_that_is_streamed_is_keyed_by_its_files(begun: Begun, tmp_path: Path) -> None:
    text = tmp_path / "text" / "part"
    text.mkdir(parents=True)
    shutil.copy(begun.folder / "corpus.jsonl", text / "train.jsonl")
    job = replace(begun.job, corpus=(HubText(str(tmp_path / "text"), "train", "text"),))
    before = inputs_of(job)
    assert "corpus 1/part/train.jsonl" in before
    (text / "train.jsonl").write_bytes(altered(text / "train.jsonl"))
    assert inputs_of(job) != before


def test_a_model_in_one_file_is_keyed_by_it(begun: Begun, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF and so on")
    job = replace(begun.job, model=str(path))
    before = inputs_of(job)
    path.write_bytes(altered(path))
    assert differing(inputs_of(job), before) == ["model/model.gguf"]


def test_what_differs_is_said_settings_and_files(tmp_path: Path) -> None:
    mine = {"seed": 0, "n": 1, INPUTS: {"a": "1", "b": "2"}}
    claim(tmp_path / "w" / "settings.json", mine)
    claim(tmp_path / "w" / "settings.json", mine)
    other = {"seed": 1, INPUTS: {"a": "1", "b": "3", "c": "4"}}
    with pytest.raises(
        BadInput, match=r"settings \(n, seed\) and was made from other files \(b, c\): give another"
    ):
        claim(tmp_path / "w" / "settings.json", other)
    many = {INPUTS: {str(i): "x" for i in range(9)}}
    with pytest.raises(BadInput, match=r"\(0, 1, 2, 3, 4, 5 and 3 more\)"):
        check_same(many, {INPUTS: {}}, "w", "--work")
    with pytest.raises(BadInput, match=r"files \(a, b\)"):  # of a version that noted no files
        check_same(mine, {"seed": 0, "n": 1}, "w", "--work")


@pytest.mark.usefixtures("put_back")
def test_partials_of_other_files_are_refused(begun: Begun, tmp_path: Path) -> None:
    Partials(str(tmp_path)).claim(note_of(begun.job))
    path = begun.folder / "saes" / "layer_2" / "sae_weights.safetensors"
    path.write_bytes(altered(path))
    with pytest.raises(
        BadInput, match=r"files \(SAE layer_2/sae_weights.safetensors\): give another --partials"
    ):
        Partials(str(tmp_path)).claim(note_of(begun.job))


def test_the_build_states_the_files_that_the_work_was_begun_with(made: Made) -> None:
    note = json.loads((made.work / "settings.json").read_text())[INPUTS]
    stated = Store.open(made.out).provenance()
    assert stated["model"]["files"]["tokenizer.json"] == note["model/tokenizer.json"]
    assert stated["saes"][1]["files"]["cfg.json"] == note["SAE layer_2/cfg.json"]
    assert stated["corpus"]["files"][0]["sha256"] == note["corpus 1/corpus.jsonl"]


def tampered(made: Made, tmp_path: Path, name: str) -> Path:
    """The finished work folder, as if one of its inputs had been another file."""
    work = tmp_path / "work"
    shutil.copytree(made.work, work)
    note = json.loads((work / "settings.json").read_text())
    note[INPUTS][name] = "0" * 64
    (work / "settings.json").write_text(json.dumps(note))
    return work


@pytest.mark.parametrize("name", ["SAE layer_0/sae_weights.safetensors", "model/config.json"])
def test_statistics_of_a_build_and_a_work_folder_of_other_files_are_refused(
    made: Made, tmp_path: Path, name: str
) -> None:
    assert read_finished(made.work, made.out).sae_ids == list(LAYERS)
    with pytest.raises(BadInput, match=f"made from other files than .*{name}"):
        read_finished(tampered(made, tmp_path, name), made.out)


def test_details_of_another_sae_under_the_same_name_are_refused(
    made: Made, tiny_folder: Path, tmp_path: Path, capsys: Any
) -> None:
    shutil.copytree(tiny_folder / "saes" / "layer_0", tmp_path / "layer_0")
    path = tmp_path / "layer_0" / "sae_weights.safetensors"
    path.write_bytes(altered(path))
    given = ["--model", tiny_folder / "model", "--build", made.out, "--work", made.work]
    given += ["--sae", tmp_path / "layer_0", "--sae", made.saes[1].folder]
    assert main(["feature-details", *map(str, given)]) == 2
    assert (
        "other files than model and SAEs that are here (SAE layer_0/sae_weights"
        in capsys.readouterr().err
    )


def test_null_models_of_other_settings_or_files_are_refused(
    made: Made, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from precompute.statistics import null_models

    monkeypatch.setattr(null_models, "make_run", lambda *_: None)
    monkeypatch.setattr(null_models, "make_edges_of", lambda *_: None)
    monkeypatch.setattr(null_models, "train_null_saes", lambda *_: [])
    monkeypatch.setattr(null_models, "random_model", lambda *_: None)
    work = tmp_path / "work"
    shutil.copytree(made.work, work)
    given = ["null-models", "--build", str(made.out), "--work", str(work)]
    assert main(given) == 0
    assert main(given) == 0
    assert main([*given, "--seed", "1"]) == 2
    assert "null/real was made with other settings (seed)" in capsys.readouterr().err
    weights = made.saes[0].folder / "cfg.json"
    old = weights.read_bytes()
    try:
        weights.write_bytes(altered(weights))
        assert main(given) == 2
    finally:
        weights.write_bytes(old)
    assert (
        "made from other files (SAE layer_0/cfg.json): give it the same" in capsys.readouterr().err
    )


def test_every_file_of_a_training_run_and_its_tokenizer_is_keyed(tmp_path: Path) -> None:
    case = make_case(tmp_path / "case")
    folder = claim_run(case.series(), tmp_path / "work")
    first = case.checkpoints / "step_000000"
    for path in [*first.iterdir(), *case.model.iterdir()]:
        old = path.read_bytes()
        path.write_bytes(altered(path))
        with pytest.raises(BadInput, match=rf"{folder} was made from other files"):
            claim_run(case.series(), tmp_path / "work")
        path.write_bytes(old)
    assert claim_run(case.series(), tmp_path / "work") == folder
    # a further checkpoint is no change
    shutil.copytree(first, case.checkpoints / "step_000040")
    claim_run(case.series(), tmp_path / "work")


def test_a_held_out_text_of_other_files_is_refused(tmp_path: Path) -> None:
    case = make_case(tmp_path / "case")
    case.text(tmp_path / "work", 3000)
    case.text(tmp_path / "work", 3000)
    rows = np.load(case.rows)
    rows[0, 5] += 1
    np.save(case.rows, rows)
    with pytest.raises(BadInput, match=r"other files \(training rows\)"):
        case.text(tmp_path / "work", 3000)
    case.corpus.write_bytes(altered(case.corpus))
    with pytest.raises(BadInput, match=r"\(corpus 1/corpus.jsonl, training rows\)"):
        case.text(tmp_path / "work", 3000)
