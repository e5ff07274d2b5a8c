"""Another model's training is shown where a build has none, and is nobody's evidence."""

import shutil
from pathlib import Path

import pytest

from backend.core.companions.served import Build
from backend.core.presets import load_preset
from backend.core.store import StoreMissing

LAB = load_preset("lab").build
TRAINING = LAB.with_name("lab.consolidation.duckdb")


def test_anothers_training_is_shown_but_judges_no_claim(tmp_path: Path) -> None:
    build = Build(None, Path(shutil.copy(LAB, tmp_path / "own.duckdb")), TRAINING)
    assert build.consolidation().path == TRAINING
    with pytest.raises(StoreMissing, match="another model's"):
        build.companions()["consolidation"]()
    shutil.copy(TRAINING, tmp_path / "own.consolidation.duckdb")
    own = build.companions()["consolidation"]()
    assert own.path == tmp_path / "own.consolidation.duckdb"
    assert build.consolidation().path == own.path


def test_without_another_models_a_missing_file_is_missing(tmp_path: Path) -> None:
    build = Build(None, Path(shutil.copy(LAB, tmp_path / "own.duckdb")))
    with pytest.raises(StoreMissing, match=r"own\.consolidation\.duckdb"):
        build.consolidation().runs()


def test_the_preset_that_shows_anothers_training_says_whose() -> None:
    preset = load_preset("gemma-3-270m")
    assert preset.training is not None
    assert preset.training.samefile(TRAINING)
    assert preset.training_of == "the lab model"
