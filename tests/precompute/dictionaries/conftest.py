"""Three dictionaries of one layer of the tiny model, compared once by the command itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.sae import Sae
from precompute.cli import main
from tests.precompute.conftest import CTX_LEN, SAE_SEED, Made
from tests.tiny import D_SAE, tiny_sae_dir

LAYER, K = 2, 3
PLACES = """
format = 1
title = "Places"
noun = "places"
tails = ["?", " by the door? The cat sat."]
subjects = [
    { name = "Russia", capital = "Moscow" }, { name = "the UK", capital = "London" },
    { name = "London", capital = "UK" }, { name = "Moscow", capital = "Russia" },
]
[prompt]
wrapper = "few-shot"
examples = [["What is the capital of the mat?", "Russia"]]
stop = "."
[relations]
capital = ["What is the capital of {s}"]
"""
LETTERS = """
format = 1
title = "Letters"
questions.fit = [["What is the UK{trait}?"], ["The dog sat{trait}."], ["Speak{trait}."]]
questions.test = [["What is it{trait}?"], ["The cat sat{trait}."]]
[prompt]
wrapper = "few-shot"
examples = [["What is London?", "the UK"]]
stop = "."
[traits.Small]
words = " by the door"
pattern = "[a-z$,]"
"""


@dataclass(frozen=True)
class Case:
    """A command that compares them; `work` and `out` are given apart."""

    folder: Path
    given: list[str]
    saes: dict[str, Sae]
    built: Made

    def run(self, name: str, *more: str) -> int:
        """With a work folder and a result file of that name."""
        places = ["--work", str(self.folder / name), "--out", str(self.out(name))]
        return main(["dictionaries", *self.given, *places, *more])

    def out(self, name: str) -> Path:
        return self.folder / f"{name}.experiments.duckdb"

    def store(self, name: str) -> ExperimentsStore:
        return ExperimentsStore(self.out(name))


@pytest.fixture(scope="session")
def case(tiny_folder: Path, made: Made, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("dictionaries")
    (folder / "places.toml").write_text(PLACES, "utf-8")
    (folder / "letters.toml").write_text(LETTERS, "utf-8")
    shapes = {"base": (SAE_SEED, D_SAE), "another seed": (7, D_SAE), "half": (11, D_SAE // 2)}
    where = {
        name: tiny_sae_dir(folder / name.replace(" ", "_"), LAYER, seed=seed, d_sae=d_sae)
        for name, (seed, d_sae) in shapes.items()
    }
    given: list[object] = ["--model", tiny_folder / "model", "--build", made.out]
    given += ["--layer", LAYER, "--sae", *(f"{name}={path}" for name, path in where.items())]
    given += ["--corpus", made.corpus, "--tokens", 2500, "--ctx-len", CTX_LEN, "--shards", 20]
    given += ["--k", K, "--dense", 0.15, "--candidates", 3, "--draws", 2, "--new-tokens", 3]
    given += ["--strengths", 1, "--seed", 3]
    given += ["--tasks", folder / "places.toml", folder / "letters.toml"]
    saes = {name: Sae.load(path, sae_id=name) for name, path in where.items()}
    return Case(folder, [str(one) for one in given], saes, made)


@pytest.fixture(scope="session")
def ran(case: Case) -> ExperimentsStore:
    assert case.run("whole") == 0
    return case.store("whole")
