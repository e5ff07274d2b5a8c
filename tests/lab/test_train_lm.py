"""The training stream and the run: fixed rows, resumable to the same weights."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from precompute.lab.corpus import BOS, EOS, CorpusError, source_documents, train_tokenizer
from precompute.lab.recipes import load_recipe
from precompute.training import lm as train_lm
from precompute.training.lm import Trainer, checkpoint_steps, learning_rate, loss_of, prepare

TOKENS = 12 * 512  # 12 steps of 2 rows of 256


def arguments(corpus: Path, work: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    train_lm.add_arguments(parser)
    return parser.parse_args(flags(corpus, work))


def flags(corpus: Path, work: Path) -> list[str]:
    where = ["--recipe", "lab-tiny", "--corpus", str(corpus), "--work", str(work)]
    return [*where, "--tokens", str(TOKENS), "--no-compile", "--save-every", "0"]


@pytest.fixture(scope="module")
def undisturbed(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    assert train_lm.run(arguments(tiny_corpus, work)) == 0
    return work


def test_tokenizer_keeps_newlines_digits_and_han_apart(tiny_corpus: Path) -> None:
    tokenizer = train_tokenizer(tiny_corpus, seed=1)
    for text in ("a\n\nb", "in 1984", "河里。", "x  y", "naïve 🙂_\t"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == text
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"]
    assert len(newline) == 1
    assert tokenizer("a\n\nb", add_special_tokens=False)["input_ids"].count(newline[0]) == 2


def test_rows_start_with_bos_and_hold_every_source(undisturbed: Path) -> None:
    rows = np.load(undisturbed / "rows.npy")
    assert rows.shape == (24, 256)
    assert (rows[:, 0] == BOS).all()
    documents = int((rows == EOS).sum())
    assert documents > 24  # short questions share rows with long prose


def test_the_run_learns_and_leaves_its_checkpoints(undisturbed: Path) -> None:
    assert (undisturbed / "model" / "model.safetensors").exists()
    kept = sorted(p.name for p in (undisturbed / "checkpoints").iterdir())
    assert kept == [f"step_{step:06d}" for step in checkpoint_steps(12)]
    recipe = load_recipe("lab-tiny", TOKENS)
    rows = torch.from_numpy(np.load(undisturbed / "rows.npy")[:8].astype(np.int64))
    before = loss_of(train_lm.build_model(recipe), rows).detach()
    after = loss_of(Trainer(recipe, undisturbed, "cpu").model, rows).detach()
    assert after < before - 0.3


def test_resuming_in_the_middle_gives_the_same_weights(
    tiny_corpus: Path, undisturbed: Path, tmp_path: Path
) -> None:
    recipe = load_recipe("lab-tiny", TOKENS)
    prepare(recipe, tiny_corpus, tmp_path)
    first = Trainer(recipe, tmp_path, "cpu")
    for _ in range(5):
        first._update(loss_of)
    first.save()
    assert train_lm.run(arguments(tiny_corpus, tmp_path)) == 0
    assert_same_weights(undisturbed, tmp_path)


def test_kill_and_start_again_gives_the_same_weights(
    tiny_corpus: Path, undisturbed: Path, tmp_path: Path
) -> None:
    program = (
        "import sys; from precompute.training.lm import *; "
        "p = argparse.ArgumentParser(); add_arguments(p); sys.exit(run(p.parse_args()))"
    )
    command = [sys.executable, "-c", program, *flags(tiny_corpus, tmp_path)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 60
    while (
        not (tmp_path / "state.pt").exists()
        and process.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert train_lm.run(arguments(tiny_corpus, tmp_path)) == 0
    assert_same_weights(undisturbed, tmp_path)


def assert_same_weights(a: Path, b: Path) -> None:
    left, right = (load_file(folder / "model" / "model.safetensors") for folder in (a, b))
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_folder_of_another_run_is_refused(tiny_corpus: Path, undisturbed: Path) -> None:
    with pytest.raises(ValueError, match="give another --work"):
        Trainer(load_recipe("lab-tiny", 2 * TOKENS), undisturbed, "cpu")


def test_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="lab-cpu"):
        load_recipe("enormous")


def test_missing_and_unreadable_corpus_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="english.jsonl.zst not found"):
        next(source_documents(tmp_path, "english"))


def test_schedule_by_hand() -> None:
    recipe = load_recipe("lab-tiny", 105 * 512)  # 105 steps, 5 of warm-up
    peak = recipe.optimizer["learning_rate"]
    assert learning_rate(0, recipe) == pytest.approx(peak / 5)
    assert learning_rate(5, recipe) == pytest.approx(peak)
    assert learning_rate(55, recipe) == pytest.approx(peak * (0.05 + 0.95 / 2))
    assert learning_rate(105, recipe) == pytest.approx(peak * 0.05)


def test_checkpoints_are_log_spaced() -> None:
    steps = checkpoint_steps(7324)
    assert steps[:5] == [0, 1, 2, 4, 8]
    assert steps[-1] == 7324
    assert len(steps) >= 24
