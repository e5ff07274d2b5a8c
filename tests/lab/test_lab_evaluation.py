"""The evaluation's own arithmetic, and its answers against transformers' generate."""

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.steering.arms import adding
from backend.core.token_classes import CONTENT
from precompute.cli import main
from precompute.lab.evaluate import MARKERS, rate, write_card
from precompute.lab.steering import MAX_NEW_TOKENS, answers, at, last_content
from precompute.training.export import calibrate
from tests import tiny

PROMPTS = ["the cat\n", "a dog sat\n", "the hat\n", "once upon a time\n"]


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return LanguageModel.load(tiny.tiny_model_dir(tmp_path_factory.mktemp("lm")))


def test_answers_are_those_of_generate(lm: LanguageModel) -> None:
    for prompt, answer in zip(PROMPTS, answers(lm, PROMPTS), strict=True):
        ids = torch.tensor([lm.tokenize(prompt)])
        out = lm.model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=MAX_NEW_TOKENS
        )[0, ids.shape[1] :].tolist()
        ends = [i for i, token in enumerate(out) if token in lm.eos_ids]
        assert answer == lm.decode(out[: ends[0]] if ends else out)


def test_a_direction_at_the_last_position_changes_answers_and_nothing_changes_none(
    lm: LanguageModel,
) -> None:
    direction = torch.randn(lm.d_model, generator=torch.Generator().manual_seed(0))
    assert answers(lm, PROMPTS, at(adding(0, direction, 50.0))) != answers(lm, PROMPTS)
    assert answers(lm, PROMPTS, at(adding(0, direction, 0.0))) == answers(lm, PROMPTS)


def test_wilson_by_hand() -> None:
    # (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n) with z = 1.959964, p = 0.9, n = 100
    found = rate(90, 100)
    assert found["low"] == pytest.approx(0.8256, abs=1e-4)
    assert found["high"] == pytest.approx(0.9448, abs=1e-4)


def test_calibration_gives_the_l0_asked_for() -> None:
    generator = torch.Generator().manual_seed(1)
    eye = torch.eye(8)
    weights = {"W_enc": eye, "b_enc": torch.zeros(8), "W_dec": eye, "b_dec": torch.zeros(8)}
    kept = torch.randn(500, 8, generator=generator)
    threshold, measured = calibrate(weights, kept, k=2)
    assert measured["l0"] == 2.0
    assert int((kept > threshold).sum()) == 1000


def test_content_position_is_the_last_content_token_before_the_newline() -> None:
    classes = np.ones(10, np.int8)
    classes[[5, 9]] = CONTENT
    where = last_content(classes)
    assert where([2, 5, 9, 7, 1]) == 2
    assert where([2, 7, 7, 1]) == 1


def test_a_card_without_markers_is_refused_and_kept(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("nothing", "utf-8")
    with pytest.raises(ValueError, match="markers"):
        write_card(card, "table")
    assert card.read_text("utf-8") == "nothing"
    card.write_text(f"before {MARKERS[0]} old {MARKERS[1]} after", "utf-8")
    write_card(card, "new \\1")
    assert card.read_text("utf-8") == f"before {MARKERS[0]}\nnew \\1\n{MARKERS[1]} after"


def test_bad_input_to_a_training_command_is_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "train-lm",
        "--recipe",
        "enormous",
        "--corpus",
        str(tmp_path),
        "--work",
        str(tmp_path / "w"),
    ]
    assert main(command) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert (
        main(["train-lm", "--corpus", str(tmp_path / "none"), "--work", str(tmp_path / "w")]) == 2
    )
    assert "not found" in capsys.readouterr().err
