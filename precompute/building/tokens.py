"""Stage 1, `tokens`: how often each token occurs, and in how many documents (paper, section 1)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.core.lm import LanguageModel
from backend.core.token_classes import FUNCTION, by_frequency, classify
from precompute.building.corpus import Shard, load_shard, write_shards
from precompute.job import BadInput, Job, load_arrays, save_arrays

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenTable:
    """Counts of the corpus sample. Special tokens have zero everywhere: they are never counted."""

    by_shard: Ints  # [shards, vocab] positions
    documents: Ints  # [vocab] documents that contain the token at least once
    n_documents: int
    ranked: Ints  # token_ids of non-special tokens, most frequent first, ties by token_id
    classes: npt.NDArray[np.int8]  # [vocab] 0 content, 1 function, 2 special
    stream_sha256: str  # of every row and length, in shard order

    @property
    def occurrences(self) -> Ints:
        """[vocab] positions in all shards."""
        return np.asarray(self.by_shard.sum(axis=0), dtype=np.int64)

    @property
    def n_positions(self) -> int:
        return int(self.by_shard.sum())

    @property
    def n_function(self) -> int:
        return int((self.classes == FUNCTION).sum())

    def seen(self) -> Ints:
        """Non-special tokens that occur, most frequent first."""
        return self.ranked[self.occurrences[self.ranked] > 0]

    def place(self) -> Ints:
        """[vocab] rank - 1 of each token; special tokens come after all others."""
        places = np.full(len(self.classes), len(self.classes), dtype=np.int64)
        places[self.ranked] = np.arange(len(self.ranked))
        return places


def count_shard(shard: Shard, vocab_size: int, special_ids: Collection[int]) -> tuple[Ints, Ints]:
    """([vocab] positions, [vocab] documents) of one shard, special tokens and padding left out."""
    used = shard.used() & ~np.isin(shard.tokens, list(special_ids))
    tokens = shard.tokens[used]
    document = np.broadcast_to(shard.documents[:, None], shard.tokens.shape)[used]
    pairs = np.unique(document * vocab_size + tokens)
    return np.bincount(tokens, minlength=vocab_size), np.bincount(
        pairs % vocab_size, minlength=vocab_size
    )


def make_tokens(lm: LanguageModel, job: Job) -> TokenTable:
    """Write the rows and counts, unless the work folder has them already."""
    path = job.work / "counts.npz"
    if not path.exists():
        n_documents = write_shards(lm, job)
        digest, by_shard = hashlib.sha256(), []
        documents = np.zeros(lm.vocab_size, dtype=np.int64)
        for index in range(job.n_shards):
            shard = load_shard(job.work, index)
            digest.update(
                shard.tokens.astype("<i4").tobytes() + shard.lengths.astype("<i8").tobytes()
            )
            counts, in_documents = count_shard(shard, lm.vocab_size, lm.special_ids)
            by_shard.append(counts)
            documents += in_documents
        save_arrays(
            path,
            by_shard=np.stack(by_shard),
            documents=documents,
            n_documents=np.array(n_documents),
            special=np.array(sorted(lm.special_ids), dtype=np.int64),
            stream=np.frombuffer(digest.digest(), dtype=np.uint8),
        )
    return load_tokens(job.work, job.function_share)


def load_tokens(work: Path, function_share: float) -> TokenTable:
    """The counts of the stage `tokens`; BadInput where it has not run or counted nothing."""
    saved = load_arrays(work / "counts.npz", "tokens")
    counts, special = saved["by_shard"].sum(axis=0), saved["special"].tolist()
    if not counts.any():
        raise BadInput("the corpus holds no token that is not special: nothing can be counted.")
    return TokenTable(
        saved["by_shard"],
        saved["documents"],
        int(saved["n_documents"]),
        by_frequency(counts, special),
        classify(counts, special, function_share),
        saved["stream"].tobytes().hex(),
    )
