"""Stage `consolidation publish`: everything in WORK as one small file beside a build."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from backend.core.companions.consolidation.store import SCHEMA, SCHEMA_VERSION
from backend.core.companions.file import write_companion
from backend.core.lm.tokens import Decoding
from backend.core.store import Store
from precompute.building.provenance import code_version
from precompute.consolidation.baselines import TUNING_EVERY
from precompute.consolidation.cells import POSITION_EDGES, Vocabulary, make_vocabulary
from precompute.consolidation.feature_tables import feature_tables, n_positions
from precompute.consolidation.kinds import KIND_NAMES
from precompute.consolidation.onto import put_onto
from precompute.consolidation.stage_tables import stage_tables
from precompute.consolidation.stages import EVERY, FROM, ROWS_PER_SHARD, SHORT
from precompute.consolidation.tables import (
    LossPacker,
    loss_table,
    run_folders,
    run_table,
    vocabulary_tables,
)
from precompute.consolidation.text import WINDOW, HeldOut, load_text, text_digest
from precompute.inputs import INPUTS
from precompute.job import INTERVAL_SHARDS, BadInput, load_arrays

ALL_TOKENS = 10_000_000


@dataclass(frozen=True)
class Counts:
    """Occurrences [vocab] behind the classes, and where they come from in words."""

    occurrences: npt.NDArray[np.int64]
    stated: str


def read_counts(source: Path, vocab: int, special: Sequence[int]) -> Counts:
    """From a build (.duckdb) or from training rows (.npy);
    BadInput where the vocabularies differ.
    """
    if source.suffix == ".npy":
        if not source.is_file():
            raise BadInput(
                f"no rows at {source}: give training rows (.npy) or a build (.duckdb) to --counts."
            )
        counts = np.bincount(np.load(source, mmap_mode="r").ravel(), minlength=vocab).astype(
            np.int64
        )
        counts[list(special)] = 0
        return Counts(counts, f"{int(counts.sum()):,} positions of the training rows")
    store = Store.open(source)
    rows, _ = store.tokens(limit=ALL_TOKENS)
    if len(rows) != vocab:
        raise BadInput(
            f"{source} counts {len(rows)} tokens; the tokenizer has {vocab}: give a build of "
            "this tokenizer."
        )
    counts = np.zeros(vocab, np.int64)
    for row in rows:
        counts[row.token_id] = 0 if row.rank is None else row.occurrences
    return Counts(counts, f"{int(counts.sum()):,} positions of the corpus of {source.name}")


def publish(
    work: Path,
    tokenizer: PreTrainedTokenizerBase,
    counts_from: Path,
    out: Path,
    onto: Path | None = None,
) -> None:
    """Write `out`, with the runs of the file `onto` where one is given;
    BadInput where a stage is missing.
    """
    text, runs = load_text(work), run_folders(work)
    decode = Decoding(tokenizer)
    texts = [decode([i]) for i in range(len(tokenizer))]
    counts = read_counts(counts_from, len(texts), text.special)
    vocabulary = make_vocabulary(counts.occurrences, text.special, texts)
    packer = LossPacker(vocabulary, text)
    losses = loss_table(work, text, packer, runs)
    if not losses.num_rows:
        raise BadInput(
            f"{work} holds no loss: `functionscope precompute consolidation loss` comes first."
        )
    tables = {
        "run": run_table(runs),
        "loss": losses,
        **vocabulary_tables(vocabulary),
        **packer.tables(),
    }
    tables |= stage_tables(text, vocabulary, tokenizer, runs) | feature_tables(vocabulary, runs)
    provenance = _provenance(work, text, vocabulary, counts, runs)
    if onto is not None:
        tables, provenance = put_onto(onto, tables, provenance)
    write_companion(out, SCHEMA.read_text("utf-8"), SCHEMA_VERSION, tables, provenance)


def _provenance(
    work: Path,
    text: HeldOut,
    vocabulary: Vocabulary,
    counts: Counts,
    runs: list[tuple[Path, dict[str, Any]]],
) -> dict[str, Any]:
    saved = load_arrays(work / "text.npz", "consolidation text")
    settings = json.loads((work / "text.json").read_text("utf-8"))
    settings.pop(INPUTS)
    return {
        "build": None,
        "runs": [{k: run[k] for k in ("model", "seed", "weights")} for _, run in runs],
        "held_out": {
            "n_tokens": int(text.scored().sum()),
            "n_documents": len(np.unique(text.rows.documents)),
            "n_shards": INTERVAL_SHARDS,
            "sha256": text_digest(text),
            "settings": settings,
            "left_out": saved["left_out"].tolist(),
            "taken": _taken(settings, saved),
            "smoothing": _smoothing(work),
            "counts": counts.stated,
            "arithmetic": _arithmetic(runs),
        },
        "positions": list(POSITION_EDGES),
        "kinds": list(KIND_NAMES),
        "vocabulary": int((vocabulary.rank > 0).sum()),
        "features": {"n_positions": n_positions(runs), "target_score": target_score(work)},
        "stages": {"short": SHORT, "every": EVERY, "from": FROM, "rows_per_shard": ROWS_PER_SHARD},
        "code": code_version(),
        "created_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def target_score(work: Path) -> float | None:
    """The reconstruction score that recipe equal_score aimed at; None where it was not trained."""
    path = work / "target_score.json"
    return float(json.loads(path.read_text("utf-8"))["score"]) if path.exists() else None


def _arithmetic(runs: list[tuple[Path, dict[str, Any]]]) -> str:
    """Of every loss file; the job refuses to mix them within a run."""
    found = {
        str(load_arrays(path, "consolidation loss")["dtype"])
        for f, _ in runs
        for path in (f / "loss").glob("*.npz")
    }
    return "; ".join(
        "weights and residual stream {}, factors of matrix products {}, loss float32".format(
            *one.split("/")
        )
        for one in sorted(found)
    )


def _taken(settings: dict[str, Any], saved: dict[str, npt.NDArray[Any]]) -> str:
    drawn = (
        f"documents drawn at random from {', '.join(settings['corpus'])} (seed {settings['seed']})"
    )
    if not settings["training_rows"]:
        return (
            f"{drawn}; no training rows were given, so that they were not trained on is not checked"
        )
    return (
        f"{drawn}; {int(saved['left_out'].sum())} were left out because they share {WINDOW} "
        "consecutive tokens with the training rows, and those that are kept share none of its "
        f"{int(saved['training_windows']):,} windows"
    )


def _smoothing(work: Path) -> str:
    path = work / "baselines.npz"
    if not path.exists():
        return "no baselines: no training rows were given"
    found = load_arrays(path, "consolidation text")
    return (
        f"counted on {int(found['counted']):,} pairs of the training rows; unigram with 1 added "
        f"to every count; bigram smoothed towards it with {float(found['weight']):g} "
        f"pseudo-counts, chosen on one row in {TUNING_EVERY} that is not counted"
    )
