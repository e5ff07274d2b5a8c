"""Stage `consolidation text`: the held-out rows that every checkpoint is scored on,
and the token counts.

Documents are drawn at random from the corpus; one that shares any WINDOW consecutive tokens with
the training rows is left out. So what is kept was not trained on, whatever the training stream did
with its documents.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from precompute.building.corpus import Shard, cut_rows
from precompute.building.documents import read_documents
from precompute.inputs import INPUTS, claim, corpus_inputs
from precompute.job import INTERVAL_SHARDS, BadInput, load_arrays, save_arrays, sha256

WINDOW = 32  # consecutive tokens; a shorter document cannot be checked and is left out
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
TOKENISE_AT_ONCE = 256
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class TextSettings:
    """What determines the held-out rows."""

    corpus: tuple[Path, ...]
    weights: tuple[float, ...]  # share of the targets from each file
    n_tokens: int = 500_000  # least number of targets
    ctx_len: int = 256
    seed: int = 0

    def record(self) -> dict[str, Any]:
        """JSON for provenance and for telling one work folder from another."""
        return asdict(self) | {"corpus": [path.name for path in self.corpus]}


@dataclass(frozen=True)
class HeldOut:
    """The rows, longest last, with the targets that are scored in them."""

    rows: Shard
    special: tuple[int, ...]
    shard_of_row: Ints  # [rows] document shard, 0 to INTERVAL_SHARDS - 1

    def scored(self) -> Bools:
        """Bool [rows, ctx_len - 1]: position p + 1 is a target;
        neither it nor the token before it is special.
        """
        special = np.isin(self.rows.tokens, self.special) | ~self.rows.used()
        return ~(special[:, 1:] | special[:, :-1])

    def targets(self) -> dict[str, Ints]:
        """Per scored target, row by row:
        current token, target token, position of the target, document shard.
        """
        row, before = np.nonzero(self.scored())
        return {
            "current": self.rows.tokens[row, before],
            "target": self.rows.tokens[row, before + 1],
            "position": (before + 1).astype(np.int64),
            "shard": self.shard_of_row[row],
        }


def window_hashes(tokens: Ints) -> Hashes:
    """uint64 [rows, pos - WINDOW + 1]: a polynomial hash of every WINDOW consecutive tokens."""
    n = tokens.shape[1] - WINDOW + 1
    made = np.zeros((tokens.shape[0], max(n, 0)), np.uint64)
    if n > 0:
        wide = tokens.astype(np.uint64) + np.uint64(1)
        for place in range(WINDOW):
            made *= MULTIPLIER
            made += wide[:, place : place + n]
    return made


def training_windows(rows: np.ndarray) -> Hashes:
    """Sorted hashes of every window of the training rows [rows, ctx_len]."""
    parts = [
        window_hashes(rows[start : start + 4096].astype(np.int64)).ravel()
        for start in range(0, len(rows), 4096)
    ]
    found = np.concatenate(parts)
    found.sort()
    return found


def was_trained_on(document: Sequence[int], trained: Hashes) -> bool:
    """Whether the document shares a window with the training rows, or is too short to tell."""
    mine = window_hashes(np.asarray(document, np.int64)[None]).ravel()
    if not mine.size:
        return True
    place = np.searchsorted(trained, mine)
    return (
        bool((trained[np.minimum(place, len(trained) - 1)] == mine).any())
        if trained.size
        else False
    )


def draw_documents(
    tokenizer: PreTrainedTokenizerBase,
    path: Path,
    n_tokens: int,
    trained: Hashes,
    rng: np.random.Generator,
) -> tuple[list[list[int]], int]:
    """(documents of at least n_tokens together, number left out because they share a window);
    BadInput if too few.
    """
    texts = list(read_documents(path))
    kept: list[list[int]] = []
    left_out = taken = 0
    for ids in _tokenised(tokenizer, texts, rng.permutation(len(texts))):
        if taken >= n_tokens:
            break
        if was_trained_on(ids, trained):
            left_out += len(ids) >= WINDOW
            continue
        kept.append(ids)
        taken += len(ids)
    if taken < n_tokens:
        raise BadInput(
            f"{path} has {taken:,} tokens that were not trained on; {n_tokens:,} are needed from "
            "it."
        )
    return kept, left_out


def _tokenised(
    tokenizer: PreTrainedTokenizerBase, texts: list[str], order: Ints
) -> Iterator[list[int]]:
    for start in range(0, len(order), TOKENISE_AT_ONCE):
        batch = [texts[i] for i in order[start : start + TOKENISE_AT_ONCE]]
        yield from tokenizer(batch, add_special_tokens=False)["input_ids"]


def make_text(
    tokenizer: PreTrainedTokenizerBase,
    training_rows: Path | None,
    settings: TextSettings,
    work: Path,
) -> HeldOut:
    """Write WORK/text.npz unless it is there; BadInput where it was made with other settings."""
    record = settings.record() | {"training_rows": training_rows.name if training_rows else None}
    inputs = corpus_inputs(settings.corpus) | {"tokenizer": tokenizer_digest(tokenizer)}
    inputs |= {"training rows": sha256(training_rows)} if training_rows else {}
    claim(work / "text.json", record | {INPUTS: inputs})
    if not (work / "text.npz").exists():
        rows = (
            np.load(training_rows, mmap_mode="r")
            if training_rows
            else np.zeros((0, WINDOW), np.uint16)
        )
        trained, rng = training_windows(rows), np.random.default_rng(settings.seed)
        documents: list[list[int]] = []
        left_out: list[int] = []
        for path, weight in zip(settings.corpus, settings.weights, strict=True):
            # BOS of rows is no target
            share = int(settings.n_tokens * weight / sum(settings.weights) * 1.02)
            found, dropped = draw_documents(tokenizer, path, share, trained, rng)
            documents += found
            left_out.append(dropped)
        shuffled = [documents[i] for i in rng.permutation(len(documents))]
        shard = cut_rows(list(enumerate(shuffled)), settings.ctx_len, tokenizer.bos_token_id)
        save_arrays(
            work / "text.npz",
            tokens=shard.tokens,
            lengths=shard.lengths,
            documents=shard.documents,
            special=np.array(sorted(tokenizer.all_special_ids)),
            left_out=np.array(left_out),
            training_windows=np.array(len(trained)),
        )
    return load_text(work)


def load_text(work: Path) -> HeldOut:
    """The held-out rows; BadInput where `consolidation text` has not run."""
    saved = load_arrays(work / "text.npz", "consolidation text")
    rows = Shard(saved["tokens"], saved["lengths"], saved["documents"])
    return HeldOut(rows, tuple(int(i) for i in saved["special"]), rows.documents % INTERVAL_SHARDS)


def text_digest(text: HeldOut) -> str:
    """sha256 of the rows: results of another text are refused."""
    return hashlib.sha256(
        text.rows.tokens.astype("<i4").tobytes() + text.rows.lengths.tobytes()
    ).hexdigest()


def require_same(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """BadInput naming in what the kept arrays `found` of `path` were made otherwise than `wanted`.

    wanted: name -> value of what they depend on, each an array of that name there.
    """
    differ = [
        name
        for name, value in wanted.items()
        if name not in found or not np.array_equal(found[name], value)
    ]
    if differ:
        raise BadInput(
            f"{path} was made with another {', '.join(differ)}: give another --work, or delete it."
        )


def tokenizer_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """sha256 of all that decides how a text is cut: vocabulary, merges, normalisation, special
    tokens.
    """
    core = getattr(tokenizer, "backend_tokenizer", None)
    rules = core.to_str() if core is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    return hashlib.sha256(
        f"{rules}{tokenizer.bos_token_id}{sorted(tokenizer.all_special_ids)}".encode()
    ).hexdigest()
