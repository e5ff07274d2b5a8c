"""The tests' one way to a build:
a small random corpus, the jobs run over it, and a preset that names it all.
"""

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.core.presets import Preset, SaeSource, load_preset
from precompute.cli import run_job
from precompute.job import Job
from tests.once import made_once

SAE_IDS = ("layer_0", "layer_2", "layer_3")
SENTENCES = (
    "What is the capital of Russia?\nMoscow.\n",
    "The cat sat on the mat, and the dog sat by the door.\n",
    "What is the capital of the UK?\nLondon.\n",
    "Speak Chinese.\n你好，世界。\n",
)


def sentences(n_documents: int = 60) -> list[str]:
    """The same few sentences over and over: every one of them is in the corpus."""
    return [SENTENCES[i % 4] + SENTENCES[(i * 3 + 1) % 4] for i in range(n_documents)]


def random_words(n_documents: int = 120) -> list[str]:
    """Random sentences in which some words are more frequent than others."""
    words = [
        "the",
        ",",
        ".",
        "of",
        "\n",
        "and",
        "a",
        "is",
        "?",
        "by",
        "sat",
        "on",
        "cat",
        "dog",
        "mat",
        "door",
    ]
    words += [
        "capital",
        "What",
        "Russia",
        "Moscow",
        "UK",
        "London",
        "Chinese",
        "Speak",
        "你好",
        "世界",
        "and",
        "The",
    ]
    # flat: ten words stay below the cut
    weights = [1 / (10 + place) for place in range(len(words))]
    drawn = random.Random(7)
    return [
        " ".join(drawn.choices(words, weights, k=drawn.randint(20, 60))) for _ in range(n_documents)
    ]


def tiny_job(
    tiny_folder: Path, folder: Path, sae_ids: Sequence[str], texts: Sequence[str], **changes: Any
) -> Job:
    """The job that makes `folder/tiny.duckdb` from these texts; `changes` replace its settings."""
    corpus = folder / "corpus.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    if not corpus.exists():
        corpus.write_text(lines, encoding="utf-8")
    settings: dict[str, Any] = {
        "model": str(tiny_folder / "model"),
        "saes": tuple(tiny_folder / "saes" / sae_id for sae_id in sae_ids),
        "corpus": (corpus,),
        "out": folder / "tiny.duckdb",
        "work": folder / "work",
        "weights": (1.0,),
        "n_tokens": 100_000,
        "ctx_len": 32,
        "n_shards": 20,
        "n_sequences": 8,
    }
    return Job(**(settings | changes))


def make_build(job: Job) -> Path:
    """Run every stage; the build's path."""
    run_job("all", job)
    return job.out


def own_build(
    factory: pytest.TempPathFactory,
    name: str,
    tiny_folder: Path,
    sae_ids: Sequence[str],
    texts: Sequence[str],
    **changes: Any,
) -> Path:
    """The build of such a job in a folder of one's own, its work folder beside it.

    One of the test processes makes it, all copy it.
    """
    shared = made_once(
        factory, name, lambda to: make_build(tiny_job(tiny_folder, to, sae_ids, texts, **changes))
    )
    return Path(shutil.copytree(shared, factory.mktemp(name) / "made")) / "tiny.duckdb"


def tiny_preset(tiny_folder: Path, build: Path, **changes: Any) -> Preset:
    """The lab preset with the tiny model, its three SAEs and this build in it."""
    sources = tuple(
        SaeSource(sae_id, int(sae_id[-1]), tiny_folder / "saes" / sae_id) for sae_id in SAE_IDS
    )
    own = {
        "model": str(tiny_folder / "model"),
        "saes": sources,
        "build": build,
        "demonstrations": (),
    }
    return replace(load_preset("lab"), **(own | changes))  # type: ignore[arg-type]
