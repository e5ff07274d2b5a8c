"""Patching's identities on the lab model."""

from pathlib import Path

import pytest

from backend.core.lm import LanguageModel
from tests.core.patching.identities import check_ablation, check_map

MODEL = Path(__file__).parents[2] / "precompute" / "lab" / "model"
TEXTS = "What is the capital of Japan?\n", "What is the capital of Italy?\n"


@pytest.fixture(scope="module")
def lab() -> LanguageModel:
    return LanguageModel.load(MODEL)


def test_a_map_of_the_lab_model_is_what_plain_hooks_give(lab: LanguageModel) -> None:
    check_map(lab, MODEL, TEXTS, range(lab.n_layers), within=1e-3)


def test_ablating_nothing_and_keeping_all_leave_the_lab_model_as_it_is(lab: LanguageModel) -> None:
    check_ablation(lab, TEXTS, range(lab.n_layers))
