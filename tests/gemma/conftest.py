"""Gemma 3 270M as its preset loads it: the real model that the tests here prove things on."""

import pytest

from backend.core.hub import ModelUnavailable
from backend.core.lm import LanguageModel
from backend.core.presets import load_preset, preset_names
from backend.core.weights import model_source

PRESET = "gemma-3-270m"


@pytest.fixture(scope="session")
def gemma() -> LanguageModel:
    if PRESET not in preset_names():
        pytest.skip(f"this version has no preset {PRESET}")
    try:
        return LanguageModel.load(model_source(load_preset(PRESET), report=print))
    except ModelUnavailable as error:
        pytest.skip(f"{PRESET} is not on this machine: {error}")
