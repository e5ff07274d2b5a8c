"""What the checkpoints predicted, as tables of the consolidation file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from backend.core.companions.consolidation.codec import pack
from backend.core.lm.tokens import Decoding
from precompute.consolidation.cells import NO_BAND, Vocabulary
from precompute.consolidation.kinds import KIND_NAMES
from precompute.consolidation.stages import load_texts, stage_rows
from precompute.consolidation.tables import Tables, step_files
from precompute.consolidation.text import HeldOut
from precompute.job import INTERVAL_SHARDS, load_arrays

Arrays = dict[str, npt.NDArray[Any]]


def stage_tables(
    text: HeldOut,
    vocabulary: Vocabulary,
    tokenizer: PreTrainedTokenizerBase,
    runs: list[tuple[Path, dict[str, Any]]],
) -> Tables:
    """`sentence`, `prediction`, `continuation`, `stage` and `token`;
    empty where the stage has not run.
    """
    shards = stage_rows(text)[1]
    texts = load_texts()
    named: set[int] = set()
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("sentence", "prediction", "continuation", "stage")
    }
    for run, (folder, _) in enumerate(runs):
        for step, path in step_files(folder / "stages"):
            found = load_arrays(path, "consolidation stages")
            if not rows["sentence"]:
                rows["sentence"] = _sentences(found, texts.sentences, texts.prompts)
            key = {"run": run, "step": step}
            rows["prediction"] += _predictions(found, len(texts.sentences), key, named)
            rows["continuation"] += _continuations(
                found, len(texts.sentences), len(texts.prompts), key, named
            )
            rows["stage"].append(key | _numbers(found, vocabulary, shards))
    for sentence in rows["sentence"]:
        named |= set(sentence["token_ids"])
    made = {name: pa.Table.from_pylist(table) for name, table in rows.items() if table}
    return made | ({"token": _tokens(sorted(named), vocabulary, tokenizer)} if named else {})


def _sentences(found: Arrays, sentences: list[str], prompts: list[str]) -> list[dict[str, Any]]:
    made = [(False, text, found[f"ids{i}"]) for i, text in enumerate(sentences)]
    made += [(True, text, found[f"prompt{i}"]) for i, text in enumerate(prompts)]
    return [
        {"sentence": i, "is_prompt": is_prompt, "text": text, "token_ids": ids.tolist()}
        for i, (is_prompt, text, ids) in enumerate(made)
    ]


def _predictions(
    found: Arrays, n: int, key: dict[str, int], named: set[int]
) -> list[dict[str, Any]]:
    rows = []
    for i in range(n):
        best = found[f"best{i}"]
        named |= set(best.ravel().tolist())
        packed = {
            "token_ids": pack(best.astype(np.uint32)),
            "probabilities": pack(found[f"p{i}"].astype(np.float16)),
            "target": pack(found[f"target{i}"].astype(np.float16)),
        }
        rows.append(key | {"sentence": i} | packed)
    return rows


def _continuations(
    found: Arrays, first: int, n: int, key: dict[str, int], named: set[int]
) -> list[dict[str, Any]]:
    rows = []
    for i in range(n):
        ids = found[f"made{i}"].tolist()
        named |= set(ids)
        rows.append(key | {"sentence": first + i, "token_ids": ids})
    return rows


def _numbers(
    found: Arrays, vocabulary: Vocabulary, shards: npt.NDArray[np.int64]
) -> dict[str, Any]:
    predicted = found["predicted"].ravel()
    n_kinds, n_bands = len(KIND_NAMES), len(vocabulary.edges) + 1  # the last for special tokens
    band = np.where(vocabulary.band == NO_BAND, n_bands - 1, vocabulary.band)[predicted]
    counts = np.bincount(band * n_kinds + vocabulary.kind[predicted], minlength=n_bands * n_kinds)
    per_row = found["short"].shape[1]
    n = np.bincount(shards, minlength=INTERVAL_SHARDS) * per_row
    means = {}
    for name in ("short", "whole"):
        sums = np.bincount(
            shards, weights=found[name].astype(np.float64).sum(1), minlength=INTERVAL_SHARDS
        )
        means[f"{name}_loss"] = (
            np.divide(sums, n, out=np.zeros_like(sums), where=n > 0).astype(np.float32).tolist()
        )
    return means | {
        "predicted": pack(counts.astype(np.uint32)),
        "distinct_predictions": len(np.unique(predicted)),
        "n": n.tolist(),
    }


def _tokens(
    named: list[int], vocabulary: Vocabulary, tokenizer: PreTrainedTokenizerBase
) -> pa.Table:
    decode = Decoding(tokenizer)
    return pa.Table.from_pylist(
        [
            {
                "token_id": i,
                "text": decode([i]),
                "rank": int(vocabulary.rank[i]) or None,
                "kind": int(vocabulary.kind[i]),
            }
            for i in named
        ]
    )
