"""Patching's identities on the real model."""

from pathlib import Path

from backend.core.lm import LanguageModel
from backend.core.presets import load_preset
from backend.core.weights import model_source
from tests.core.patching.identities import check_ablation, check_map

PRESET = "gemma-3-270m"
TEXTS = "What is the capital of Japan? Answer:", "What is the capital of Italy? Answer:"
LAYERS = (0, 11, 12, 17)  # local and global attention


def test_a_map_of_gemma_is_what_plain_hooks_give(gemma: LanguageModel) -> None:
    folder = Path(model_source(load_preset(PRESET), report=print))
    check_map(gemma, folder, TEXTS, LAYERS, within=2e-3)


def test_ablating_nothing_and_keeping_all_leave_gemma_as_it_is(gemma: LanguageModel) -> None:
    check_ablation(gemma, TEXTS, LAYERS)
