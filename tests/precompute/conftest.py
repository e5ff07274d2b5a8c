"""One tiny corpus and one whole build of it per session, made by the command line's own code."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.store import Store
from precompute.cli import main
from tests.once import made_once
from tests.tiny import tiny_sae_dir

WORDS = [
    *[
        "the",
        "the",
        "the",
        "of",
        "of",
        "and",
        "a",
        ",",
        ".",
        "\n",
        "?",
        "by",
        "on",
        "is",
        "What",
        "Speak",
    ],
    *[
        "capital",
        "Russia",
        "Moscow",
        "UK",
        "London",
        "cat",
        "sat",
        "mat",
        "door",
        "dog",
        "Chinese",
        "你好",
        "世界",
    ],
]
N_SHARDS, CTX_LEN = 20, 32
LAYERS = (0, 2)
# With this seed no pre-activation of the corpus lies within 1e-4 of its threshold, ten times what
# batching
# changes in float32: which features fire does not hang on how a machine rounds.
SAE_SEED = 33


def write_corpus(path: Path, n_documents: int = 150) -> Path:
    """Random documents of 3 to 90 words, so that some fill several rows and some a part of one."""
    chosen = random.Random(0)
    texts = [" ".join(chosen.choices(WORDS, k=chosen.randint(3, 90))) for _ in range(n_documents)]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def arguments(model: Path, saes: list[Path], corpus: Path, out: Path, work: Path) -> list[str]:
    """The command line of the tiny job, less the stage."""
    given = ["--model", model, "--corpus", corpus, "--out", out, "--work", work, "--tokens", 5000]
    given += [
        "--ctx-len",
        CTX_LEN,
        "--batch-rows",
        4,
        "--shards",
        N_SHARDS,
        "--sequences",
        40,
        "--seed",
        3,
    ]
    for sae in saes:
        given += ["--sae", sae]
    return [str(value) for value in given]


@dataclass(frozen=True)
class Made:
    """A finished job and what it was made from."""

    out: Path
    work: Path
    corpus: Path
    arguments: list[str]
    saes: list[Sae]


@pytest.fixture(scope="session")
def made(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    def make(folder: Path) -> None:
        corpus = write_corpus(folder / "corpus.jsonl")
        saes = [tiny_sae_dir(folder, layer, seed=SAE_SEED) for layer in LAYERS]
        given = arguments(
            tiny_folder / "model", saes, corpus, folder / "build.duckdb", folder / "work"
        )
        assert main(["all", *given]) == 0

    shared, own = made_once(tmp_path_factory, "job", make), tmp_path_factory.mktemp("job")
    saes = [shared / "saes" / f"layer_{layer}" for layer in LAYERS]
    out = Path(shutil.copy(shared / "build.duckdb", own))
    work = shutil.copytree(shared / "work", own / "work")
    given = arguments(tiny_folder / "model", saes, shared / "corpus.jsonl", out, work)
    return Made(out, work, shared / "corpus.jsonl", given, [Sae.load(path) for path in saes])


@pytest.fixture(scope="session")
def store(made: Made) -> Store:
    return Store.open(made.out)


@pytest.fixture(scope="session")
def raw(made: Made, lm: LanguageModel) -> dict[str, list[tuple[int, int, float]]]:
    """sae_id -> every (token_id, feature_index, activation) of the corpus,
    the slow and obvious way.

    Straight from the text: one row at a time, the whole model, the dense encoder; no code of the
    jobs.
    """
    found: dict[str, list[tuple[int, int, float]]] = {sae.sae_id: [] for sae in made.saes}
    taken = 0
    for line in made.corpus.read_text(encoding="utf-8").splitlines():
        if taken >= 5000:
            break
        ids = lm.tokenize(json.loads(line)["text"])[1:]
        taken += len(ids)
        for start in range(0, len(ids), CTX_LEN - 1):
            row = [lm.bos_id or 0, *ids[start : start + CTX_LEN - 1]]
            resid = lm.forward([row], [sae.layer for sae in made.saes]).resid
            for sae in made.saes:
                dense = sae.encode_dense(resid[sae.layer][0])
                for position, feature in dense.nonzero().tolist():
                    if row[position] not in lm.special_ids:
                        found[sae.sae_id].append(
                            (row[position], feature, float(dense[position, feature]))
                        )
    return found
