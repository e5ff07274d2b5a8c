"""Recipes of the lab model: the tables of `lab/recipes.toml`, as train-lm reads them."""

import argparse
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from precompute.inputs import INPUTS, claim, corpus_inputs, model_inputs, prefixed
from precompute.job import sha256
from precompute.lab.questions import LAB, training_documents

CTX_LEN = 256


@dataclass(frozen=True)
class Recipe:
    """One table of `lab/recipes.toml`;
    `tokens` counts training tokens, the rest is what its name says.
    """

    name: str
    seed: int
    tokens: int
    model: dict[str, int]
    optimizer: dict[str, float]
    mixture: dict[str, float]
    anneal: dict[str, float]
    anneal_share: float
    instructed: float
    restated: float

    @property
    def batch_rows(self) -> int:
        return int(self.optimizer["batch_rows"])

    @property
    def anneal_steps(self) -> int:
        return round(self.anneal_share * self.steps)

    @property
    def steps(self) -> int:
        return self.tokens // (self.batch_rows * CTX_LEN)

    def question_documents(self, seed: int) -> Iterator[str]:
        """Endless questions with answers; see `training_documents`."""
        return training_documents(seed, self.instructed, self.restated)


def load_recipe(name: str, tokens: int | None = None) -> Recipe:
    """A recipe by name; ValueError lists the names that exist."""
    tables = tomllib.loads((LAB / "recipes.toml").read_text("utf-8"))
    if name not in tables:
        raise ValueError(f"recipe {name!r} is unknown; choose one of {', '.join(tables)}")
    table = {"instructed": 0.5, "restated": 0.0} | tables[name]
    del table["description"]
    return Recipe(**{**table, "name": name, "tokens": tokens or table["tokens"]})


def claim_training(recipe: Recipe, args: argparse.Namespace) -> None:
    """Note in --work what the rows and every step depend on, files by content; BadInput where a
    training of something else is noted there.
    """
    inputs = corpus_inputs(sorted(args.corpus.glob("*.jsonl.zst")))
    inputs |= {name: sha256(LAB / name) for name in ("facts.json", "questions.json")}
    inputs |= prefixed("init", model_inputs(str(args.init), None)) if args.init else {}
    note = {"recipe": asdict(recipe), "init_seed": args.init_seed, INPUTS: inputs}
    claim(args.work / "settings.json", note)
