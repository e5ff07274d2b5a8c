"""A task file of five subjects on the tiny model, as marked prompts."""

import tomllib

import numpy as np
import pytest

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.tasks import Tasks
from backend.core.tasks.file import parse_tasks
from backend.core.token_classes import CONTENT, FUNCTION
from precompute.experiments.patching.marked import MarkedSet, marked_sets
from precompute.experiments.subject import Subject

TEXT = """
format = 1
title = "Places"
noun = "places"
tails = ["?", " by the door? The cat sat."]
subjects = [
    { name = "Russia", capital = "Moscow" }, { name = "the UK", capital = "London" },
    { name = "London", capital = "UK" }, { name = "Moscow", capital = "Russia" },
    { name = "the cat", capital = "Chinese" },
]
[prompt]
wrapper = "few-shot"
examples = [["What is the capital of the mat?", "Russia"]]
stop = "."
[relations]
capital = ["What is the capital of {s}"]
"""


@pytest.fixture(scope="session")
def tasks() -> Tasks:
    return parse_tasks(tomllib.loads(TEXT), "places.toml")


@pytest.fixture(scope="session")
def subject(lm: LanguageModel, saes: dict[str, Sae]) -> Subject:
    """Tokens of one or two characters are function tokens: `?`, `.`, line breaks."""
    short = [len(lm.token_text(i)) <= 2 for i in range(lm.vocab_size)]
    classes = np.where(short, FUNCTION, CONTENT).astype(np.int8)
    return Subject(lm, [saes["layer_0"]], classes, seed=3)


@pytest.fixture(scope="session")
def asked(subject: Subject, tasks: Tasks) -> MarkedSet:
    return next(marked_sets(subject, tasks, None))
