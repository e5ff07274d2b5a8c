"""What a cfg.json states of an SAE's training: every figure as written, null where nothing is."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from backend.core.sae.stated import read_stated
from tests.tiny import tiny_sae_dir

TRAINED = {
    "trained_tokens": 2000,
    "k": 8.0,
    "l0": 7.5,
    "explained_variance": 0.75,
    "explained_variance_without_top_dimension": 0.5,
    "top_dimension": 3,
    "top_dimension_share": 0.25,
    "loss": 2.0,
    "loss_reconstructed": 3.0,
    "loss_zeroed": 6.0,
    "reconstruction_score": 0.75,  # (6 - 3) / (6 - 2)
    "scored_rows": 4,
    "never_fired_there": 0,
    "calibration_positions": 100,
}


def folder(tmp_path: Path, architecture: str = "jumprelu", **metadata: Any) -> Path:
    """An SAE after layer 2 whose metadata holds this beside the hook's name."""
    made = tiny_sae_dir(tmp_path, 2, architecture=architecture)
    config = json.loads((made / "cfg.json").read_text("utf-8"))
    config["metadata"] = {"hook_name": "blocks.2.hook_resid_post", **metadata}
    (made / "cfg.json").write_text(json.dumps(config), "utf-8")
    return made


def test_every_figure_is_as_it_is_written_and_zero_is_a_figure(tmp_path: Path) -> None:
    stated = read_stated(folder(tmp_path, **TRAINED, training="by hand", left_out="giants"))
    assert asdict(stated.figures) == TRAINED
    assert (stated.training, stated.left_out, stated.l0_published) == ("by hand", "giants", None)


def test_what_is_not_stated_is_not_known(tmp_path: Path) -> None:
    stated = read_stated(folder(tmp_path))
    assert set(asdict(stated.figures).values()) == {None}
    assert (stated.training, stated.left_out, stated.l0_published) == (None, None, None)


def test_a_published_l0_is_not_one_of_training(tmp_path: Path) -> None:
    stated = read_stated(folder(tmp_path, l0=116.0, l0_source="published average"))
    assert (stated.figures.l0, stated.l0_published) == (None, 116.0)


def test_the_k_of_a_topk_sae_is_its_encoders(tmp_path: Path) -> None:
    assert read_stated(folder(tmp_path, architecture="topk")).figures.k == 8


@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [
        ("explained_variance", "high", "a finite number"),
        ("loss", True, "a finite number"),
        ("loss_zeroed", float("inf"), "a finite number"),
        ("trained_tokens", 1.5, "a whole number, 0 or more"),
        ("scored_rows", -1, "a whole number, 0 or more"),
    ],
)
def test_a_figure_that_cannot_be_one_is_refused(
    tmp_path: Path, name: str, value: object, needed: str
) -> None:
    with pytest.raises(ValueError, match=f"metadata.{name} is .*; needed: {needed}"):
        read_stated(folder(tmp_path, **{name: value}))
