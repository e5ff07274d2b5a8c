"""The text model of a checkpoint that sees pictures: all of its weights, by either naming."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.core.lm import LanguageModel
from backend.core.lm.checkpoint import read_config
from backend.core.lm.weights import WrongWeights
from tests.families.made import family_dir

FILE = "model.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.Tensor]:
    """The folder, and the whole model's logits of some tokens."""
    folder = tmp_path_factory.mktemp("gemma3")
    model = family_dir(folder, "gemma3")
    with torch.no_grad():
        return folder, model(input_ids=torch.tensor([[2, 50, 60, 70]])).logits


def renamed(whole: Path, folder: Path, old: str, new: str | None) -> Path:
    """A copy whose weights that begin with `old` begin with `new`, or are gone."""
    for path in whole.iterdir():
        if path.name != FILE:
            (folder / path.name).write_bytes(path.read_bytes())
    arrays = {
        (new or "") + name.removeprefix(old) if name.startswith(old) else name: array
        for name, array in load_file(whole / FILE).items()
        if new is not None or not name.startswith(old)
    }
    save_file(arrays, folder / FILE, {"format": "pt"})
    return folder


@pytest.mark.parametrize("new", ["language_model.model.", "model.language_model."])
def test_either_naming_is_the_same_model(
    whole: tuple[Path, torch.Tensor], tmp_path: Path, new: str
) -> None:
    folder, logits = whole
    lm = LanguageModel.load(renamed(folder, tmp_path, "language_model.model.", new))
    assert torch.equal(lm.model(input_ids=torch.tensor([[2, 50, 60, 70]])).logits, logits)
    assert read_config(str(tmp_path)).model_type == "gemma3_text"


def test_a_weight_of_the_text_model_that_is_missing_or_unknown_is_refused(
    whole: tuple[Path, torch.Tensor], tmp_path: Path
) -> None:
    mlp = "language_model.model.layers.1.mlp.up_proj."
    with pytest.raises(WrongWeights, match="they lack model.layers.1.mlp.up_proj.weight"):
        LanguageModel.load(renamed(whole[0], tmp_path, mlp, None))
    with pytest.raises(WrongWeights, match="without a place for them, other.weight"):
        LanguageModel.load(renamed(whole[0], tmp_path, mlp, "other."))
