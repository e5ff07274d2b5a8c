"""What every test shares: one thread, and one tiny real model with its SAEs per run."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from tests.once import made_once
from tests.tiny import tiny_model_dir, tiny_sae_dir

torch.set_num_threads(1)
# the tiny SAEs are random: every one of them would be warned of on every page
os.environ["FUNCTIONSCOPE_CHECK_SAES"] = "false"
settings.register_profile("steady", deadline=None)  # a busy machine is not a failure
settings.load_profile("steady")

SAE_LAYERS = (0, 2, 3)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `model/` and `saes/layer_0`, `saes/layer_2`, `saes/layer_3`: read it, do not write to
    it.
    """

    def make(folder: Path) -> None:
        tiny_model_dir(folder)
        for layer in SAE_LAYERS:
            tiny_sae_dir(folder, layer)

    return made_once(tmp_path_factory, "tiny", make)


@pytest.fixture(scope="session")
def lm(tiny_folder: Path) -> LanguageModel:
    return LanguageModel.load(tiny_folder / "model")


@pytest.fixture(scope="session")
def saes(tiny_folder: Path) -> dict[str, Sae]:
    folders = [tiny_folder / "saes" / f"layer_{layer}" for layer in SAE_LAYERS]
    return {folder.name: Sae.load(folder) for folder in folders}
