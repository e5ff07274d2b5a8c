"""A pair of prompts that differ in one span, on the tiny model, and the plain reference beside
it."""

from pathlib import Path

import pytest

from backend.core.lm import LanguageModel
from tests.core.patching.plain import Plain
from tests.tiny import SLIDING_WINDOW

BEFORE = "The cat sat on the mat.\nWhat is the capital of"
A, B, LONGER = BEFORE + " Russia?\n", BEFORE + " dog?\n", BEFORE + " the UK?\n"


@pytest.fixture(scope="session")
def plain(tiny_folder: Path) -> Plain:
    return Plain(tiny_folder / "model")


@pytest.fixture(scope="session")
def a(lm: LanguageModel) -> list[int]:
    ids = lm.tokenize(A)
    assert len(ids) > 2 * SLIDING_WINDOW  # so that a window's edge lies within the prompt
    return ids


@pytest.fixture(scope="session")
def b(lm: LanguageModel) -> list[int]:
    return lm.tokenize(B)


@pytest.fixture(scope="session")
def longer(lm: LanguageModel) -> list[int]:
    return lm.tokenize(LONGER)
