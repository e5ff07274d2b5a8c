"""The command line: exit codes, one sentence on stderr, resuming, and the old build left alone."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from backend.core.presets import load_preset, preset_names
from precompute.building.edges import shard_paths
from precompute.cli import add_arguments, job_of, main
from precompute.job import BadInput, HubText, Job
from tests.precompute.conftest import N_SHARDS, Made, arguments, write_corpus
from tests.tiny import tiny_sae_dir

TIMED = "created_at"


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, less the time of making."""
    with duckdb.connect(str(path), read_only=True) as connection:
        names = [
            row[0]
            for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        ]
        tables = {
            name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in sorted(names)
        }
    tables["provenance"] = [row for row in tables["provenance"] if row[0] not in (TIMED, "code")]
    return tables


def elsewhere(made: Made, folder: Path, **changes: object) -> list[str]:
    """The tiny job with another work folder and build, and some arguments changed."""
    given = {"--work": folder / "work", "--out": folder / "b.duckdb"} | {
        f"--{k}": v for k, v in changes.items()
    }
    found = list(made.arguments)
    for name, value in given.items():
        if name in found:
            found[found.index(name) + 1] = str(value)
        else:
            found += [name, str(value)]
    return found


def test_killed_and_started_again_gives_the_same_build(made: Made, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "precompute.cli", "all", *elsewhere(made, tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    second = shard_paths(tmp_path / "work", 1)[0]
    while not second.exists() and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = [shard for shard in range(N_SHARDS) if shard_paths(tmp_path / "work", shard)[0].exists()]
    assert 2 <= len(done) < N_SHARDS
    assert not (tmp_path / "b.duckdb").exists()
    kept = second.stat().st_mtime_ns
    assert main(["all", *elsewhere(made, tmp_path)]) == 0
    assert second.stat().st_mtime_ns == kept
    assert contents(tmp_path / "b.duckdb") == contents(made.out)


def test_stages_one_by_one_give_the_same_build(made: Made, tmp_path: Path, capsys: Any) -> None:
    given = elsewhere(made, tmp_path)
    assert main(["edges", *given]) == 2
    assert "run `functionscope precompute tokens` first" in capsys.readouterr().err
    assert main(["tokens", *given]) == 0
    assert main(["coverage", *given]) == 2
    assert "run `functionscope precompute edges`" in capsys.readouterr().err
    for stage in ("edges", "coverage"):
        assert main([stage, *given]) == 0
        assert not (tmp_path / "b.duckdb").exists()
    assert main(["examples", *given]) == 0
    assert contents(tmp_path / "b.duckdb") == contents(made.out)


def test_ctrl_c_says_that_the_job_can_go_on(
    made: Made, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("precompute.building.tokens.write_shards", interrupt)
    assert main(["all", *elsewhere(made, tmp_path)]) == 130
    assert "start the same command again" in capsys.readouterr().err


def bad_corpus(folder: Path) -> Path:
    path = folder / "bad.jsonl"
    path.write_text('{"text": "fine"}\n{"text": \n')
    return path


def test_bad_input_is_one_sentence_and_leaves_the_old_build(
    made: Made, tmp_path: Path, capsys: Any
) -> None:
    old = tmp_path / "b.duckdb"
    shutil.copy(made.out, old)
    before = old.read_bytes()
    narrow = tiny_sae_dir(tmp_path / "narrow", 1, d_model=16)
    deep = tiny_sae_dir(tmp_path / "deep", 11)
    first_sae = made.saes[0].folder
    cases: list[tuple[dict[str, object], str]] = [
        ({"corpus": tmp_path / "gone.jsonl"}, "gone.jsonl"),
        ({"corpus": bad_corpus(tmp_path)}, "bad.jsonl, line 2"),
        ({"model": tmp_path / "no-model"}, "no-model"),
        ({"sae": narrow}, "layer 1 of width 16; the model has layers 0 to 3 of width 32"),
        ({"sae": deep}, "reads layer 11 of width 32; the model has layers 0 to 3"),
        ({"sae": tmp_path / "no-sae"}, "no-sae"),
        ({"shards": 3}, "--shards is 3; allowed: 20"),
        ({"shards": 200}, "200 shards need at least as many: give more text"),
        ({"function-share": 1.5}, "--function-share is 1.5"),
        ({"weights": "1,2"}, "--weights"),
        ({"weights": "much"}, "--weights is 'much'"),
        ({"ctx-len": 1}, "--ctx-len is 1"),
        ({"dtype": "float32", "preset": "no-preset"}, "no-preset"),
    ]
    for number, (changes, expected) in enumerate(cases):
        given = (
            elsewhere(made, tmp_path, **changes)
            if "work" in changes
            else elsewhere(made, tmp_path, **changes, work=tmp_path / f"work_{number}")
        )
        assert main(["all", *given]) == 2, changes
        said = capsys.readouterr().err.strip().splitlines()
        sentence = [line for line in said if line.startswith("functionscope precompute all: ")]
        assert len(sentence) == 1, said
        assert expected in sentence[0]
        assert "Traceback" not in "".join(said)
    assert old.read_bytes() == before
    assert first_sae.is_dir()


def test_a_work_folder_of_another_job_is_refused(made: Made, capsys: Any) -> None:
    given = [*made.arguments]
    given[given.index("--tokens") + 1] = "4000"
    assert main(["all", *given]) == 2
    assert "other settings (n_tokens)" in capsys.readouterr().err


def test_provenance_names_everything_and_no_path(made: Made, store: Any) -> None:
    stated = store.provenance()
    assert stated["schema_version"] == 1
    assert len(stated["model"]["files"]["model.safetensors"]) == 64
    assert [sae["sae_id"] for sae in stated["saes"]] == ["layer_0", "layer_2"]
    assert all(len(sae["files"]["sae_weights.safetensors"]) == 64 for sae in stated["saes"])
    assert (
        len(stated["corpus"]["files"][0]["sha256"])
        == len(stated["corpus"]["token_stream_sha256"])
        == 64
    )
    assert stated["counts"]["document_shards"] == N_SHARDS
    assert stated["examples"]["source"] == "sampled from the model"
    assert str(made.corpus.parent) not in str(stated)
    assert arguments(Path("m"), [], Path("c"), Path("o"), Path("w"))[0] == "--model"


def test_a_streamed_corpus_gives_the_same_tokens(made: Made, tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    shutil.copy(made.corpus, folder / "train.jsonl")
    assert main(["tokens", *elsewhere(made, tmp_path, corpus=f"hf:{folder}")]) == 0
    with (
        np.load(tmp_path / "work" / "counts.npz") as streamed,
        np.load(made.work / "counts.npz") as read,
    ):
        assert streamed["by_shard"].tolist() == read["by_shard"].tolist()
    given = elsewhere(made, tmp_path, corpus=f"hf:{folder},{made.corpus}", work=tmp_path / "two")
    assert main(["tokens", *given]) == 2
    assert (
        "give --weights: how large hf:texts:train:text is cannot be seen."
        in capsys.readouterr().err
    )
    assert (
        main(
            [
                "tokens",
                *elsewhere(made, tmp_path, corpus=f"hf:{folder}:test", work=tmp_path / "three"),
            ]
        )
        == 2
    )
    assert "cannot be streamed (Bad split: test" in capsys.readouterr().err


def job_from(*given: str) -> Job:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return job_of(parser.parse_args(["tokens", "--work", "w", *given]))


def test_a_preset_names_its_corpus() -> None:
    job = job_from("--preset", "gemma-2-9b")
    assert job.corpus == (HubText("cerebras/SlimPajama-627B", "validation", "text"),)
    assert job.weights == (1.0,)
    for name in preset_names():
        preset = load_preset(name)
        if preset.corpus_source:
            assert HubText.parse(preset.corpus_source).name in preset.corpus
    assert job_from("--preset", "gemma-2-9b", "--corpus", "hf:other/set").corpus == (
        HubText("other/set", "train", "text"),
    )
    with pytest.raises(BadInput, match="give --corpus: this preset names no corpus"):
        job_from("--preset", "lab")


def test_a_presets_model_with_saes_of_ones_own(tmp_path: Path) -> None:
    lab = load_preset("lab")
    corpus = ("--corpus", str(write_corpus(tmp_path / "corpus.jsonl")))
    job = job_from("--model", "lab", "--sae", str(lab.saes[0].path), "--out", "x", *corpus)
    assert (job.model, job.saes) == (lab.model, (lab.saes[0].path,))
    with pytest.raises(BadInput, match="the preset smollm2-135m-instruct has no SAE: give --sae"):
        job_from("--preset", "smollm2-135m-instruct", *corpus)
    with pytest.raises(BadInput, match="give --preset, or all of --model, --sae and --out"):
        job_from("--model", "lab", *corpus)
